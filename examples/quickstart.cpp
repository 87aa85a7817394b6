// SPDX-License-Identifier: Apache-2.0
// The README's model on real impressions of a short-video app (KuaiRand-Pure): will this user
// click, stay for a long view, and how long will they watch? A long view follows a click as a
// purchase does in a shop.
#include "common/experiment.hpp"
#include "common/kuairand.hpp"

namespace {

namespace esp = espalier;

constexpr int experts = 4;
using Expert = esp::Layers<esp::Dense<128>, esp::Dropout<esp::Rate{0.2}>, esp::Dense<64>>;

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<32>,
                        esp::Label<"is_click">>;
using LongView = esp::Task<"long_view", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<32>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<32>,
                        esp::Label<"log_watch_seconds", esp::AsIs>>;

struct Model : esp::MultiTaskModel<examples::kuairand::Inputs, esp::Mmoe<experts, Expert>, Click,
                                   LongView, Watch> {};

}  // namespace

int main(int argc, char** argv) {
  examples::Example example{
      .name = "quickstart",
      .about =
          "Trains a mixture of experts on real impressions: click, long view and watch time at "
          "once.",
      .model_names = {"mmoe"},
      .default_model = "mmoe",
      .recipe = esp::recommended(),
      .optimizer = [](double rate) -> esp::Optimizer { return esp::Adam{.learning_rate = rate}; },
      .ids = {"user_id", "video_id"},
  };
  example.models = [] { return std::vector{examples::named<Model>("mmoe")}; };
  example.load = [](const examples::Options& o) {
    examples::kuairand::Groups groups;
    return examples::kuairand::load(o.data, o.download, groups);
  };
  return examples::run(argc, argv, std::move(example));
}
