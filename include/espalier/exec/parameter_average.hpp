// SPDX-License-Identifier: Apache-2.0
// `ParameterAverage<T>`: moving average of all parameters. A step costs in proportion to its
// changes.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/core/config.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/exec/sparse_gradients.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/optim/exponential_average.hpp"

namespace espalier {

/// Averages of dense values are updated after every step. A table row that a step does not touch
/// keeps its weights, so its average only moves towards them by a known factor; that is applied
/// when the row is touched next, and to all rows by settle(). Threads may update disjoint ranges in
/// parallel.
template <class T>
class ParameterAverage {
 public:
  using Shard = typename SparseGradients<T>::Shard;

  ParameterAverage() = default;  ///< keeps no average

  ESPALIER_COLD ParameterAverage(const Parameters<T>& parameters, const ExponentialAverage& rule)
      : rule_(rule), values_(parameters) {
    for (const Index rows : parameters.table_rows)
      steps_.emplace_back(static_cast<std::size_t>(rows));
  }

  [[nodiscard]] bool kept() const { return rule_.has_value(); }
  /// Averages; those of a table row are as of the step in steps().
  [[nodiscard]] Parameters<T>& values() { return values_; }
  /// Per table, one step per row.
  [[nodiscard]] std::vector<Buffer<std::int64_t>>& steps() { return steps_; }

  /// Updates the average of the dense values [begin, end) after step `step`.
  void follow(Index begin, Index end, const T* parameters, std::int64_t step) {
    if (!kept()) return;
    move(values_.dense.data() + begin, parameters + begin, end - begin, rule_->at(step));
  }

  /// Updates the average of a shard's rows, before step `step`, for the steps in which they kept
  /// their weights.
  void catch_up(const Shard& shard, const T* table, std::int64_t step) {
    if (!kept()) return;
    constexpr Index ahead = 8;
    T* const average = values_.tables[static_cast<std::size_t>(shard.table)].data();
    const std::int64_t* const held = steps_[static_cast<std::size_t>(shard.table)].data();
    for (Index r = 0; r < shard.count(); ++r) {
      if (r + ahead < shard.count()) {
        const Index next = shard.rows[static_cast<std::size_t>(r + ahead)];
        prefetch_row(held + next, 1);
        prefetch_row(average + next * shard.width, shard.width);
      }
      const Index row = shard.rows[static_cast<std::size_t>(r)];
      move(average + row * shard.width, table + row * shard.width, shard.width,
           rule_->left(held[row], step - 1));
    }
  }

  /// Updates the average of a shard's rows after step `step`.
  void follow(const Shard& shard, const T* table, std::int64_t step) {
    if (!kept()) return;
    T* const average = values_.tables[static_cast<std::size_t>(shard.table)].data();
    std::int64_t* const held = steps_[static_cast<std::size_t>(shard.table)].data();
    for (const std::int32_t row : shard.rows) {
      const Index at = Index{row} * shard.width;
      move(average + at, table + at, shard.width, rule_->at(step));
      held[row] = step;
    }
  }

  /// Updates the average of all rows to step `step`.
  void settle(const Parameters<T>& parameters, std::int64_t step) {
    for (std::size_t t = 0; t < steps_.size(); ++t) {
      const Index width = static_cast<Index>(values_.tables[t].size()) / values_.table_rows[t];
      for (Index row = 0; row < values_.table_rows[t]; ++row) {
        std::int64_t& held = steps_[t][static_cast<std::size_t>(row)];
        move(values_.tables[t].data() + row * width, parameters.tables[t].data() + row * width,
             width, rule_->left(held, step));
        held = step;
      }
    }
  }

  /// Swaps the average with the parameters; a second call swaps back.
  void swap(Parameters<T>& parameters) {
    std::swap(values_.dense, parameters.dense);
    std::swap(values_.tables, parameters.tables);
  }

 private:
  static void move(T* average, const T* parameters, Index n, double keep) {
    if (keep == 1) return;
    cpu::combine(average, parameters, n,
                 [rest = static_cast<T>(1 - keep)](auto a, auto p) { return a + rest * (p - a); });
  }

  std::optional<ExponentialAverage> rule_;
  Parameters<T> values_;
  std::vector<Buffer<std::int64_t>> steps_;
};

/// During its lifetime, a TrainExecutor's parameters are their average after step `step`, if kept.
template <class Executor>
class AverageInPlace {
 public:
  AverageInPlace(Executor& executor, std::int64_t step) : executor_(executor) {
    executor_.average().settle(executor_.parameters(), step);
    executor_.swap_average();
  }
  AverageInPlace(const AverageInPlace&) = delete;
  AverageInPlace& operator=(const AverageInPlace&) = delete;
  ~AverageInPlace() { executor_.swap_average(); }

 private:
  Executor& executor_;
};

}  // namespace espalier
