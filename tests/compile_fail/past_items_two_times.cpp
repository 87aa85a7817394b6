// expect: espalier: the inputs of one model that go by time name the same column of times
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/past_items.hpp"
#include "espalier/describe/sequence.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Watched = esp::PastItems<"user", "video", "time", 50>;
using Inputs = esp::Inputs<esp::Categorical<"video", 4>, esp::Sequence<Watched>,
                           esp::SincePrevious<esp::By<"user">, "hour">>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
