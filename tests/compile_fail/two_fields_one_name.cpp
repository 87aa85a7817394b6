// expect: espalier: two input fields have the same name
#include "espalier/espalier.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"age", 4>>;
const int width = Inputs::width;
