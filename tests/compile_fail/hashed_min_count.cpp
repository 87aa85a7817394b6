// expect: espalier: Hashed has no vocabulary for MinCount to count in
#include "espalier/espalier.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Hashed<"user", 100, 8, esp::MinCount<2>>>;
const int width = Inputs::width;
