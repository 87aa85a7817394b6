// expect: espalier: MeanOf and CountOf name the column of days, Before<"date">
#include "espalier/espalier.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::SincePrevious<esp::By<"user">>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
