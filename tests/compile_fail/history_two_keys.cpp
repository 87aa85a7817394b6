// expect: espalier: two inputs read one column of the rows before, and differ in their keys
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs =
    esp::Inputs<esp::CountOf<esp::By<"a", "b_c">, esp::Before<"day">>,
                esp::Bucketed<esp::CountOf<esp::By<"a_b", "c">, esp::Before<"day">>, 8, 2>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
