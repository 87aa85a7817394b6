// SPDX-License-Identifier: Apache-2.0
// `explain<Model>()`: what a training step runs, or a prediction, as a table to read.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/balance_option.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/ops/summary.hpp"
#include "espalier/passes/schedule.hpp"
#include "espalier/passes/microbatches.hpp"

namespace espalier {

struct ExplainOptions {
  Index batch_size = 512;
  std::vector<Index> vocabulary_rows{};   ///< rows of each vocabulary's tables, which the data tells; empty: 1000 each
  std::vector<std::string_view> without{};  ///< passes that are left out
  Precision precision = Precision::Fp32;
  std::optional<BalanceOption> balance{};  ///< how tasks are balanced; none: by weights that a step begins with
  BalanceOn balance_on = BalanceOn::parameters;
  bool clip = false;       ///< gradients are clipped
  bool inference = false;  ///< not a training step, but what a predictor runs: balance and clip mean nothing then
};

/// The steps of schedules that run one after the other on a batch of `samples`: where (each microbatch; all threads by pieces; once, after
/// all microbatches), which operation, for which node, which pass made it so, its flops (a multiply-add is 2) and, forward, the bytes of
/// activations that it reads and writes. Above them, what became of the passes.
[[nodiscard]] ESPALIER_COLD inline std::string explain(const std::vector<const ExecutionSchedule<float>*>& schedules, Index samples,
                                                       const Microbatches& microbatches) {
  using Scope = Step<float>::Scope;
  std::string text = std::to_string(samples) + " samples in " + std::to_string(microbatches.count) + " microbatches of " +
                     std::to_string(microbatches.size);
  if (const Index n = microbatches.accumulators; n > 0) text += " (" + std::to_string(n) + (n == 1 ? " accumulator)" : " accumulators)");
  text += "\n\n";
  std::vector<std::vector<std::string>> notes{{"pass", "fired", "why"}}, steps{{"scope", "phase", "step", "where", "pass", "flops", "bytes"}};
  const auto scope = [](const Step<float>& step) -> std::string {
    switch (step.scope) {
      case Scope::microbatch: return "microbatch";
      case Scope::pieces: return std::to_string(step.pieces) + " pieces";
      case Scope::merge: return "merge";
      default: return "once";
    }
  };
  const auto digits = [](double number) { return number > 0 ? detail::grouped_digits(number) : std::string(); };
  constexpr const char* phases[] = {"forward", "loss", "backward", "update"};
  double flops = 0;
  for (const ExecutionSchedule<float>* schedule : schedules) {
    for (const PassNote& note : schedule->notes) notes.push_back({std::string(note.pass), note.fired ? "yes" : "no", note.why});
    for (const Step<float>& step : schedule->steps) {
      const auto n = static_cast<double>(samples);
      const double of_step = step.flops_of_sample * n + step.flops_of_batch;
      flops += of_step;
      steps.push_back({scope(step), phases[static_cast<int>(step.phase)], std::string(step.name),
                       step.node == nullptr ? "" : std::string(step.node->name.view()), std::string(step.pass), digits(of_step),
                       digits(step.bytes_of_sample * n)});
    }
  }
  if (notes.size() > 1) text += detail::align_columns(notes, 3) + '\n';
  steps.push_back({"total", "", "", "", "", detail::grouped_digits(flops), ""});
  return text + detail::align_columns(steps, 5);
}

/// What a program runs for a batch. Throws ConfigError for a pass that there is not, for a batch of no samples, and for a gradient method
/// that is held as a LossWeighting.
[[nodiscard]] ESPALIER_COLD inline std::string explain(const Program<float, Cpu>& program, const ExplainOptions& options = {}) {
  const Index samples = options.batch_size;
  if (samples < 1) throw_error<ConfigError>({"batch_size is ", samples, ", expected 1 or more"});
  std::vector<Index> rows = options.vocabulary_rows;
  if (rows.empty()) {
    for (const TableInfo& table : program.plan.tables) {
      if (static_cast<std::size_t>(table.vocabulary) >= rows.size()) rows.resize(static_cast<std::size_t>(table.vocabulary) + 1, 1000);
      Index& most = rows[static_cast<std::size_t>(table.vocabulary)];
      if (table.most_rows > 0) most = (std::min)(most, Index{table.most_rows});
    }
  }
  const std::string name = std::string(program.plan.model) + ", ";
  if (options.inference) {
    const Index microbatch = (std::min)(samples, InferenceExecutor<float>::microbatch);
    const Microbatches microbatches{samples, microbatch, (samples + microbatch - 1) / microbatch, 0};
    const Parameters<float> parameters(program.plan, rows);
    if (options.precision.reduced()) {
      const Bf16Parameters bf16(program.plan, program.traits, parameters);
      const InferenceExecutor<float> executor(program, bf16, options.precision, options.without);
      return name + explain({&executor.schedule()}, samples, microbatches);
    }
    const InferenceExecutor<float> executor(program, parameters, options.without);
    return name + explain({&executor.schedule()}, samples, microbatches);
  }
  TrainExecutor<float> executor(program, rows, samples, 1, options.precision.device(), options.without);
  std::vector<const ExecutionSchedule<float>*> schedules;
  std::unique_ptr<AggregatorFactory::Pass> gradients;
  if (options.balance) require_aggregator_factory(*options.balance);
  if (options.balance && options.balance->aggregator_factory() != nullptr) {
    LossWeighting balance = *options.balance;
    balance.reset(program.plan.tasks.size());
    gradients = options.balance->aggregator_factory()->make(executor, options.balance_on, *balance.gradients());
    schedules = gradients->schedules(samples);
  } else if (options.balance && options.balance->needs_current_losses()) {
    schedules.push_back(&executor.weighed_schedule());
  } else {
    schedules.push_back(&executor.schedule(samples));
  }
  schedules.push_back(&executor.update_schedule(options.clip));
  return name + explain(schedules, samples, Microbatches::of(samples));
}

/// The same of a model: explain<Model>({.batch_size = 1024, .without = {"projected_embeddings"}}).
template <class Model>
[[nodiscard]] std::string explain(const ExplainOptions& options = {}) {
  return explain(program_of<Model, float, Cpu>(), options);
}

}  // namespace espalier
