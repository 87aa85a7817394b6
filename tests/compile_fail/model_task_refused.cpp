// expect: espalier: a task's weight must not be negative
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{-1.0}>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>, esp::SharedBottom<esp::Mlp<4>>, Click> {
};
const auto& plan = esp::plan_of<Model>();
