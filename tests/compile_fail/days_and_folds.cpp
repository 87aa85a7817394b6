// expect: espalier: MeanOf and CountOf go by the days of one column, Before<"date">, or where there is none by Folds<5>: one of them is given, once
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs =
    esp::Inputs<esp::MeanOf<"click", esp::By<"user">, esp::Folds<5>, esp::Before<"day">>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
