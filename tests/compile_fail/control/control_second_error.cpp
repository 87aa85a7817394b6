// expect: espalier: the sentence that was expected
#include "espalier/core/config.hpp"
int before = wrong;
static_assert(sizeof(espalier::Index) == 1, "espalier: the sentence that was expected");
