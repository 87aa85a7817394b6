// expect: espalier: a task has one Tower
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
const double weight = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<8>, esp::Weight{1.0},
                                esp::Tower<4>>::weight;
