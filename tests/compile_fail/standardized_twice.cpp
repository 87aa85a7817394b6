// expect: espalier: a numeric field is standardised once
#include "espalier/espalier.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Numeric<"age", esp::Standardize, esp::Log1p, esp::Standardize>>;
const int width = Inputs::width;
