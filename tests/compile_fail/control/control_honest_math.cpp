// expect: compiles
// flags: -ffast-math -fno-finite-math-only -fno-rtti
#include "espalier/core/config.hpp"
const espalier::Index one = 1;
