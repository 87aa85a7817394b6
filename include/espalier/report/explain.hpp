// SPDX-License-Identifier: Apache-2.0
// `explain<Model>()`: what a training step or a prediction executes, as a text table.
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
#include "espalier/passes/microbatches.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

struct ExplainOptions {
  Index batch_size = 512;
  /// Rows of the tables of each vocabulary, which depend on the data; empty: 1000 each, or the
  /// maximum of the table if it is lower.
  std::vector<Index> vocabulary_rows{};
  std::vector<std::string_view> without{};  ///< passes that are left out
  Precision precision = Precision::Fp32;
  /// How tasks are balanced; none: by weights that are known before the step.
  std::optional<BalanceOption> balance{};
  BalanceOn balance_on = BalanceOn::parameters;
  bool clip = false;  ///< whether gradients are clipped
  /// Explains what a predictor runs instead of a training step; `balance` and `clip` are then
  /// ignored.
  bool inference = false;
};

/// The steps of schedules that run one after the other on a batch of `samples`. Columns: scope (per
/// microbatch; in pieces on all threads; as a merge of all microbatches; or once), phase,
/// operation, node, the pass that produced the step, its flops (a multiply-add counts 2) and, for
/// the forward pass, the bytes of activations that it reads and writes. The first table lists the
/// passes, whether each fired, and why.
[[nodiscard]] ESPALIER_COLD inline std::string explain(
    const std::vector<const ExecutionSchedule<float>*>& schedules, Index samples,
    const Microbatches& microbatches) {
  using Scope = Step<float>::Scope;
  std::string text = std::to_string(samples) + " samples in " + std::to_string(microbatches.count) +
                     " microbatches of " + std::to_string(microbatches.size);
  if (const Index n = microbatches.accumulators; n > 0)
    text += " (" + std::to_string(n) + (n == 1 ? " accumulator)" : " accumulators)");
  text += "\n\n";
  std::vector<std::vector<std::string>> notes{{"pass", "fired", "why"}},
      steps{{"scope", "phase", "step", "where", "pass", "flops", "bytes"}};
  const auto scope = [](const Step<float>& step) -> std::string {
    switch (step.scope) {
      case Scope::microbatch:
        return "microbatch";
      case Scope::pieces:
        return std::to_string(step.pieces) + " pieces";
      case Scope::merge:
        return "merge";
      default:
        return "once";
    }
  };
  const auto digits = [](double number) {
    return number > 0 ? detail::grouped_digits(number) : std::string();
  };
  constexpr const char* phases[] = {"forward", "loss", "backward", "update"};
  double flops = 0;
  for (const ExecutionSchedule<float>* schedule : schedules) {
    for (const PassNote& note : schedule->notes)
      notes.push_back({std::string(note.pass), note.fired ? "yes" : "no", note.why});
    for (const Step<float>& step : schedule->steps) {
      const auto n = static_cast<double>(samples);
      const double of_step = step.flops_of_sample * n + step.flops_of_batch;
      flops += of_step;
      steps.push_back({scope(step), phases[static_cast<int>(step.phase)], std::string(step.name),
                       step.node == nullptr ? "" : std::string(step.node->name.view()),
                       std::string(step.pass), digits(of_step), digits(step.bytes_of_sample * n)});
    }
  }
  if (notes.size() > 1) text += detail::align_columns(notes, 3) + '\n';
  steps.push_back({"total", "", "", "", "", detail::grouped_digits(flops), ""});
  return text + detail::align_columns(steps, 5);
}

/// What a program executes for a batch. Throws ConfigError for an unknown pass, for a batch without
/// samples, and for a gradient method that was converted to a LossWeighting.
[[nodiscard]] ESPALIER_COLD inline std::string explain(const Program<float, Cpu>& program,
                                                       const ExplainOptions& options = {}) {
  const Index samples = options.batch_size;
  if (samples < 1) throw_error<ConfigError>({"batch_size is ", samples, ", expected 1 or more"});
  std::vector<Index> rows = options.vocabulary_rows;
  if (rows.empty()) {
    for (const TableInfo& table : program.plan.tables) {
      if (static_cast<std::size_t>(table.vocabulary) >= rows.size())
        rows.resize(static_cast<std::size_t>(table.vocabulary) + 1, 1000);
      Index& most = rows[static_cast<std::size_t>(table.vocabulary)];
      if (table.most_rows > 0) most = (std::min)(most, Index{table.most_rows});
    }
  }
  const std::string name = std::string(program.plan.model) + ", ";
  if (options.inference) {
    const Index microbatch = (std::min)(samples, InferenceExecutor<float>::microbatch);
    const Microbatches microbatches{samples, microbatch, (samples + microbatch - 1) / microbatch,
                                    0};
    const Parameters<float> parameters(program.plan, rows);
    if (options.precision.reduced()) {
      const Bf16Parameters bf16(program.plan, program.traits, parameters);
      const InferenceExecutor<float> executor(program, bf16, options.precision, options.without);
      return name + explain({&executor.schedule()}, samples, microbatches);
    }
    const InferenceExecutor<float> executor(program, parameters, options.without);
    return name + explain({&executor.schedule()}, samples, microbatches);
  }
  TrainExecutor<float> executor(program, rows, samples, 1, options.precision.device(),
                                options.without);
  std::vector<const ExecutionSchedule<float>*> schedules;
  std::unique_ptr<AggregatorFactory::Pass> gradients;
  if (options.balance) require_aggregator_factory(*options.balance);
  if (options.balance && options.balance->aggregator_factory() != nullptr) {
    LossWeighting balance = *options.balance;
    balance.reset(program.plan.tasks.size());
    gradients = options.balance->aggregator_factory()->make(executor, options.balance_on,
                                                            *balance.gradients());
    schedules = gradients->schedules(samples);
  } else if (options.balance && options.balance->needs_current_losses()) {
    schedules.push_back(&executor.weighed_schedule());
  } else {
    schedules.push_back(&executor.schedule(samples));
  }
  schedules.push_back(&executor.update_schedule(options.clip));
  return name + explain(schedules, samples, Microbatches::of(samples));
}

/// The same for a model: explain<Model>({.batch_size = 1024, .without = {"projected_embeddings"}}).
template <class Model>
[[nodiscard]] std::string explain(const ExplainOptions& options = {}) {
  return explain(program_of<Model, float, Cpu>(), options);
}

}  // namespace espalier
