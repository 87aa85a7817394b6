// expect: compiles
#include "espalier/describe/layers.hpp"
const int width = espalier::Mlp<64, 32>::width(3);
