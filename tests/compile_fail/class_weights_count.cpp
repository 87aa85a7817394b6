// expect: espalier: ClassWeights has one weight for each class of softmax cross-entropy, in order
// lines: 29
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight =
    esp::Task<"kind", esp::SoftmaxCrossEntropy<3, esp::ClassWeights{1.0, 4.0}>>::weight;
