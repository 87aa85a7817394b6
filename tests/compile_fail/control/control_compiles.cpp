// expect: compiles
#include "espalier/describe/task.hpp"
namespace esp = espalier;
const double weight = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}>::weight;
