// expect: espalier: BalancedLoad's weight must not be negative
#include "espalier/describe/sharing.hpp"
namespace esp = espalier;
esp::BalancedLoad<esp::Weight{-1.0}> option;
