// expect: espalier: Gated needs GateDropout, BalancedLoad or both
#include "espalier/describe/sharing.hpp"
namespace esp = espalier;
esp::Gated<esp::Mmoe<2, esp::Mlp<4>>> gated;
