// expect: espalier: MeanOf and CountOf name the column of days, Before<"date">
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::CountOf<esp::By<"user">, esp::Log1p>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
