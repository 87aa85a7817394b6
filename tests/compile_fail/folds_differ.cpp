// expect: espalier: two inputs read one column of the rows before, and differ in their keys, Smoothing, column of days or Folds
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs =
    esp::Inputs<esp::MeanOf<"click", esp::By<"user">, esp::Folds<5>>,
                esp::Bucketed<esp::MeanOf<"click", esp::By<"user">, esp::Folds<4>>, 8, 2>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
