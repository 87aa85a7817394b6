// expect: espalier: GateDropout's rate must lie in [0, 1)
#include "espalier/describe/sharing.hpp"
namespace esp = espalier;
esp::GateDropout<esp::Rate{1.0}> option;
