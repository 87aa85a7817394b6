// SPDX-License-Identifier: Apache-2.0
// Reference for the per-task passes: each task's gradients from a run of the executor that weights
// this task only.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "espalier/exec/random_batch.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/losses/losses.hpp"
#include "support/made_up.hpp"

namespace espalier_test::by_task {

using esp::Index;

inline const std::vector<Index> rows{50, 30};

using Like = esp::Task<"like", esp::BinaryCrossEntropy, esp::Weight{2.0}, esp::Tower<8>>;
using Smooth = esp::Layers<esp::Dense<12, esp::Activation::gelu>, esp::Dropout<esp::Rate{0.1}>,
                           esp::Dense<8, esp::Activation::tanh>>;
struct ThreeMmoe : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<4, Smooth>, Click, Watch, Like> {};

/// Dense gradients, and table gradients by (table, row).
struct Gradient {
  std::vector<double> dense;
  std::map<std::pair<int, int>, std::vector<double>> tables;
};

inline Gradient gradient_of(esp::TrainExecutor<double>& executor) {
  Gradient g;
  g.dense.resize(static_cast<std::size_t>(executor.plan().sizes.parameters));
  executor.read_gradient(g.dense);
  auto& sparse = executor.collect_sparse();
  for (Index s = 0; s < sparse.shards(); ++s) {
    const auto& shard = sparse.shard(s);
    for (std::size_t i = 0; i < shard.rows.size(); ++i) {
      const auto from = shard.sums.begin() + static_cast<std::ptrdiff_t>(i) * shard.width;
      g.tables[{shard.table, shard.rows[i]}].assign(from, from + shard.width);
    }
  }
  executor.clear_gradient();
  return g;
}

/// Whether dense parameter i is shared by all tasks.
inline std::vector<bool> shared_of(const esp::PlanView& plan) {
  std::vector<bool> shared(static_cast<std::size_t>(plan.sizes.parameters), false);
  for (const esp::ParameterInfo& t : plan.tensors) {
    if (!t.trainable || t.task != esp::shared_by_tasks) continue;
    std::fill_n(shared.begin() + t.offset, t.size(), true);
  }
  return shared;
}

inline double dot(const std::vector<double>& a, const std::vector<double>& b, auto&& counts) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += counts(i) ? a[i] * b[i] : 0.0;
  return sum;
}

inline bool near(double a, double b, double size) {
  return std::abs(a - b) <= 1e-10 * size + 1e-13;
}

template <class Model>
struct Setup {
  esp::TrainExecutor<double> executor{esp::program_of<Model, double, esp::Cpu>(), rows, 300, 2};
  std::size_t tasks = executor.plan().tasks.size();
  std::vector<double> base;
  std::vector<bool> shared = shared_of(executor.plan());

  explicit Setup(const std::vector<std::string>& freeze = {}) {
    esp::initialize(executor.plan(), 3, executor.parameters());
    executor.prepare(esp::Adam{}, freeze);
    for (const esp::TaskInfo& task : executor.plan().tasks) base.push_back(task.weight);
  }

  std::vector<Gradient> one_by_one(const esp::Batch<double>& batch) {
    std::vector<Gradient> all;
    for (std::size_t k = 0; k < tasks; ++k) {
      std::vector<double> weights(tasks, 0.0);
      weights[k] = base[k];
      executor.poison(std::nan(""));
      executor.forward_backward(batch, weights, 7);
      all.push_back(gradient_of(executor));
    }
    return all;
  }

  double product(const Gradient& a, const Gradient& b) const {
    double sum = dot(a.dense, b.dense, [&](std::size_t i) { return shared[i]; });
    for (const auto& [at, row] : a.tables) {
      if (!everyones(at.first)) continue;
      if (const auto other = b.tables.find(at); other != b.tables.end())
        sum += dot(row, other->second, [](std::size_t) { return true; });
    }
    return sum;
  }

  bool everyones(int table) const {
    return executor.plan().tables[static_cast<std::size_t>(table)].task == esp::shared_by_tasks;
  }

  /// The number of values that differ from Σ_k factor(k) · separate_k (shared parameters) or Σ_k
  /// separate_k (others).
  long wrong_values(const Gradient& combined, const std::vector<Gradient>& separate,
                    auto&& factor) const {
    const auto wrong = [&](double found, bool weighted, auto&& of) {
      double expected = 0, size = 0;
      for (std::size_t k = 0; k < tasks; ++k) {
        const double term = (weighted ? factor(k) : 1.0) * of(separate[k]);
        expected += term;
        size += std::abs(term);
      }
      return near(found, expected, size) ? 0 : 1;
    };
    long sum = 0;
    for (std::size_t i = 0; i < combined.dense.size(); ++i) {
      sum += wrong(combined.dense[i], shared[i], [i](const Gradient& g) { return g.dense[i]; });
    }
    for (const auto& [at, row] : combined.tables) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        sum += wrong(row[i], everyones(at.first),
                     [&at = at, i](const Gradient& g) { return g.tables.at(at)[i]; });
      }
    }
    return sum;
  }
};

}  // namespace espalier_test::by_task
