// SPDX-License-Identifier: Apache-2.0
// Short videos: will this user click, watch on, and for how long? Real impressions (KuaiRand-Pure), three tasks or all
// eight kinds of feedback, with an encoder for each task, a shared one, or a mixture of experts.
#include "common/experiment.hpp"
#include "common/kuairand.hpp"

namespace {

namespace esp = espalier;

constexpr int embedding_width = 8;
constexpr int experts = 4;
constexpr esp::Rate dropout{0.2};

using Encoder = esp::Layers<esp::Dense<128>, esp::Dropout<dropout>, esp::Dense<64>>;
using Tower = esp::Tower<32>;
using Inputs = examples::kuairand::Inputs<embedding_width>;

template <esp::FixedString Name, esp::FixedString Column, esp::Weight W = esp::Weight{1.0}>
using Feedback = esp::Task<Name, esp::BinaryCrossEntropy, W, Tower, esp::Label<Column>>;

using Click = Feedback<"click", "is_click">;
using LongView = Feedback<"long_view", "long_view">;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, Tower, esp::Label<"log_watch_seconds">>;
using Like = Feedback<"like", "is_like">;
using Follow = Feedback<"follow", "is_follow">;
using Comment = Feedback<"comment", "is_comment">;
using Forward = Feedback<"forward", "is_forward">;
using Hate = Feedback<"hate", "is_hate">;

template <class Sharing>
struct Three : esp::MultiTaskModel<Inputs, Sharing, Click, LongView, Watch> {};
template <class Sharing>
struct Eight : esp::MultiTaskModel<Inputs, Sharing, Click, LongView, Watch, Like, Follow, Comment, Forward, Hate> {};

template <template <class> class Model>
std::vector<examples::NamedModel> models() {
  return {examples::named<Model<esp::SingleTask<Encoder>>>("single"),
          examples::named<Model<esp::SharedBottom<Encoder>>>("shared"),
          examples::named<Model<esp::Mmoe<experts, Encoder>>>("mmoe")};
}

}  // namespace

int main(int argc, char** argv) {
  std::string tasks = "three";
  examples::Example example{
      .name = "short_video",
      .about = "Predicts click, long view and watch time (or all eight kinds of feedback) of short videos.",
      .model_names = {"single", "shared", "mmoe"},
      .default_model = "mmoe",
      .recipe = {.epochs = 10, .batch_size = 1024, .optimizer = esp::Adam{.learning_rate = 1e-3}, .patience = 2},
      .optimizer = [](double rate) -> esp::Optimizer { return esp::Adam{.learning_rate = rate}; },
  };
  example.more_options = [&](CLI::App& app) {
    app.add_option("--tasks", tasks, "three: click, long_view, watch. all: like, follow, comment, forward, hate too")
        ->check(CLI::IsMember({"three", "all"}));
  };
  example.models = [&] { return tasks == "all" ? models<Eight>() : models<Three>(); };
  example.load = [](const examples::Options& o) { return examples::kuairand::load(o.data, o.download); };
  return examples::run(argc, argv, std::move(example));
}
