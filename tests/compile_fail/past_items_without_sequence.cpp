// expect: espalier: Sequence reads PastItems, or a categorical or hashed field with Last: Sequence<Categorical<"watched", 16, Last<50>>, ...>, and both have no other use
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/past_items.hpp"
#include "espalier/describe/sequence.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Inputs = esp::Inputs<esp::Categorical<"video_id", 4>,
                           esp::PastItems<"user_id", "video_id", "time_ms", 50>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
