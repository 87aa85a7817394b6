// expect: espalier: two tasks have the same name
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using A = esp::Task<"click", esp::BinaryCrossEntropy>;
using B = esp::Task<"click", esp::MeanSquaredError>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>, esp::SharedBottom<esp::Mlp<8>>, A, B> {
};
const auto& plan = esp::plan_of<Model>();
