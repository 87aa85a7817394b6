// expect: espalier: the weight of a class must be greater than 0
// lines: 29
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight =
    esp::Task<"kind", esp::SoftmaxCrossEntropy<3, esp::ClassWeights{1.0, 0.0, 2.0}>>::weight;
