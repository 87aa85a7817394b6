// expect: espalier: ByName is for labels that are classes, for losses such as SoftmaxCrossEntropy
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight =
    esp::Task<"click", esp::BinaryCrossEntropy, esp::Label<"clicked", esp::ByName>>::weight;
