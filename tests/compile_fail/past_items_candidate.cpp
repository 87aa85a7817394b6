// expect: espalier: past items have the vectors of the candidate, a field of the same Inputs with one value a row: PastItems<"user_id", "video_id", "time_ms", 50> those of Categorical<"video_id", 16>
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/past_items.hpp"
#include "espalier/describe/sequence.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Tower<4>>;
using Watched = esp::PastItems<"user_id", "video_id", "time_ms", 50>;
using Inputs = esp::Inputs<esp::Categorical<"user_id", 4>, esp::MultiCategorical<"video_id", 4>,
                           esp::Sequence<Watched>>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
