// expect: espalier: PastItems names the columns of keys, items and times, and how many of the last items are read, 1 to 65536, and its Delay is 0 or more: PastItems<"user_id", "video_id", "time_ms", 50>
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/past_items.hpp"
#include "espalier/describe/sequence.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::PastItems<"user_id", "video_id", "time_ms", 50, esp::Delay<-1>>;
using Inputs = esp::Inputs<esp::Categorical<"video_id", 4>, esp::Sequence<Watched>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
