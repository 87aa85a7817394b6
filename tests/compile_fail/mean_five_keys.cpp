// expect: espalier: inputs of the rows before name 1 to 4 columns by which they go
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs =
    esp::Inputs<esp::MeanOf<"click", esp::By<"a", "b", "c", "d", "e">, esp::Before<"day">>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
