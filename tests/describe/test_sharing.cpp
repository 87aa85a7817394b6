// SPDX-License-Identifier: Apache-2.0
// Tests of every sharing method: gradients compared with finite differences, which task trains
// which parameters, parameter counts.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "describe/sharing_models.hpp"
#include "espalier/exec/check_gradients.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/report/gate_usage.hpp"
#include "support/worst.hpp"

using namespace espalier_test;

namespace {

using Values = std::vector<double>;

/// All predictions, task by task.
template <class Run>
Values predictions(const esp::PlanView& plan, esp::Index samples, Run run) {
  std::vector<Values> by_task;
  std::vector<double*> out;
  for (const esp::TaskInfo& task : plan.tasks)
    by_task.emplace_back(static_cast<std::size_t>(samples * task.outputs));
  for (Values& v : by_task) out.push_back(v.data());
  run(out);
  Values all;
  for (const Values& v : by_task) all.insert(all.end(), v.begin(), v.end());
  return all;
}

/// The values that tests/golden/architectures.py assigns to a tensor.
void from_name(std::string_view name, double* values, esp::Index count) {
  const double start = static_cast<double>(esp::detail::hash_name(name) % 1000) / 10;
  for (esp::Index i = 0; i < count; ++i)
    values[i] = 0.5 * std::sin(start + 1.3 * static_cast<double>(i));
}

/// The samples of tests/golden/architectures.py.
struct Fixture {
  Values numeric, labels;
  std::vector<std::int32_t> ids[2];
  esp::IdColumn columns[2];
  esp::Batch<double> batch;

  explicit Fixture(esp::Index samples) {
    for (int j = 0; j < samples; ++j) {
      for (int i = 0; i < 2; ++i) {
        numeric.push_back(std::cos(0.7 * j + 1.1 * i));
        ids[i].push_back((3 * j + 2 * i + 1) % 5);
      }
    }
    for (int j = 0; j < samples; ++j) labels.push_back(j == 4 ? std::nan("") : j % 2);
    for (int j = 0; j < samples; ++j) labels.push_back(j % 4 == 3 ? 1 : 0);
    for (int j = 0; j < samples; ++j) labels.push_back(std::sin(static_cast<double>(j)));
    for (int i = 0; i < 2; ++i) columns[i] = {ids[i].data(), nullptr};
    batch.size = samples;
    batch.numeric = {numeric.data(), 2, samples, 2};
    batch.ids = columns;
    batch.labels = {labels.data(), samples, 3, samples};
  }
};

}  // namespace

TEST_CASE("sharing: predictions and gradients are those of the same formulae in PyTorch") {
  struct Golden {
    std::string model;
    Values predictions;
    double loss = 0;
    std::vector<std::pair<std::string, double>> gradients;  ///< per tensor, Σ cos(i) · gradient_i
  };
  const std::vector<Golden> golden{
#include "describe/golden.inc"
  };
  for (const Entry& m : models()) {
    CAPTURE(m.golden);
    if (m.golden.empty()) continue;
    CHECK_MESSAGE(std::any_of(golden.begin(), golden.end(),
                              [&](const Golden& g) { return g.model == m.golden; }),
                  "no golden values: add the model to tests/golden/architectures.py and run it");
  }
  const esp::Index samples = 9;
  const Fixture data(samples);
  for (const Golden& g : golden) {
    CAPTURE(g.model);
    const auto found = std::find_if(models().begin(), models().end(),
                                    [&](const Entry& m) { return m.golden == g.model; });
    REQUIRE(found != models().end());
    const esp::PlanView& plan = found->program.plan;
    const std::vector<esp::Index> rows(esp::vocabulary_count(plan), 5);
    esp::TrainExecutor<double> executor(found->program, rows, samples, 1);
    esp::Parameters<double>& p = executor.parameters();
    esp::initialize(plan, 1, p);
    for (const esp::ParameterInfo& t : plan.tensors) {
      if (t.trainable) from_name(t.name.view(), p.dense.data() + t.offset, t.size());
    }
    for (std::size_t t = 0; t < p.tables.size(); ++t)
      from_name(plan.tables[t].name.view(), p.tables[t].data(), 10);

    const Values says =
        predictions(plan, samples, [&](const auto& out) { executor.predict(data.batch, out); });
    REQUIRE(says.size() == g.predictions.size());
    for (std::size_t i = 0; i < says.size(); ++i)
      CHECK(says[i] == doctest::Approx(g.predictions[i]).epsilon(1e-9));

    const std::vector<double> weights{1.0, 0.7, 0.5};
    const auto losses = executor.forward_backward(data.batch, weights, 1);
    if (g.gradients.empty()) continue;
    CHECK(losses[0] + 0.7 * losses[1] + 0.5 * losses[2] == doctest::Approx(g.loss).epsilon(1e-9));
    Values gradient(static_cast<std::size_t>(plan.sizes.parameters));
    executor.read_gradient(gradient);
    std::map<std::string, double> sums;
    for (const esp::ParameterInfo& t : plan.tensors) {
      if (!t.trainable) continue;
      double& sum = sums[std::string(t.name.view())];
      for (esp::Index i = 0; i < t.size(); ++i)
        sum += std::cos(static_cast<double>(i)) * gradient[static_cast<std::size_t>(t.offset + i)];
    }
    auto& sparse = executor.collect_sparse();
    for (esp::Index s = 0; s < sparse.shards(); ++s) {
      const auto& shard = sparse.shard(s);
      double& sum =
          sums[std::string(plan.tables[static_cast<std::size_t>(shard.table)].name.view())];
      for (esp::Index i = 0; i < 2 * shard.count(); ++i) {
        sum += std::cos(2.0 * static_cast<double>(shard.rows[static_cast<std::size_t>(i / 2)]) +
                        static_cast<double>(i % 2)) *
               shard.sums[static_cast<std::size_t>(i)];
      }
    }
    CHECK(sums.size() == g.gradients.size());
    for (const auto& expected : g.gradients) {
      CAPTURE(expected.first);
      CHECK(sums.count(expected.first) == 1);
      CHECK(std::abs(sums[expected.first] - expected.second) <
            1e-9 + 1e-9 * std::abs(expected.second));
    }
  }
}

TEST_CASE("sharing: every gradient, against differences") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    if (m.stops == Stops::within_task) continue;
    const bool apart = m.stops == Stops::between_tasks;
    for (int task = apart ? 0 : esp::shared_by_tasks; task < (apart ? 3 : 0); ++task) {
      esp::GradientCheckOptions options;
      options.task = task;
      const esp::GradientCheckResult result = esp::check_gradients(m.program, options);
      INFO(result.where);
      CHECK(result.checked > 50);
      CHECK(result.worst < 1e-4);
    }
  }
}

TEST_CASE(
    "sharing: what is said to be a task's own learns from no other task, what is shared from "
    "several") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    const esp::PlanView& plan = m.program.plan;
    const std::vector<esp::Index> rows(esp::vocabulary_count(plan), 5);
    const esp::RandomBatch<double> data(plan, 37, rows, 3);
    esp::TrainExecutor<double> executor(m.program, rows, 37, 1);
    esp::initialize(plan, 2, executor.parameters());
    std::vector<int> learners(plan.tensors.size(), 0);
    for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
      std::vector<double> weights(plan.tasks.size(), 0),
          gradient(static_cast<std::size_t>(plan.sizes.parameters));
      weights[k] = 1;
      executor.clear_gradient();
      executor.forward_backward(data.batch(), weights, 5);
      executor.read_gradient(gradient);
      for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
        const esp::ParameterInfo& t = plan.tensors[i];
        double largest = 0;
        for (esp::Index at = t.offset; t.trainable && at < t.offset + t.size(); ++at) {
          largest = (std::max)(largest, std::abs(gradient[static_cast<std::size_t>(at)]));
        }
        learners[i] += largest > 0 ? 1 : 0;
        INFO(t.name.view());
        if (t.task != esp::shared_by_tasks && t.task != static_cast<int>(k)) CHECK(largest == 0);
      }
    }
    for (std::size_t i = 0; i < learners.size(); ++i) {
      INFO(plan.tensors[i].name.view());
      if (!plan.tensors[i].trainable) continue;
      if (plan.tensors[i].task == esp::shared_by_tasks) CHECK(learners[i] > 1);
      if (plan.tensors[i].task != esp::shared_by_tasks) CHECK(learners[i] == 1);
    }
  }
}

TEST_CASE("sharing: as many parameters as the formula says, none of them twice") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    const esp::PlanView& plan = m.program.plan;
    esp::Index sum = 0;
    std::vector<bool> taken(static_cast<std::size_t>(plan.sizes.parameter_values), false);
    for (const esp::ParameterInfo& t : plan.tensors) {
      sum += t.trainable ? t.size() : 0;
      for (esp::Index i = t.offset; i < t.offset + t.size(); ++i) {
        CHECK_FALSE(taken[static_cast<std::size_t>(i)]);
        taken[static_cast<std::size_t>(i)] = true;
      }
    }
    CHECK(sum == m.parameters);
    CHECK(plan.model == m.name);
    const std::string text = m.summary();
    CHECK(text.find("total") != std::string::npos);
    for (const esp::TaskInfo& task : plan.tasks) CHECK(text.find(task.name) != std::string::npos);
  }
}

TEST_CASE("sharing: no two tensors start alike") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    const esp::PlanView& plan = m.program.plan;
    esp::Parameters<double> parameters(plan,
                                       std::vector<esp::Index>(esp::vocabulary_count(plan), 5));
    esp::initialize(plan, 1, parameters);
    std::set<double> firsts;
    std::size_t random = 0;
    for (const esp::ParameterInfo& t : plan.tensors) {
      if (t.init != esp::Init::glorot_uniform && t.init != esp::Init::he_uniform) continue;
      ++random;
      firsts.insert(parameters.dense[static_cast<std::size_t>(t.offset)]);
    }
    CHECK(firsts.size() == random);
  }
}

TEST_CASE("sharing: the executor that infers says what the one that trains does") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    const esp::PlanView& plan = m.program.plan;
    const std::vector<esp::Index> rows(esp::vocabulary_count(plan), 5);
    const esp::Index samples = 71;
    const esp::RandomBatch<double> data(plan, samples, rows, 3);
    esp::TrainExecutor<double> training(m.program, rows, samples, 1);
    esp::initialize(plan, 2, training.parameters());
    const esp::InferenceExecutor<double> inference(m.program, training.parameters());
    auto workspace = inference.make_workspace();
    workspace.values.fill(std::numeric_limits<double>::quiet_NaN());
    const Values a =
        predictions(plan, samples, [&](const auto& out) { training.predict(data.batch(), out); });
    const Values b = predictions(
        plan, samples, [&](const auto& out) { inference.run(data.batch(), workspace, out); });
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double error = std::abs(a[i] - b[i]);
      espalier_test::keep_worst(worst, error);
    }
    CHECK(worst < 1e-12);
    CHECK(inference.values_per_sample() <= plan.sizes.values);
  }
}

TEST_CASE("sharing: in half the bytes every operation finds its own parameters") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    const esp::PlanView& plan = m.program.plan;
    esp::Parameters<float> parameters(plan,
                                      std::vector<esp::Index>(esp::vocabulary_count(plan), 5));
    for (std::size_t i = 0; i < parameters.dense.size(); ++i)
      parameters.dense[i] = static_cast<float>(i + 1);
    const esp::Bf16Parameters bf16(plan, m.program.traits, parameters);
    std::vector<esp::Node> nodes(plan.nodes.begin(), plan.nodes.end());
    for (std::size_t i = 0; i < nodes.size(); ++i)
      bf16.layout.redirect(nodes[i], m.program.traits[i]);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (std::size_t p = 0; p < 4; ++p) {
        const esp::Index before = plan.nodes[i].parameters[p].offset,
                         after = nodes[i].parameters[p].offset;
        CHECK((before < 0) == (after < 0));
        if (before < 0) continue;
        const bool matrix = p == 0 && nodes[i].op == esp::op_id<esp::ops::Dense>;
        // A node may read several consecutive tensors; checks at least the one that begins here.
        esp::Index count =
            matrix ? esp::Index{nodes[i].in.rows} / nodes[i].groups * nodes[i].out.rows : 0;
        for (const esp::ParameterInfo& t : plan.tensors) {
          if (t.offset == before) count = (std::max)(count, t.size());
        }
        CHECK(count > 0);
        bool same = true;
        for (esp::Index j = 0; j < count; ++j) {
          const float value = parameters.dense[static_cast<std::size_t>(before + j)];
          const auto at = static_cast<std::size_t>(after + j);
          same = same && (matrix ? bf16.matrices[at].bits() == esp::BFloat16(value).bits()
                                 : bf16.rest[at] == value);
        }
        CHECK(same);
      }
    }
  }
}

TEST_CASE(
    "sharing: auxiliary losses follow the weights that a balance gives after the forward pass") {
  const auto weigh = [](void*, std::span<const double> losses, std::span<double> weights) {
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = 1 / (1 + losses[k]);
  };
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    const esp::PlanView& plan = m.program.plan;
    const std::vector<esp::Index> rows(esp::vocabulary_count(plan), 5);
    const esp::RandomBatch<double> data(plan, 37, rows, 3, 0.2, true);
    esp::TrainExecutor<double> executor(m.program, rows, 37, 2);
    esp::initialize(plan, 2, executor.parameters());
    Values weights(plan.tasks.size(), 3), given(static_cast<std::size_t>(plan.sizes.parameters)),
        expected(given.size());
    const auto losses = executor.forward_backward(data.batch(), weights, 5, weigh, nullptr);
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = 1 / (1 + losses[k]);
    executor.read_gradient(given);
    executor.clear_gradient();
    executor.forward_backward(data.batch(), weights, 5);
    executor.read_gradient(expected);
    double worst = 0;
    for (std::size_t i = 0; i < given.size(); ++i)
      espalier_test::keep_worst(worst, std::abs(given[i] - expected[i]));
    CHECK(worst < 1e-12);
  }
}

TEST_CASE("sharing: the load and entropy of gates") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    const esp::PlanView& plan = m.program.plan;
    const std::vector<esp::Index> rows(esp::vocabulary_count(plan), 5);
    const esp::RandomBatch<double> data(plan, 300, rows, 3);  // more than one microbatch
    esp::Parameters<double> parameters(plan, rows);
    const auto reports = [&] {
      esp::GateUsage<double> usage(m.program, parameters);
      usage.add(data.batch());
      usage.add(data.batch());
      return usage.reports();
    };
    if (m.golden == "mmoe") CHECK(reports().size() == 3);
    if (m.golden == "mmoe") CHECK(reports()[1].where == "gates/buy");
    if (m.golden == "ple") CHECK(reports().size() == 7);
    if (m.golden == "dselect_k") CHECK(reports()[2].where == "watch/gate");
    // With all parameters 0 no gate prefers an expert.
    for (const esp::GateReport& gate : reports()) {
      const auto experts = static_cast<double>(gate.load.size());
      for (const double load : gate.load) CHECK(load == doctest::Approx(1 / experts));
      CHECK(gate.entropy == doctest::Approx(std::log(experts)));
    }
    // With large parameters each sample selects one expert, but not all samples the same.
    esp::Random random(4);
    for (const esp::ParameterInfo& t : plan.tensors) {
      for (esp::Index i = t.offset; i < t.offset + t.size(); ++i) {
        parameters.dense[static_cast<std::size_t>(i)] = t.trainable ? 300 * random.normal() : 1;
      }
    }
    for (esp::Buffer<double>& table : parameters.tables) {
      for (double& v : table) v = random.normal();
    }
    for (const esp::GateReport& gate : reports()) {
      double sum = 0;
      for (const double load : gate.load) sum += load;
      CHECK(sum == doctest::Approx(1));
      CHECK(gate.entropy >= 0);
      CHECK(gate.entropy <= gate.load_entropy + 1e-9);
      if (m.golden == "mmoe") CHECK(gate.entropy < 0.05);
      if (m.golden == "mmoe") CHECK(gate.load_entropy > 0.2);
    }
  }
}
