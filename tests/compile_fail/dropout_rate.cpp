// expect: espalier: Dropout's rate must lie in [0, 1)
#include "espalier/espalier.hpp"
const int width = espalier::Layers<espalier::Dropout<espalier::Rate{1.0}>>::width(3);
