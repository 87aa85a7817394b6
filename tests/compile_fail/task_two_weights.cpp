// expect: espalier: a task has one Weight
#include "espalier/espalier.hpp"
namespace esp = espalier;
const double weight = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Weight{0.5}>::weight;
