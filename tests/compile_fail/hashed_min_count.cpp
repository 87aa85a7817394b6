// expect: espalier: Hashed has no vocabulary for MinCount to count in
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<esp::Hashed<"user", 100, 8, esp::MinCount<2>>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
