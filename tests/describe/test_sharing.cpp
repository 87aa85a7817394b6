// SPDX-License-Identifier: Apache-2.0
// What holds for every sharing architecture: gradients against differences, who learns from whom, how many parameters.
#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "espalier/deploy/inference.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/sharing/all.hpp"
#include "espalier/ops/summary.hpp"
#include "espalier/train/check_gradients.hpp"

namespace esp = espalier;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<4>>;
using Buy = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{0.7}, esp::Tower<4>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<3>>;
/// 6 values: 2 tables of 2 + 2, 2 numbers.
using Inputs = esp::Inputs<esp::Numeric<"age">, esp::Categorical<"user", 2>, esp::Numeric<"hour">, esp::Categorical<"item", 2>>;
using Act = esp::Layers<esp::Dense<5, esp::Activation::tanh>>;

template <class Sharing>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Click, Buy, Watch> {};

struct Entry {
  std::string name;
  esp::Program<double, esp::cpu::Device> program;
  std::string (*summary)();
  esp::Index parameters;  ///< by the paper's formula, without tables
  bool stops = false;     ///< gradients between tasks: checked task by task
};

template <class Sharing>
Entry entry(esp::Index parameters, bool stops = false) {
  return {std::string(Sharing::name), esp::program_of<Model<Sharing>, double, esp::cpu::Device>(),
          [] { return esp::summary<Model<Sharing>>(); }, parameters, stops};
}

/// A Dense of `out` units on `in` values.
constexpr esp::Index dense(int in, int out) { return in * out + out; }
/// Towers of the three tasks on `in` values each, with heads.
constexpr esp::Index towers(int in) { return 2 * (dense(in, 4) + dense(4, 1)) + dense(in, 3) + dense(3, 1); }

const std::vector<Entry>& models() {
  using namespace esp;
  static const std::vector<Entry> all{
      entry<SingleTask<Act>>(3 * dense(6, 5) + towers(5)),
      entry<SharedBottom<Act>>(dense(6, 5) + towers(5)),
      entry<Branches<Act, Branch<Mlp<4>, "buy", "click">, Branch<Layers<>, "watch">>>(dense(6, 5) + dense(5, 4) + towers(4) +
                                                                                      3),
      entry<OneGateMoe<3, Act>>(3 * dense(6, 5) + 3 * 6 + towers(5)),
      entry<Mmoe<3, Act>>(3 * dense(6, 5) + 3 * 3 * 6 + towers(5)),
      entry<Cgc<2, 1, Act>>(7 * dense(6, 5) + 3 * 3 * 6 + towers(5)),
      // Two levels: 3 · 2 + 1 experts each; three gates over 2 + 1 each, and below a shared one over all 7.
      entry<Ple<2, 1, Act, Layers<Dense<4, Activation::tanh>>>>(7 * dense(6, 5) + 3 * 3 * 6 + 7 * 6 + 7 * dense(5, 4) + 3 * 3 * 5 + towers(4)),
      entry<CrossStitch<Act, Layers<Dense<4, Activation::tanh>>>>(3 * dense(6, 5) + 9 + 3 * dense(5, 4) + 9 + towers(4)),
      // Two levels of 3 · 2 + 1 experts; a gate over 7 and two weights for each task, a gate for what is shared below.
      entry<AdaTT<2, 1, Act, Act>>(7 * dense(6, 5) + 4 * 7 * 6 + 3 * 2 + 7 * dense(5, 5) + 3 * 7 * 5 + 3 * 2 + towers(5)),
      entry<AdaTT<1, 0, Act>>(3 * dense(6, 5) + 3 * 3 * 6 + towers(5)),
      entry<Stem<2, 1, Act>>(7 * dense(6, 5) + 3 * 7 * 6 + towers(5), true),
      entry<Esmm<Act, "click", "buy">>(dense(6, 5) + towers(5)),
      // T: 4 × 4 and bias; V, K, Q: 4 × 4.
      entry<Aitm<Act, "click", "buy">>(dense(6, 5) + towers(5) + dense(4, 4) + 3 * 16),
      entry<Aitm<Mmoe<2, Act>, "buy", "click">>(2 * dense(6, 5) + 3 * 2 * 6 + towers(5) + dense(4, 4) + 3 * 16),
      entry<Dbmtl<Act, Mlp<4>, Reads<"watch", "buy", "click">, Reads<"click", "buy">>>(dense(6, 5) + towers(5) + dense(8, 4) + dense(11, 4) + 1),
  };
  return all;
}

using Values = std::vector<double>;

/// All predictions, task after task.
template <class Run>
Values predictions(const esp::PlanView& plan, esp::Index samples, Run run) {
  std::vector<Values> by_task;
  std::vector<double*> out;
  for (const esp::TaskInfo& task : plan.tasks) by_task.emplace_back(static_cast<std::size_t>(samples * task.outputs));
  for (Values& v : by_task) out.push_back(v.data());
  run(out);
  Values all;
  for (const Values& v : by_task) all.insert(all.end(), v.begin(), v.end());
  return all;
}

}  // namespace

TEST_CASE("sharing: every gradient, against differences") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    for (int task = m.stops ? 0 : esp::shared_by_tasks; task < (m.stops ? 3 : 0); ++task) {
      esp::GradientCheckOptions options;
      options.task = task;
      const esp::GradientCheckResult result = esp::check_gradients(m.program, options);
      INFO(result.where);
      CHECK(result.checked > 50);
      CHECK(result.worst < 1e-4);
    }
  }
}

TEST_CASE("sharing: what is said to be a task's own learns from no other task, what is shared from several") {
  for (const Entry& m : models()) {
    CAPTURE(m.name);
    const esp::PlanView& plan = m.program.plan;
    const std::vector<esp::Index> rows(esp::vocabulary_count(plan), 5);
    const esp::RandomBatch<double> data(plan, 37, rows, 3);
    esp::TrainExecutor<double> executor(m.program, rows, 37, 1);
    esp::initialize(plan, 2, executor.parameters());
    std::vector<int> learners(plan.tensors.size(), 0);
    for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
      std::vector<double> weights(plan.tasks.size(), 0), gradient(static_cast<std::size_t>(plan.sizes.parameters));
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
    esp::Parameters<double> parameters(plan, std::vector<esp::Index>(esp::vocabulary_count(plan), 5));
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
    const Values a = predictions(plan, samples, [&](const auto& out) { training.predict(data.batch(), out); });
    const Values b = predictions(plan, samples, [&](const auto& out) { inference.run(data.batch(), workspace, out); });
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const double error = std::abs(a[i] - b[i]);
      worst = error <= worst ? worst : error;
    }
    CHECK(worst < 1e-12);
    CHECK(inference.values_per_sample() <= plan.sizes.values);
  }
}
