// expect: espalier: Equals, OneOf and AtLeast make labels of 0 and 1, for losses such as BinaryCrossEntropy
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight =
    esp::Task<"stars", esp::MeanSquaredError, esp::Label<"stars", esp::AtLeast<4>>>::weight;
