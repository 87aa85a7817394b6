// SPDX-License-Identifier: Apache-2.0
// `ParameterGradients<T>`: computes each task's gradient with respect to the shared parameters.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/exec/parameter_ranges.hpp"
#include "espalier/exec/task_backward.hpp"

namespace espalier {

/// A microbatch runs forward once and then, with its activations still in the cache, backward once
/// per task, over the nodes that the task's loss reaches. Gradients of trainable shared tensors and
/// tables go to a buffer per task. Gradients of a table row are summed over the batch before they
/// are compared. Gradients of parameters of a single task (its tower, its gate) go to the
/// executor's accumulators, as without balancing.
///
/// `Coordinates`: for methods that rewrite gradients. Coordinates are numbered in the order of the
/// dense parameters, then of the tables; a method that remembers does so only for the dense ones.
template <class T, bool Coordinates = false>
class ParameterGradients : public TaskBackward<T> {
 public:
  /// `groups`: group of each tensor, then of each table, to get products by group; else empty.
  explicit ParameterGradients(TrainExecutor<T>& executor, std::span<const int> groups = {})
      : Base(executor) {
    const auto tables = groups.empty() ? groups : groups.subspan(executor.plan().tensors.size());
    table_groups_.assign(tables.begin(), tables.end());
    const PlanView& plan = run_.program.plan;
    bool mixed = false;
    for (const TaskInfo& task : plan.tasks) {
      paths_.push_back(path_of({&task.logits, 1}, {}, {static_cast<int>(paths_.size()), true}));
      const Path& path = paths_.back();
      for (std::size_t i = 0; i < path.nodes.size(); ++i) {
        if (path.own[i]) continue;
        each_tensor(path.nodes[i],
                    [&](const ParameterInfo& t) { mixed = mixed || t.task != shared_by_tasks; });
      }
    }
    chunks_ = parameter_ranges(plan, freeze_mask_, mixed, groups);
    for (const ParameterRange& c : chunks_) shared_ += c.shared ? c.end - c.begin : 0;
    for (std::size_t i = 0; i < tasks_ * static_cast<std::size_t>(run_.max_accumulators); ++i) {
      accumulators_.emplace_back(static_cast<std::size_t>(plan.sizes.parameters));
    }
    for (std::size_t k = 0; k < tasks_; ++k) lookups_.emplace_back(run_.lookup_gradients.size());
    make_schedules();
    for (const Node& node : plan.nodes) {
      if (node.lookup >= 0) lookup_nodes_.push_back(node);
    }
    std::size_t most = 0;
    for (Index i = 0; i < run_.sparse.shards(); ++i)
      most = (std::max)(most, run_.sparse.shard(i).sums.capacity());
    const Index kept = Coordinates ? run_.sparse.shards() : Index{run_.pool.threads()};
    for (std::size_t i = 0; i < static_cast<std::size_t>(kept) * tasks_; ++i) {
      rows_.emplace_back();
      rows_.back().reserve(most);
    }
    partial_.assign(
        (static_cast<std::size_t>(run_.sparse.shards()) + chunks_.size()) * tasks_ * tasks_, 0.0);
  }

  /// Number of coordinates that a method can remember per task.
  [[nodiscard]] std::size_t coordinates() const { return static_cast<std::size_t>(shared_); }

  /// Schedule for batches of `samples`.
  [[nodiscard]] const ExecutionSchedule<T>& schedule(Index samples) const {
    return schedules_.of(samples);
  }

  /// Runs the batch that the executor has begun. Returns the number of pieces of products().
  std::size_t run(GradientAggregator* method = nullptr) {
    method_ = method != nullptr && method->balances() ? method : nullptr;
    run_.current = &schedule(run_.batch.size);
    run_.run(*run_.current);
    run_.sum_losses();
    const Index shards = run_.sparse.shards(), chunks = static_cast<Index>(chunks_.size());
    if (run_.reducer != nullptr) reduce();
    run_.pool.run(shards + chunks, [&](Index piece, int worker) {
      double* const products = partial_.data() + static_cast<std::size_t>(piece) * tasks_ * tasks_;
      if (piece < shards) {
        multiply_rows(piece, worker, products);
      } else {
        multiply_chunk(chunks_[static_cast<std::size_t>(piece - shards)], products);
      }
    });
    return static_cast<std::size_t>(shards + chunks);
  }

  /// Group of a piece of products(), from `groups`.
  [[nodiscard]] int group(std::size_t piece) const {
    const auto shards = static_cast<std::size_t>(run_.sparse.shards());
    if (piece >= shards) return chunks_[piece - shards].group;
    return table_groups_[static_cast<std::size_t>(
        run_.sparse.shard(static_cast<Index>(piece)).table)];
  }

  /// Zeroes the tasks' gradients. Must be called if combine() is not.
  void discard() {
    for (const ParameterRange& c : chunks_) {
      for (const std::size_t k : present_)
        std::fill_n(accumulator_of(0, k).data() + c.begin, c.end - c.begin, T{0});
    }
  }

  /// Completes the executor's gradient: Σ_k alpha_k g_k for shared parameters, Σ_k g_k for those of
  /// single tasks.
  void combine(std::span<const double> alpha) {
    const bool by_row = Coordinates && !present_.empty();
    const Index tables = by_row ? run_.sparse.shards() : static_cast<Index>(lookup_nodes_.size()),
                chunks = static_cast<Index>(chunks_.size());
    run_.pool.run(tables + chunks, [&](Index piece, int) {
      if (piece >= tables) {
        combine_chunk(chunks_[static_cast<std::size_t>(piece - tables)], alpha);
      } else if (by_row) {
        if constexpr (Coordinates) combine_rows(piece, alpha);
      } else {
        combine_lookup(lookup_nodes_[static_cast<std::size_t>(piece)], alpha);
      }
    });
    run_.rows_are_summed = by_row;
  }

 private:
  using Base = TaskBackward<T>;
  using Base::add_task, Base::dot, Base::each_tensor, Base::forward, Base::accumulator_of,
      Base::accumulators_, Base::lookups_;
  using Base::run_, Base::partial_, Base::path_of, Base::paths_, Base::present_, Base::tasks_,
      Base::freeze_mask_;
  using typename Base::Path;

  /// Sums each task's accumulators into its first one, and clears the others.
  void sum_accumulators(const ParameterRange& chunk) {
    const Index n = chunk.end - chunk.begin;
    for (const std::size_t k : present_) {
      T* ESPALIER_RESTRICT sum = accumulator_of(0, k).data() + chunk.begin;
      for (Index accumulator = 1; accumulator < run_.microbatches.accumulators; ++accumulator) {
        T* ESPALIER_RESTRICT part = accumulator_of(accumulator, k).data() + chunk.begin;
        for (Index j = 0; j < n; ++j) {
          sum[j] += part[j];
          part[j] = 0;
        }
      }
    }
  }

  /// Sums the tasks' gradients over all ranks: dense ones in place, rows in `reduced_`. All ranks
  /// must call the reducer in the same order, so only one thread calls it.
  void reduce() {
    run_.pool.run(static_cast<Index>(chunks_.size()),
                  [&](Index i, int) { sum_accumulators(chunks_[static_cast<std::size_t>(i)]); });
    for (const std::size_t k : present_)
      run_.reducer->sum_gradient({accumulator_of(0, k).data(), accumulator_of(0, k).size()});
    reduced_.resize(static_cast<std::size_t>(run_.sparse.shards()) * tasks_);
    for (Index shard = 0; shard < run_.sparse.shards(); ++shard) {
      auto& rows = run_.sparse.shard(shard);
      if (!is_compared(rows.table)) continue;
      for (const std::size_t k : present_) {
        run_.sparse.collect(shard, run_.batch, lookups_[k].data(), run_.capacity,
                            run_.tables.data(), run_.key);
        ReducedRows& all = reduced_[static_cast<std::size_t>(shard) * tasks_ + k];
        run_.reducer->gather(
            rows.rows, {rows.sums.data(), static_cast<std::size_t>(rows.count() * rows.width)},
            all.rows, all.sums);
      }
    }
  }

  /// Whether tasks' gradients of a table take part in the products: it is shared and not frozen.
  [[nodiscard]] bool is_compared(int table) const {
    return run_.program.plan.tables[static_cast<std::size_t>(table)].task == shared_by_tasks &&
           !freeze_mask_.table_frozen(table);
  }
  /// Whether this rank passes on gradients that were summed over ranks. Only rank 0 does, because
  /// the update sums over ranks again.
  [[nodiscard]] bool leaves_sums() const {
    return run_.reducer == nullptr || run_.reducer->rank() == 0;
  }

  /// Sums a chunk's accumulators, unless reduce() did. Writes its products; 0 if it is frozen or
  /// not shared.
  void multiply_chunk(const ParameterRange& chunk, double* products) {
    const Index n = chunk.end - chunk.begin;
    std::fill_n(products, tasks_ * tasks_, 0.0);
    if (run_.reducer == nullptr) sum_accumulators(chunk);
    if (!chunk.shared || chunk.frozen) return;
    if constexpr (Coordinates) rewrite_chunk(chunk);
    for (const std::size_t k : present_) {
      for (const std::size_t other : present_) {
        if (other > k) break;
        products[k * tasks_ + other] = dot(accumulator_of(0, k).data() + chunk.begin,
                                           accumulator_of(0, other).data() + chunk.begin, n);
      }
    }
  }

  void multiply_rows(Index shard, int worker, double* products) {
    std::fill_n(products, tasks_ * tasks_, 0.0);
    auto& rows = run_.sparse.shard(shard);
    const bool compared = is_compared(rows.table);
    if (!Coordinates && !compared) return;
    std::vector<T>* const sums = rows_of(Coordinates ? shard : Index{worker});
    for (const std::size_t k : present_) {
      if (compared && run_.reducer != nullptr) {
        const ReducedRows& all = reduced_[static_cast<std::size_t>(shard) * tasks_ + k];
        run_.sparse.replace(shard, all.rows, all.sums);
      } else {
        run_.sparse.collect(shard, run_.batch, lookups_[k].data(), run_.capacity,
                            run_.tables.data(), run_.key);
      }
      sums[k].assign(rows.sums.data(), rows.sums.data() + rows.count() * rows.width);
    }
    if (!compared) return;
    if constexpr (Coordinates) rewrite_rows(shard, sums);
    for (const std::size_t k : present_) {
      for (const std::size_t other : present_) {
        if (other > k) break;
        products[k * tasks_ + other] =
            dot(sums[k].data(), sums[other].data(), static_cast<Index>(sums[k].size()));
      }
    }
  }

  [[nodiscard]] std::vector<T>* rows_of(Index i) {
    return rows_.data() + static_cast<std::size_t>(i) * tasks_;
  }

  void combine_chunk(const ParameterRange& chunk, std::span<const double> alpha) {
    const Index n = chunk.end - chunk.begin;
    T* ESPALIER_RESTRICT sum = run_.accumulators[0].data() + chunk.begin;
    for (const std::size_t k : present_) {
      T* ESPALIER_RESTRICT part = accumulator_of(0, k).data() + chunk.begin;
      const T scale = chunk.shared ? static_cast<T>(alpha[k]) : T{1};
      if (!leaves_sums()) {
        std::fill_n(part, n, T{0});
        continue;
      }
      for (Index j = 0; j < n; ++j) {
        sum[j] += scale * part[j];
        part[j] = 0;
      }
    }
  }

  /// Number of columns of all samples of the batch.
  [[nodiscard]] Index columns_of(const Steps& steps) const {
    return steps.vary()
               ? run_.batch.ids[static_cast<std::size_t>(steps.field)].offsets[run_.batch.size]
               : run_.batch.size * steps.most;
  }

  /// Combines lookup gradients. Row gradients are linear in them, so the update needs no change.
  void combine_lookup(const Node& node, std::span<const double> alpha) {
    const bool shared =
        run_.program.plan.tables[static_cast<std::size_t>(node.table)].task == shared_by_tasks;
    const std::size_t begin = static_cast<std::size_t>(node.lookup_base * run_.capacity);
    const auto n = static_cast<std::size_t>(lookup_rows(node) * columns_of(lookup_steps(node)));
    T* ESPALIER_RESTRICT sum = run_.lookup_gradients.data() + begin;
    std::fill_n(sum, n, T{0});
    for (const std::size_t k : present_) {
      const T* ESPALIER_RESTRICT part = lookups_[k].data() + begin;
      const T scale = shared ? static_cast<T>(alpha[k]) : T{1};
      for (std::size_t j = 0; j < n; ++j) sum[j] += scale * part[j];
    }
  }

  void rewrite_chunk(const ParameterRange& chunk) {
    if (method_ == nullptr) return;
    std::array<T*, GradientAggregator::max_tasks> rows;
    std::array<double*, GradientAggregator::max_tasks> memory;
    const bool remembers = !method_->memory().empty();
    for (std::size_t i = 0; i < present_.size(); ++i) {
      rows[i] = accumulator_of(0, present_[i]).data() + chunk.begin;
      const std::size_t kept = present_[i] * coordinates() + static_cast<std::size_t>(chunk.place);
      if (remembers) memory[i] = method_->memory().data() + kept;
    }
    GradientCoordinates<T> g{{rows.data(), present_.size()}, present_};
    g.size = static_cast<std::size_t>(chunk.end - chunk.begin);
    g.first = static_cast<std::uint64_t>(chunk.begin);
    g.key = run_.key;
    if (remembers) g.memory = {memory.data(), present_.size()};
    method_->rewrite(g);
  }

  void rewrite_rows(Index shard, std::vector<T>* sums) {
    if (method_ == nullptr) return;
    const auto& touched = run_.sparse.shard(shard);
    const auto width = static_cast<std::size_t>(touched.width);
    auto first = static_cast<std::uint64_t>(run_.program.plan.sizes.parameters);
    for (int t = 0; t < touched.table; ++t) {
      const auto at = static_cast<std::size_t>(t);
      first += static_cast<std::uint64_t>(run_.parameters.table_rows[at] *
                                          run_.program.plan.tables[at].width);
    }
    std::array<T*, GradientAggregator::max_tasks> rows;
    GradientCoordinates<T> g{{rows.data(), present_.size()}, present_, width, 0, run_.key};
    for (std::size_t row = 0; row < touched.rows.size(); ++row) {
      for (std::size_t i = 0; i < present_.size(); ++i)
        rows[i] = sums[present_[i]].data() + row * width;
      g.first = first + static_cast<std::uint64_t>(touched.rows[row]) * width;
      method_->rewrite(g);
    }
  }

  /// Combines row gradients: once rewritten, they are not linear in lookup gradients, so the update
  /// uses these sums.
  void combine_rows(Index shard, std::span<const double> alpha) {
    auto& rows = run_.sparse.shard(shard);
    if (is_compared(rows.table) && !leaves_sums()) return rows.rows.clear();
    const bool shared =
        run_.program.plan.tables[static_cast<std::size_t>(rows.table)].task == shared_by_tasks;
    const auto n = static_cast<std::size_t>(rows.count() * rows.width);
    T* ESPALIER_RESTRICT sum = rows.sums.data();
    std::fill_n(sum, n, T{0});
    for (const std::size_t k : present_) {
      const T* ESPALIER_RESTRICT part = rows_of(shard)[k].data();
      const T scale = shared ? static_cast<T>(alpha[k]) : T{1};
      for (std::size_t j = 0; j < n; ++j) sum[j] += scale * part[j];
    }
  }

  /// Forward pass, then a backward pass per task. Only layers of single tasks may be deferred:
  /// gradients of others are per task and accumulator.
  ESPALIER_COLD void make_schedules() {
    plain_ = forward();
    for (std::size_t k = 0; k < tasks_; ++k) add_task(plain_, k);
    const std::string_view why_not = run_.why_not(DeferredWeightGradients<T>::name);
    if (why_not.empty()) {
      deferred_ = DeferredWeightGradients<T>(
          plain_, run_.program.plan, run_.program.traits, run_.capacity, run_.device,
          [](const Step<T>& step) { return step.operation != nullptr; });
    }
    schedules_ = {run_.capacity, [&](Index n) { return deferred_.chosen(Microbatches::of(n)); },
                  [&](Index n) {
                    ExecutionSchedule<T> schedule = plain_;
                    apply_pass(schedule, why_not, deferred_, Microbatches::of(n));
                    return schedule;
                  }};
  }

  ExecutionSchedule<T> plain_;
  DeferredWeightGradients<T> deferred_;
  SchedulesBySize<T, std::vector<Index>> schedules_;
  GradientAggregator* method_ = nullptr;  ///< of this step; null if there is nothing to balance
  std::vector<ParameterRange> chunks_;
  std::vector<int> table_groups_;
  Index shared_ = 0;  ///< number of shared dense values
  std::vector<Node> lookup_nodes_;
  struct ReducedRows {
    std::vector<std::int32_t> rows;
    std::vector<T> sums;
  };
  std::vector<ReducedRows> reduced_;  ///< of all ranks: by shard, then by task
  /// Sums by row: per worker, or per shard if rows are combined, then per task.
  std::vector<std::vector<T>> rows_;
};

}  // namespace espalier
