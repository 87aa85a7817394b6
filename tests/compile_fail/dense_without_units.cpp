// expect: espalier: Dense needs at least one unit
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age">>,
                                   esp::SharedBottom<esp::Mlp<64, 0>>, Click> {};
const auto& plan = esp::plan_of<Model>();
