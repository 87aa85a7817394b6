// SPDX-License-Identifier: Apache-2.0
// `RepresentationGradients<T>`: computes each task's gradient with respect to what its tower reads.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/core/error.hpp"
#include "espalier/exec/task_backward.hpp"

namespace espalier {

/// A task's gradient is with respect to the block that its tower reads. All blocks must have the
/// same width; if tasks read different blocks (`Mmoe`), they are compared as if they were one. The
/// tower part runs backward once per task, the shared part once, with the combined gradient.
/// Gradients that reach shared parameters other than through these blocks are those of Σ_k λ_k L_k.
///
/// `Coordinates`: for methods that rewrite gradients. Each value of each sample is a coordinate. A
/// method that remembers cannot do so per sample: it gets the sums over the batch, which are the
/// gradients with respect to a constant added to the representation. The weights that it computes
/// from them are used for this batch's gradients.
template <class T, bool Coordinates = false>
class RepresentationGradients : public TaskBackward<T> {
 public:
  /// Throws ConfigError if the blocks cannot be compared, or if a tower also reads tables.
  explicit RepresentationGradients(TrainExecutor<T>& executor) : Base(executor) {
    const PlanView& plan = run_.program.plan;
    for (const TaskInfo& task : plan.tasks) {
      const Block& block = task.representation;
      if (!block.exists() || !block.gradient || block.steps != 1 ||
          block.rows != plan.tasks[0].representation.rows) {
        throw_error<ConfigError>({"balance on representations: the tower of '", task.name,
                                  "' reads ", block.gradient ? block.rows * block.steps : 0,
                                  " learnt values, that of '", plan.tasks[0].name, "' ",
                                  plan.tasks[0].representation.rows, "; expected as many"});
      }
      bool known = false;
      for (const Block& b : blocks_) known = known || (b.base == block.base && b.row == block.row);
      if (!known) blocks_.push_back(block);
    }
    for (const TaskInfo& task : plan.tasks) {
      paths_.push_back(
          path_of({&task.logits, 1}, blocks_, {static_cast<int>(paths_.size()), false}));
      if (!paths_.back().lookups.empty()) {
        throw_error<ConfigError>(
            {"balance on representations: the tower of '", task.name,
             "' reads embedding tables besides; balance on parameters instead"});
      }
      kept_.emplace_back(static_cast<std::size_t>(task.representation.rows * run_.capacity));
    }
    trunk_ = path_of(blocks_, {}, {.loads = true});  // gates are in the shared part
    make_schedules();
    partial_.assign(static_cast<std::size_t>(run_.max_microbatches) * tasks_ * tasks_, 0.0);
    if (Coordinates) sums_.assign(tasks_, std::vector<T>(coordinates()));
  }

  /// Number of coordinates that a method can remember per task.
  [[nodiscard]] std::size_t coordinates() const {
    return static_cast<std::size_t>(run_.program.plan.tasks[0].representation.rows);
  }

  /// Schedules of the part down to the representations, and of the shared part.
  [[nodiscard]] std::vector<const ExecutionSchedule<T>*> schedules() const {
    return {&tasks_part_, &shared_part_};
  }

  /// Runs the batch that the executor has begun, backward down to the representations. Returns the
  /// number of pieces of products().
  std::size_t run(GradientAggregator* method = nullptr) {
    method_ = method != nullptr && method->balances() ? method : nullptr;
    run_.run(tasks_part_);
    run_.sum_losses();
    if constexpr (Coordinates) {
      if (method_ != nullptr && method_->remembers()) {
        multiply_sums();
        return 1;
      }
    }
    run_.each_microbatch([&](const C& c, Index microbatch) { multiply(c, microbatch); });
    const auto pieces = static_cast<std::size_t>(run_.microbatches.count);
    if (run_.reducer == nullptr) return pieces;
    const std::size_t square = tasks_ * tasks_;
    for (std::size_t piece = 1; piece < pieces; ++piece) {
      for (std::size_t i = 0; i < square; ++i) partial_[i] += partial_[piece * square + i];
    }
    run_.reducer->sum({partial_.data(), square});
    return 1;
  }

  /// Runs the shared part backward from Σ_k alpha_k g_k.
  void combine(std::span<const double> alpha) {
    alpha_ = alpha;
    run_.run(shared_part_);
  }

 private:
  using Base = TaskBackward<T>;
  using Base::add_path, Base::add_task, Base::dot, Base::forward, Base::run_, Base::partial_,
      Base::path_of, Base::paths_;
  using Base::present_, Base::tasks_, Base::when, Base::zero;
  using typename Base::C;
  using typename Base::Path;

  ESPALIER_COLD void make_schedules() {
    tasks_part_ = forward();
    const auto step = [this](std::string_view name, std::size_t item, auto run) {
      Step<T> made;
      made.phase = Phase::backward;
      made.name = name;
      made.state = this;
      made.item = static_cast<Index>(item);
      made.run = run;
      return made;
    };
    for (std::size_t k = 0; k < tasks_; ++k) {
      add_task(tasks_part_, k);
      tasks_part_.steps.push_back(
          step("keep representation's gradient", k, [](void* state, Index task, const C& c) {
            auto& self = *static_cast<RepresentationGradients*>(state);
            const auto at = static_cast<std::size_t>(task);
            self.keep(c, self.run_.program.plan.tasks[at].representation, at);
          }));
      tasks_part_.steps.back().when = when(k);
    }
    shared_part_.steps.push_back(
        step("combine representations' gradients", 0, [](void* state, Index, const C& c) {
          auto& self = *static_cast<RepresentationGradients*>(state);
          for (const Block& block : self.trunk_.zeroed) zero(c.gradient(block));
          for (const Block& block : self.blocks_) self.combine_block(c, block);
        }));
    add_path(shared_part_, trunk_, -1);
    tasks_part_.waits = shared_part_.waits = true;  // the second uses activations of the first
  }

  [[nodiscard]] T* kept(const C& c, std::size_t k) {
    return kept_[k].data() + c.first * run_.program.plan.tasks[k].representation.rows;
  }

  void keep(const C& c, const Block& block, std::size_t k) {
    const View<T> g = c.gradient(block);
    T* to = kept(c, k);
    for (Index j = 0; j < g.cols; ++j) to = std::copy_n(g.column(j), g.rows, to);
  }

  void multiply(const C& c, Index microbatch) {
    double* const products =
        partial_.data() + static_cast<std::size_t>(microbatch) * tasks_ * tasks_;
    std::fill_n(products, tasks_ * tasks_, 0.0);
    const Index width = run_.program.plan.tasks[0].representation.rows, n = c.count * width;
    if constexpr (Coordinates) {
      std::array<T*, GradientAggregator::max_tasks> rows;
      for (std::size_t i = 0; i < present_.size(); ++i) rows[i] = kept(c, present_[i]);
      rewrite(rows, n, (run_.samples_before + c.first) * width, {});
    }
    for (const std::size_t k : present_) {
      for (const std::size_t other : present_) {
        if (other > k) break;
        products[k * tasks_ + other] = dot(kept(c, k), kept(c, other), n);
      }
    }
  }

  void rewrite(std::span<T* const> rows, Index size, Index first, std::span<double* const> memory) {
    if (method_ == nullptr) return;
    GradientCoordinates<T> g{rows.first(present_.size()), present_};
    g.size = static_cast<std::size_t>(size);
    g.first = static_cast<std::uint64_t>(first);
    g.key = run_.key;
    g.memory = memory;
    method_->rewrite(g);
  }

  /// Computes the products of the rewritten sums over the batch.
  void multiply_sums() {
    const Index width = static_cast<Index>(coordinates());
    run_.pool.run(static_cast<Index>(present_.size()), [&](Index i, int) {
      const std::size_t k = present_[static_cast<std::size_t>(i)];
      T* ESPALIER_RESTRICT sum = sums_[k].data();
      std::fill_n(sum, width, T{0});
      const T* ESPALIER_RESTRICT part = kept_[k].data();
      for (Index j = 0; j < run_.batch.size; ++j, part += width) {
        for (Index r = 0; r < width; ++r) sum[r] += part[r];
      }
    });
    if (run_.reducer != nullptr) {
      for (const std::size_t k : present_) run_.reducer->sum_gradient(sums_[k]);
    }
    std::array<T*, GradientAggregator::max_tasks> rows;
    std::array<double*, GradientAggregator::max_tasks> memory;
    for (std::size_t i = 0; i < present_.size(); ++i) {
      rows[i] = sums_[present_[i]].data();
      memory[i] = method_->memory().data() + present_[i] * coordinates();
    }
    rewrite(rows, width, 0, {memory.data(), present_.size()});
    std::fill_n(partial_.data(), tasks_ * tasks_, 0.0);
    for (const std::size_t k : present_) {
      for (const std::size_t other : present_) {
        if (other > k) break;
        partial_[k * tasks_ + other] = dot(sums_[k].data(), sums_[other].data(), width);
      }
    }
  }

  void combine_block(const C& c, const Block& block) {
    const View<T> g = c.gradient(block);
    zero(g);
    for (const std::size_t k : present_) {
      const Block& own = run_.program.plan.tasks[k].representation;
      if (own.base != block.base || own.row != block.row) continue;
      const T* from = kept(c, k);
      const T scale = static_cast<T>(alpha_[k]);
      for (Index j = 0; j < g.cols; ++j, from += g.rows) {
        T* to = g.column(j);
        for (Index i = 0; i < g.rows; ++i) to[i] += scale * from[i];
      }
    }
  }

  Path trunk_;
  ExecutionSchedule<T> tasks_part_, shared_part_;
  std::span<const double> alpha_;  ///< of this step
  std::vector<Block> blocks_;      ///< distinct representations
  std::vector<Buffer<T>> kept_;    ///< per task: its gradient, sample by sample
  std::vector<std::vector<T>> sums_;
  GradientAggregator* method_ = nullptr;  ///< of this step; null if there is nothing to balance
};

}  // namespace espalier
