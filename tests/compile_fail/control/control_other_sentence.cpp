// expect: espalier: the sentence that was expected
#include "espalier/core/config.hpp"
static_assert(sizeof(espalier::Index) == 1, "espalier: another sentence");
