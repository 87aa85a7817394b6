// SPDX-License-Identifier: Apache-2.0
// Parameter groups with their own learning rate factor and weight decay, selected by tensor name.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>

#include "espalier/exec/random_batch.hpp"
#include "support/made_up.hpp"
#include "support/optimizers.hpp"
#include "support/worst.hpp"

using namespace espalier_test;

namespace {

using Groups = std::vector<esp::ParameterGroup>;
const std::vector<esp::Index> rows{50, 30};

/// Trains on a few batches; clips in every other step.
template <class Model, class T = float>
esp::Parameters<T> learnt(const esp::Optimizer& optimizer, const Groups& groups,
                          const std::vector<std::string>& freeze = {}, int threads = 2) {
  esp::TrainExecutor<T> executor(esp::program_of<Model, T, esp::Cpu>(), rows, 40, threads);
  esp::initialize(executor.plan(), 3, executor.parameters());
  executor.prepare(optimizer, freeze, groups);
  for (int step = 1; step <= 6; ++step) {
    const esp::RandomBatch<T> data(executor.plan(), 40, rows, static_cast<std::uint64_t>(step));
    executor.forward_backward(data.batch(), std::vector<double>{1, 0.5},
                              static_cast<std::uint64_t>(step));
    executor.update({step, 0.75, 1}, step % 2 == 0 ? 0.1 : 0);
  }
  return executor.parameters();
}

/// The group index of each tensor and table; 0: none, −1: frozen.
template <class Model>
std::map<std::string, int> groups_of(const Groups& groups,
                                     const std::vector<std::string>& freeze = {}) {
  const esp::PlanView& plan = esp::plan_of<Model>();
  const esp::FreezeMask freeze_mask(plan, freeze, groups);
  std::map<std::string, int> found;
  for (const esp::ParameterInfo& t : plan.tensors) {
    for (const esp::FreezeMask::Chunk& chunk : freeze_mask.chunks()) {
      if (t.trainable && chunk.begin <= t.offset && t.offset < chunk.end)
        found[std::string(t.name.view())] = chunk.group;
    }
  }
  for (int t = 0; t < plan.sizes.tables; ++t)
    found[std::string(plan.tables[static_cast<std::size_t>(t)].name.view())] =
        freeze_mask.table_group(t);
  return found;
}

/// A user-defined optimizer without weight decay.
struct Sign {
  double learning_rate = 0.5;
  static constexpr std::string_view name = "sign";
  static constexpr int states = 0;
  [[nodiscard]] auto hyper_parameters() const {
    return std::array{esp::HyperParameter{"learning_rate", learning_rate}};
  }
  template <class T>
  [[nodiscard]] auto formula(const esp::UpdateStep& step) const {
    return [rate = static_cast<T>(learning_rate * step.rate)](auto& p, auto g) {
      p -= rate * g / esp::square_root(g * g);
    };
  }
};

}  // namespace

TEST_CASE("groups: the first pattern that fits counts, and freeze before any") {
  const auto found = groups_of<Normed>(
      {{.pattern = "embedding/user", .rate = 2}, {.pattern = "embedding/*"}, {.pattern = "*/bias"}},
      {"watch/dense0/*"});
  CHECK(found.at("embedding/user") == 1);
  CHECK(found.at("embedding/tags") == 2);
  CHECK(found.at("shared/dense0/bias") == 3);
  CHECK(found.at("click/dense1/bias") == 3);
  CHECK(found.at("shared/dense0/weight") == 0);
  CHECK(found.at("watch/dense0/bias") == -1);
  CHECK(found.at("watch/dense0/weight") == -1);
  CHECK(found.at("watch/dense1/bias") == 3);
  for (const auto& [name, group] : groups_of<Normed>({})) CHECK(group == 0);
}

TEST_CASE("groups: a step is that of the formula with the group's rate and decay") {
  using Executor = esp::TrainExecutor<double>;
  Executor executor(esp::program_of<Bottom, double, esp::Cpu>(), rows, 24, 2);
  const esp::PlanView& plan = executor.plan();
  esp::initialize(plan, 3, executor.parameters());
  const Groups groups{{.pattern = "embedding/tags", .rate = 0.25, .weight_decay = 0.5},
                      {.pattern = "*/bias", .weight_decay = 0.0},
                      {.pattern = "shared/*", .rate = 3}};
  executor.prepare(esp::Sgd{.learning_rate = 0.1, .weight_decay = 0.02}, {}, groups);
  for (int step = 1; step <= 3; ++step) {
    const esp::RandomBatch<double> data(plan, 24, rows, static_cast<std::uint64_t>(step));
    executor.forward_backward(data.batch(), std::vector<double>{1, 0.5}, 7);
    std::vector<double> gradient(static_cast<std::size_t>(plan.sizes.parameters));
    executor.read_gradient(gradient);
    esp::Parameters<double> expected = executor.parameters();
    const auto learn = [](double& p, double g, double rate, double decay) {
      p -= 0.1 * 0.5 * rate * (g + decay * p);
    };
    for (const esp::ParameterInfo& t : plan.tensors) {
      const bool bias = t.name.view().ends_with("/bias"),
                 shared = t.name.view().starts_with("shared/");
      for (auto i = static_cast<std::size_t>(t.offset);
           i < static_cast<std::size_t>(t.offset + t.size()); ++i)
        learn(expected.dense[i], gradient[i], !bias && shared ? 3 : 1, bias ? 0 : 0.02);
    }
    auto& sparse = executor.collect_sparse();
    for (esp::Index s = 0; s < sparse.shards(); ++s) {
      const auto& shard = sparse.shard(s);
      const bool tags =
          plan.tables[static_cast<std::size_t>(shard.table)].name.view() == "embedding/tags";
      for (esp::Index r = 0; r < shard.count(); ++r) {
        for (esp::Index i = 0; i < shard.width; ++i) {
          const esp::Index at = shard.rows[static_cast<std::size_t>(r)] * shard.width + i;
          learn(
              expected.tables[static_cast<std::size_t>(shard.table)][static_cast<std::size_t>(at)],
              shard.sums[static_cast<std::size_t>(r * shard.width + i)], tags ? 0.25 : 1,
              tags ? 0.5 : 0.02);
        }
      }
    }
    executor.update({step, 0.5, 1});
    double worst = 0;
    const auto compare = [&](std::span<const double> a, std::span<const double> b) {
      for (std::size_t i = 0; i < a.size(); ++i)
        espalier_test::keep_worst(worst, std::abs(a[i] - b[i]));
    };
    compare(executor.parameters().dense.span(), expected.dense.span());
    for (std::size_t t = 0; t < expected.tables.size(); ++t)
      compare(executor.parameters().tables[t].span(), expected.tables[t].span());
    CHECK(worst < 1e-14);
  }
}

TEST_CASE("groups: every optimiser that has a weight decay takes a group's") {
  // A power of two: bitwise equal.
  const Groups half{{.pattern = "*", .rate = 0.5, .weight_decay = 0.25}};
  const auto check = [&](auto optimizer) {
    CAPTURE(std::string(optimizer.name));
    optimizer.learning_rate = 0.02;
    optimizer.weight_decay = 0.1;
    const esp::Parameters<float> grouped = learnt<Bottom>(optimizer, half);
    const esp::Parameters<float> plain = learnt<Bottom>(optimizer, {});
    optimizer.learning_rate = 0.01;
    optimizer.weight_decay = 0.25;
    const esp::Parameters<float> expected = learnt<Bottom>(optimizer, {});
    CHECK(same_bits(grouped, expected));
    CHECK_FALSE(same_bits(grouped, plain));
  };
  espalier_test::for_each_optimizer([&](const auto& optimizer) {
    if constexpr (requires { optimizer.weight_decay; }) check(optimizer);
  });
}

TEST_CASE("groups: the same bits for any number of threads; rate 1 and no decay change nothing") {
  const Groups groups{{.pattern = "embedding/*", .rate = 0.3, .weight_decay = 1e-2},
                      {.pattern = "*/bias", .weight_decay = 0.0}};
  const esp::Parameters<float> one =
      learnt<Experts>(esp::AdamW{.learning_rate = 0.01}, groups, {"click/*"}, 1);
  CHECK(same_bits(one, learnt<Experts>(esp::AdamW{.learning_rate = 0.01}, groups, {"click/*"}, 2)));
  CHECK(
      same_bits(learnt<Bottom>(esp::Adam{}, {{.pattern = "*"}}), learnt<Bottom>(esp::Adam{}, {})));
}

TEST_CASE("groups: what cannot be is said before anything is learnt") {
  const auto refused = [](const Groups& groups, const esp::Optimizer& optimizer = esp::Adam{}) {
    return message_of([&] {
      esp::TrainerOptions o = quick_options();
      o.optimizer = optimizer;
      o.groups = groups;
      esp::Trainer<Bottom> trainer(o);
    });
  };
  CHECK(refused({{.pattern = "*/bias", .weight_decay = 0.0}}) == "accepted");
  CHECK(refused({{.pattern = "bottom/*"}}) ==
        "group pattern 'bottom/*' fits no tensor; there are e.g. 'shared/dense0/weight', "
        "'shared/dense0/bias', "
        "'shared/dense2/weight', 'shared/dense2/bias', 'embedding/user'");
  CHECK(refused({{.pattern = "*"}, {.pattern = "*/bias"}}) ==
        "group pattern '*/bias' fits only what patterns before it fit, and the first one counts; "
        "expected it before them");
  CHECK(refused({{.pattern = "*/bias", .rate = -1}}) ==
        "group '*/bias': rate is -1, expected a factor of 0 or more on the learning rate");
  CHECK(
      refused({{.pattern = "*/bias", .rate = std::nan("")}}).find("group '*/bias': rate is nan") ==
      0);
  CHECK(refused({{.pattern = "*/bias", .weight_decay = -0.5}}) ==
        "group '*/bias': adam: weight_decay is -0.5; expected a number in [0, inf)");
  CHECK(refused({{.pattern = "*/bias", .weight_decay = 0.0}}, Sign{}) ==
        "group '*/bias' has weight_decay 0, but optimizer 'sign' has no weight_decay");
  CHECK(refused({{.pattern = "*/bias", .rate = 0.5}}, Sign{}) == "accepted");
}
