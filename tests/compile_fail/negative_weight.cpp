// expect: espalier: a task's weight must not be negative
#include "espalier/espalier.hpp"
namespace esp = espalier;
const double weight = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{-1.0}>::weight;
