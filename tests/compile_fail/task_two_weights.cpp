// expect: espalier: a task has one Weight
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight =
    esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Weight{0.5}>::weight;
