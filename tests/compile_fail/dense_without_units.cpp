// expect: espalier: Dense needs at least one unit
#include "espalier/espalier.hpp"
const int width = espalier::Mlp<64, 0>::width(3);
