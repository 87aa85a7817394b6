// expect: espalier: Smoothing is 0 or more rows
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs =
    esp::Inputs<esp::MeanOf<"click", esp::By<"user">, esp::Before<"day">, esp::Smoothing<-1>>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
