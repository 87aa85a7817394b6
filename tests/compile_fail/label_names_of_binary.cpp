// expect: espalier: ByName is for labels that are classes, for losses such as SoftmaxCrossEntropy
#include "espalier/espalier.hpp"
namespace esp = espalier;
const double weight = esp::Task<"click", esp::BinaryCrossEntropy, esp::Label<"clicked", esp::ByName>>::weight;
