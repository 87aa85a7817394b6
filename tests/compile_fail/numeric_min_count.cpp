// expect: espalier: MinCount, SharedTable, Pooled and Last are options of categorical fields
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
using Watch = esp::Task<"watch", esp::MeanSquaredError>;
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 8>>;
using Shared = esp::SharedBottom<esp::Mlp<64, 32>>;
struct Model
    : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"age", esp::MinCount<3>>>, Shared, Click> {};
const auto& plan = esp::plan_of<Model>();
