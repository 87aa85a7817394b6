// SPDX-License-Identifier: Apache-2.0
// `explain<Model>()`: forward, losses and backward of a training step, as a table to read.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/ops/summary.hpp"
#include "espalier/passes/schedule.hpp"
#include "espalier/passes/slicing.hpp"

namespace espalier {

struct ExplainOptions {
  Index batch_size = 512;
  std::vector<Index> vocabulary_rows{};   ///< rows of each vocabulary's tables, which the data tells; empty: 1000 each
  std::vector<std::string_view> without{};  ///< passes that are left out
  Precision precision = Precision::Fp32;
};

/// The steps of a schedule for a batch of `samples`, in the order in which they run: where (each slice; all threads by pieces; once,
/// after all slices), which operation, for which node, which pass made it so, its flops (a multiply-add is 2) and, forward, the bytes
/// of activations that it reads and writes. Above them, what became of the passes. What follows is not among them: lanes are summed,
/// gradients clipped, parameters learn.
[[nodiscard]] ESPALIER_COLD inline std::string explain(const ExecutionSchedule<float>& schedule, Index samples) {
  using Scope = Step<float>::Scope;
  const Slicing slicing = Slicing::of(samples);
  std::string text = std::to_string(samples) + " samples in " + std::to_string(slicing.slices) + " slices of " +
                     std::to_string(slicing.slice) + " (" + std::to_string(slicing.lanes) + (slicing.lanes == 1 ? " lane" : " lanes") + ")\n\n";
  std::vector<std::vector<std::string>> notes{{"pass", "fired", "why"}}, steps{{"scope", "phase", "step", "where", "pass", "flops", "bytes"}};
  for (const PassNote& note : schedule.notes) notes.push_back({std::string(note.pass), note.fired ? "yes" : "no", note.why});
  if (notes.size() > 1) text += detail::align_columns(notes, 3) + '\n';
  const auto scope = [](const Step<float>& step) -> std::string {
    switch (step.scope) {
      case Scope::slice: return "slice";
      case Scope::pieces: return std::to_string(step.pieces) + " pieces";
      case Scope::merge: return "merge";
      default: return "once";
    }
  };
  const auto digits = [](double number) { return number > 0 ? detail::grouped_digits(number) : std::string(); };
  double flops = 0;
  for (const Step<float>& step : schedule.steps) {
    const auto n = static_cast<double>(samples);
    const double of_step = step.flops_of_sample * n + step.flops_of_batch;
    flops += of_step;
    const char* const phase = step.phase == Phase::forward ? "forward" : step.phase == Phase::loss ? "loss" : "backward";
    steps.push_back({scope(step), phase, std::string(step.name), step.node == nullptr ? "" : std::string(step.node->name.view()),
                     std::string(step.pass), digits(of_step), digits(step.bytes_of_sample * n)});
  }
  steps.push_back({"total", "", "", "", "", detail::grouped_digits(flops), ""});
  return text + detail::align_columns(steps, 5);
}

/// The same of a program. Throws ConfigError for a pass that there is not, and for a batch of no samples.
[[nodiscard]] ESPALIER_COLD inline std::string explain(const Program<float, cpu::Device>& program, const ExplainOptions& options = {}) {
  std::vector<Index> rows = options.vocabulary_rows;
  if (rows.empty()) {
    for (const TableInfo& table : program.plan.tables) {
      if (static_cast<std::size_t>(table.vocabulary) >= rows.size()) rows.resize(static_cast<std::size_t>(table.vocabulary) + 1, 1000);
      Index& most = rows[static_cast<std::size_t>(table.vocabulary)];
      if (table.most_rows > 0) most = (std::min)(most, Index{table.most_rows});
    }
  }
  const TrainExecutor<float> executor(program, rows, options.batch_size, 1, options.precision.device(), options.without);
  return std::string(program.plan.model) + ", " + explain(executor.schedule(options.batch_size), options.batch_size);
}

/// The same of a model: explain<Model>({.batch_size = 1024, .without = {"projected_embeddings"}}).
template <class Model>
[[nodiscard]] std::string explain(const ExplainOptions& options = {}) {
  return explain(program_of<Model, float, cpu::Device>(), options);
}

}  // namespace espalier
