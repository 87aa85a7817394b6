// SPDX-License-Identifier: Apache-2.0
// Short videos: will this user click, watch on, and for how long? Real impressions (KuaiRand-Pure),
// three tasks or all eight kinds of feedback, with any sharing method.
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "common/kuairand.hpp"
#include "common/sharing.hpp"

namespace {

namespace esp = espalier;

constexpr int experts = 4;
constexpr esp::Rate dropout{0.2};
using Ipw = esp::Ipw<esp::Weight{0.1}, esp::Floor{0.1}>;
using Dr = esp::Dr<esp::Weight{0.1}, esp::Floor{0.1}>;

using Lower = esp::Layers<esp::Dense<128>, esp::Dropout<dropout>>;
using Upper = esp::Mlp<64>;
using Encoder = esp::Layers<esp::Dense<128>, esp::Dropout<dropout>, esp::Dense<64>>;
constexpr auto tower = esp::Tower<32>;
using examples::kuairand::embedding_width;
using examples::kuairand::Inputs;

template <esp::FixedString Name, esp::FixedString Column, esp::Weight W = esp::Weight{1.0}>
using Feedback = esp::Task<Name, esp::BinaryCrossEntropy, W, tower, esp::Label<Column>>;

using Click = Feedback<"click", "is_click">;
using LongView = Feedback<"long_view", "long_view">;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, tower,
                        esp::Label<"log_watch_seconds", esp::AsIs>>;
using Like = Feedback<"like", "is_like">;
using Follow = Feedback<"follow", "is_follow">;
using Comment = Feedback<"comment", "is_comment">;
using Forward = Feedback<"forward", "is_forward">;
using Hate = Feedback<"hate", "is_hate">;

template <class Sharing>
struct Three : esp::MultiTaskModel<Inputs, Sharing, Click, LongView, Watch> {};
template <class Sharing>
struct Eight : esp::MultiTaskModel<Inputs, Sharing, Click, LongView, Watch, Like, Follow, Comment,
                                   Forward, Hate> {};

// Home's categories: watching and acting for the eight kinds of feedback; for the three tasks,
// watch time has its own.
using HomeOfThree =
    esp::Home<2, 8, 128, 64, esp::Category<"click", "long_view">, esp::Category<"watch">>;
using HomeOfEight = esp::Home<2, 8, 128, 64, esp::Category<"click", "long_view", "watch">,
                              esp::Category<"like", "follow", "comment", "forward", "hate">>;

template <template <class> class Model, class Home>
std::vector<examples::NamedModel> models() {
  using examples::named;
  return joined(
      examples::sharing_models<Model, experts, Encoder, Encoder, Lower, Upper>(),
      {named<Model<esp::Branches<Lower, esp::Branch<Upper, "click", "long_view">,
                                 esp::Branch<Upper, "watch">>>>("branches"),
       named<Model<esp::Esmm<Encoder, "click", "long_view">>>("esmm"),
       named<Model<esp::Escm2<Encoder, Ipw, "click", "long_view">>>("escm2_ipw"),
       named<Model<esp::Escm2<Encoder, Dr, "click", "long_view">>>("escm2_dr"),
       named<Model<esp::Aitm<Encoder, "click", "long_view">>>("aitm"),
       named<Model<esp::Dbmtl<Encoder, esp::Mlp<32>, esp::Reads<"long_view", "click">,
                              esp::Reads<"watch", "long_view">>>>("dbmtl"),
       named<Model<esp::PepNet<esp::Domain<"tab">, esp::Person<"user_id", "video_id">, 128, 64>>>(
           "pepnet"),
       named<Model<Home>>("home"), named<Model<esp::Star<"tab", 15, Encoder>>>("star"),
       named<Model<esp::MetaHeac<experts, 2, embedding_width, Encoder>>>("meta_heac"),
       named<Model<esp::Hmoe<esp::Mmoe<experts, Encoder>, "click", "long_view">>>("hmoe")});
}

}  // namespace

int main(int argc, char** argv) {
  std::string tasks = "three";
  std::vector<std::string> without;
  examples::kuairand::Groups groups;
  examples::Example example{
      .name = "short_video",
      .about =
          "Predicts click, long view and watch time (or all eight kinds of feedback) of short "
          "videos.",
      .model_names = names_of(models<Three, HomeOfThree>()),
      .default_model = "mmoe",
      .recipe = esp::recommended(),
      .optimizer = [](double rate) -> esp::Optimizer { return esp::Adam{.learning_rate = rate}; },
      .ids = {"user_id", "video_id"},
  };
  example.more_options = [&](CLI::App& app) {
    app.add_option("--tasks", tasks,
                   "three: click, long_view, watch. all: like, follow, comment, forward, hate too")
        ->check(CLI::IsMember({"three", "all"}));
    app.add_option(
           "--without", without,
           "Groups of inputs to leave empty. history: what users had watched before the first day. "
           "session: since when the user is here. days: statistics of earlier days")
        ->delimiter(',')
        ->check(CLI::IsMember({"history", "session", "days"}));
    app.add_flag("--keep-copies", groups.copies,
                 "Keep rows whose user, video and time another row has too");
  };
  example.settings = [&] {
    nlohmann::ordered_json settings{{"copies", groups.copies}};
    for (const std::string& group : without) settings[group] = false;
    return settings;
  };
  example.models = [&] {
    return tasks == "all" ? models<Eight, HomeOfEight>() : models<Three, HomeOfThree>();
  };
  example.load = [&](const examples::Options& o) {
    for (const std::string& group : without) {
      (group == "history"   ? groups.history
       : group == "session" ? groups.session
                            : groups.days) = false;
    }
    return examples::kuairand::load(o.data, o.download, groups);
  };
  return examples::run(argc, argv, std::move(example));
}
