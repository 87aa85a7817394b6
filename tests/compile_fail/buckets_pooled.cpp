// expect: espalier: MinCount, SharedTable, Pooled and Last are options of categorical fields
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Buckets<"age", 16, 4, esp::Pooled<esp::Pool::sum>>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
