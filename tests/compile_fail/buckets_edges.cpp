// expect: espalier: Edges must ascend, and be finite
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Buckets<"age", esp::Edges{18, 65, 25}, 4>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
