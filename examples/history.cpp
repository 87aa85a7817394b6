// SPDX-License-Identifier: Apache-2.0
// Histories: does it help to know which videos a user clicked before, and in which order? Real
// impressions (KuaiRand-Pure); the same model with the history pooled, compared with the candidate,
// or encoded by a Transformer, a GRU or HSTU. `--compare-models` puts them side by side.
#include "common/kuairand.hpp"
#include "common/sharing.hpp"
#include "espalier/sequences.hpp"

namespace {

namespace esp = espalier;

constexpr int width = 16;   // of a video
constexpr int latest = 50;  // videos of a history
constexpr esp::Rate dropout{0.2};

using Video = esp::Categorical<"video", width, esp::From<"video_id">, esp::MinCount<2>>;
using Past = esp::Categorical<"past", width, esp::Last<latest, ' '>, esp::SharedTable<"video">>;

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<32>,
                        esp::Label<"is_click">>;
using LongView = esp::Task<"long_view", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<32>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<32>,
                        esp::Label<"log_watch_seconds", esp::AsIs>>;
using Encoder = esp::Layers<esp::Dense<128>, esp::Dropout<dropout>, esp::Dense<64>>;

template <class... History>
struct Model : esp::MultiTaskModel<
                   esp::JoinedInputs<examples::kuairand::Inputs, esp::Inputs<Video, History...>>,
                   esp::SharedBottom<Encoder>, Click, LongView, Watch> {};

/// The history with these layers and this way to pool it.
template <class... Parts>
using With = Model<esp::Sequence<Past, Parts...>>;

std::vector<examples::NamedModel> models() {
  using examples::named;
  return {
      named<Model<>>("none"),
      named<With<esp::MeanOfSteps>>("mean"),
      named<With<esp::Target<"video", 2>>>("target"),
      named<With<esp::Din<"video", 32>>>("din"),
      named<With<esp::Transformer<esp::Heads<2>, esp::FeedForward<32>,
                                  esp::SequenceDropout<esp::Rate{0.1}>>,
                 esp::Target<"video", 2>>>("transformer"),
      named<With<esp::Gru<width>, esp::Target<"video", 2>>>("gru"),
      named<With<esp::Hstu<esp::Heads<2>, esp::Causal, esp::SequenceDropout<esp::Rate{0.1}>>,
                 esp::Target<"video", 2>>>("hstu"),
  };
}

/// The column `past`: videos that the user watched before the first day, then those clicked since,
/// up to a minute ago.
void add_history(esp::Table& table) {
  esp::PastItemsOptions o;
  o.key = "user_id";
  o.item = "video_id";
  o.time = "time_ms";
  o.delay = 60'000;
  o.most = latest;
  o.where = "is_click";
  o.name = "clicked";
  o.separator = ' ';
  esp::add_past_items(table, o);
  const esp::Column &before = table.column("watch_seq"), &since = table.column("clicked");
  std::vector<std::string> past;
  for (esp::Index i = 0; i < table.rows(); ++i) {
    std::string& cell = past.emplace_back(before.at(i));
    if (!cell.empty() && !since.at(i).empty()) cell += ' ';
    cell += since.at(i);
  }
  table.add("past", past);
}

}  // namespace

int main(int argc, char** argv) {
  examples::kuairand::Groups groups;
  examples::Example example{
      .name = "history",
      .about = "Predicts click, long view and watch time from what users watched before.",
      .model_names = names_of(models()),
      .default_model = "target",
      .recipe = esp::recommended(),
      .optimizer = [](double rate) -> esp::Optimizer { return esp::Adam{.learning_rate = rate}; },
      .ids = {"user_id", "video_id"},
  };
  example.models = models;
  example.load = [&](const examples::Options& o) {
    return examples::kuairand::load(o.data, o.download, groups, &add_history);
  };
  return examples::run(argc, argv, std::move(example));
}
