// expect: espalier: two sentences
// lines: 2
#include "espalier/core/config.hpp"
static_assert(sizeof(espalier::Index) == 1, "espalier: two sentences");
static_assert(sizeof(espalier::Index) == 2, "espalier: two sentences");
