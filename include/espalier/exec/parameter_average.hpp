// SPDX-License-Identifier: Apache-2.0
// `ParameterAverage<T>`: the moving average of all parameters. What it costs a step is in proportion to what the step changes.
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

/// Dense values follow after every step. A row of a table that a step does not touch keeps its weights, so that all its
/// average does is to come nearer to them by a known factor: that is made up for when the row is touched next, and for all
/// rows by settle(). Threads may take disjoint ranges at the same time.
template <class T>
class ParameterAverage {
 public:
  using Shard = typename SparseGradients<T>::Shard;

  ParameterAverage() = default;  ///< keeps none

  ESPALIER_COLD ParameterAverage(const Parameters<T>& parameters, const ExponentialAverage& rule)
      : rule_(rule), values_(parameters) {
    for (const Index rows : parameters.table_rows)
      steps_.emplace_back(static_cast<std::size_t>(rows));
  }

  [[nodiscard]] bool kept() const { return rule_.has_value(); }
  /// A row's as they were after the step that steps() says.
  [[nodiscard]] Parameters<T>& values() { return values_; }
  /// One a row of each table.
  [[nodiscard]] std::vector<Buffer<std::int64_t>>& steps() { return steps_; }

  /// Dense values [begin, end), which have just made step `step`.
  void follow(Index begin, Index end, const T* parameters, std::int64_t step) {
    if (!kept()) return;
    move(values_.dense.data() + begin, parameters + begin, end - begin, rule_->at(step));
  }

  /// A shard's rows before they make step `step`: over the steps in which they kept their weights.
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

  /// A shard's rows after it.
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

  /// All rows as they are after step `step`.
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

  /// The average in place of the parameters and they in its; again: back.
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

/// While it lives, a TrainExecutor's parameters are their average after step `step`, where one is kept.
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
