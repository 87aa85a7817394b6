// SPDX-License-Identifier: Apache-2.0
// `check_gradients<Model>()`: checks every gradient of a model. For tests of layers, losses,
// models.
#pragma once

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/random_batch.hpp"

namespace espalier {

struct GradientCheckOptions {
  Index samples = 37;  ///< odd, and several microbatches
  Index rows = 5;      ///< of each table
  std::uint64_t seed = 1;
  double step = 1e-5;            ///< h of (f(x + h) − f(x − h)) / 2h
  Index values_per_tensor = 40;  ///< maximum number checked, spread over the tensor
  double missing = 0.2;          ///< fraction of labels that are missing
  bool sample_weights = true;
  /// If set, checks only this task's loss, for its own parameters and the shared ones. For models
  /// that stop gradients between tasks, which differences of the other losses would still include.
  int task = shared_by_tasks;
};

struct GradientCheckResult {
  /// Maximum of |analytic − numeric| / (1e-3 · max |analytic| of the tensor + |numeric| + 1e-6).
  double worst = 0;
  std::string where;  ///< tensor and index of the maximum
  Index checked = 0;
};

/// Compares the gradient of Σ weight_k · loss_k with central differences, in double, for every
/// dense tensor and every table of a model, on random data with missing labels and sample weights.
/// Fills buffers with NaN first. Throws ConfigError for options out of range.
[[nodiscard]] inline GradientCheckResult check_gradients(const Program<double, Cpu>& program,
                                                         const GradientCheckOptions& options = {}) {
  const PlanView& plan = program.plan;
  if (options.rows < 1 || options.values_per_tensor < 1 || options.task < shared_by_tasks ||
      options.task >= static_cast<int>(plan.tasks.size())) {
    throw_error<ConfigError>({"check_gradients: rows is ", options.rows, ", values_per_tensor ",
                              options.values_per_tensor, ", task ", options.task,
                              "; expected rows and values from 1 and a task of the model's ",
                              plan.tasks.size()});
  }
  const std::vector<Index> rows(vocabulary_count(plan), options.rows);
  const RandomBatch<double> data(plan, options.samples, rows, options.seed, options.missing,
                                 options.sample_weights);
  TrainExecutor<double> executor(program, rows, options.samples, 1);
  Parameters<double>& parameters = executor.parameters();
  initialize(plan, options.seed, parameters);
  Random random(options.seed, 7);
  for (Index i = 0; i < plan.sizes.parameters; ++i) {  // avoid special values such as a zero bias
    parameters.dense[static_cast<std::size_t>(i)] += 0.1 * random.normal();
  }
  for (Buffer<double>& table : parameters.tables) {
    for (double& v : table) v = random.normal();
  }
  std::vector<double> weights;
  for (const TaskInfo& task : plan.tasks) {
    const bool counts =
        options.task == shared_by_tasks || options.task == static_cast<int>(weights.size());
    weights.push_back(counts ? task.weight : 0);
  }
  const auto concerns = [&](int owner) {
    return options.task == shared_by_tasks || owner == shared_by_tasks || owner == options.task;
  };
  const std::uint64_t key = 99;
  const auto loss = [&] {
    const auto losses = executor.forward_backward(data.batch(), weights, key);
    double sum = 0;
    for (std::size_t k = 0; k < weights.size(); ++k)
      sum += losses[k] == losses[k] ? weights[k] * losses[k] : 0;
    return sum;
  };
  executor.poison(std::numeric_limits<double>::quiet_NaN());
  executor.clear_gradient();
  static_cast<void>(loss());
  std::vector<double> gradient(static_cast<std::size_t>(plan.sizes.parameters));
  executor.read_gradient(gradient);

  std::vector<std::vector<double>> table_gradients;
  for (const Buffer<double>& table : parameters.tables)
    table_gradients.emplace_back(table.size(), 0.0);
  SparseGradients<double>& sparse = executor.collect_sparse();
  for (Index i = 0; i < sparse.shards(); ++i) {
    const auto& shard = sparse.shard(i);
    for (Index r = 0; r < shard.count(); ++r) {
      for (Index k = 0; k < shard.width; ++k) {
        table_gradients[static_cast<std::size_t>(shard.table)][static_cast<std::size_t>(
            shard.rows[static_cast<std::size_t>(r)] * shard.width + k)] =
            shard.sums[static_cast<std::size_t>(r * shard.width + k)];
      }
    }
  }

  GradientCheckResult result;
  const auto check = [&](double* values, const double* analytic, Index size,
                         std::string_view name) {
    double largest = 0;
    for (Index i = 0; i < size; ++i) {
      if (!std::isfinite(analytic[i])) {  // it may not be among the values that are compared
        result.worst = std::numeric_limits<double>::infinity();
        result.where = std::string(name) + "[" + std::to_string(i) + "]: analytic " +
                       std::to_string(analytic[i]);
        return;
      }
      largest = (std::max)(largest, std::abs(analytic[i]));
    }
    const Index every =
        (std::max)(Index{1}, (size + options.values_per_tensor - 1) / options.values_per_tensor);
    for (Index i = 0; i < size; i += every) {
      const double before = values[i];
      values[i] = before + options.step;
      const double up = loss();
      values[i] = before - options.step;
      const double down = loss();
      values[i] = before;
      const double numeric = (up - down) / (2 * options.step);
      const double error =
          std::abs(analytic[i] - numeric) / (1e-3 * largest + std::abs(numeric) + 1e-6);
      ++result.checked;
      if (!(error <= result.worst)) {  // NaN is the worst
        result.worst = error == error ? error : std::numeric_limits<double>::infinity();
        result.where = std::string(name) + "[" + std::to_string(i) + "]: analytic " +
                       std::to_string(analytic[i]) + ", numeric " + std::to_string(numeric);
      }
    }
  };
  for (const ParameterInfo& t : plan.tensors) {
    if (!t.trainable || !concerns(t.task)) continue;
    check(parameters.dense.data() + t.offset, gradient.data() + t.offset, t.size(), t.name.view());
  }
  for (std::size_t t = 0; t < parameters.tables.size(); ++t) {
    if (!concerns(plan.tables[t].task)) continue;
    check(parameters.tables[t].data(), table_gradients[t].data(),
          static_cast<Index>(parameters.tables[t].size()), plan.tables[t].name.view());
  }
  return result;
}

template <class Model>
[[nodiscard]] GradientCheckResult check_gradients(const GradientCheckOptions& options = {}) {
  return check_gradients(program_of<Model, double, Cpu>(), options);
}

}  // namespace espalier
