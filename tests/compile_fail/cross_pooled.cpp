// expect: espalier: Cross takes one value of each column, and not Pooled
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Cross<"user", "genres", 1000, 4, esp::Pooled<esp::Pool::mean>>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
