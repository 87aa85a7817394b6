// SPDX-License-Identifier: Apache-2.0
// `TaskGradientPass<T>`: forward and backward with a gradient for each task, which a gradient
// method combines.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "espalier/balance/gradient_method.hpp"
#include "espalier/train/balance_option.hpp"
#include "espalier/train/executor.hpp"
#include "espalier/train/task_paths.hpp"

namespace espalier {

/// Drives gradient methods over the steps of a TrainExecutor, instead of its own forward_backward.
///
/// `BalanceOn::parameters`: a slice runs forward once and then, its activations still in the cache,
/// backward once a task, over the nodes that the task's loss reaches. The gradients of shared
/// tensors and tables that learn go to a buffer of each task; summed over the batch, they give the
/// Gramian and, by the method's weights, one gradient. A row of a table counts once, however often
/// the batch holds it. What belongs to one task (its tower, its gate) learns from Σ_k λ_k L_k, λ
/// the static weights.
///
/// `BalanceOn::representation`: a task's gradient is that by the block which its tower reads; all
/// of them must be of one width, and where tasks read different blocks (`Mmoe`) these are compared
/// as if they were one. The tower part runs backward once a task, the shared part once, with the
/// combined gradient. What reaches shared parameters by other ways than through these blocks learns
/// from Σ_k λ_k L_k.
///
/// A task without labels in the batch, or with weight 0, is absent. The same bits for any number of
/// threads; nothing allocates after the first batch.
template <class T>
class TaskGradientPass {
 public:
  /// After TrainExecutor::prepare, as frozen tensors take no part. Throws ConfigError.
  TaskGradientPass(TrainExecutor<T>& executor, BalanceOn on) : e_(executor), on_(on) {
    const PlanView& plan = e_.program_.plan;
    tasks_ = plan.tasks.size();
    gramian_.assign(tasks_ * tasks_, 0.0);
    alpha_.assign(tasks_, 1.0);
    present_.reserve(tasks_);
    if (on_ == BalanceOn::representation) {
      prepare_representation();
    } else {
      prepare_parameters();
    }
  }

  /// Leaves the combined gradient, as TrainExecutor::forward_backward does. `weights`: the static
  /// ones. Returns the losses (NaN where the batch has no label of a task).
  std::span<const double> forward_backward(const Batch<T>& batch, std::span<const double> weights,
                                           std::uint64_t key, GradientBalance& balance) {
    e_.begin_step(batch, weights, key);
    present_.clear();
    for (std::size_t k = 0; k < tasks_; ++k) {
      if (e_.totals_[k] > 0 && weights[k] > 0) present_.push_back(k);
    }
    if (on_ == BalanceOn::representation) {
      by_representation(key, balance);
    } else {
      by_parameters(key, balance);
    }
    return e_.losses_;
  }

  /// Of the last step: G Gᵀ, row after row, NaN on the diagonal for tasks that were absent; and the
  /// method's weights.
  [[nodiscard]] std::span<const double> gramian() const { return gramian_; }
  [[nodiscard]] std::span<const double> weights() const { return alpha_; }

 private:
  using C = Context<T, cpu::Device>;

  /// A path, and where its gradients of parameters go.
  struct Path : BackwardPath {
    std::vector<bool>
        own;  ///< by node: to the executor's lane, as only parameters of single tasks are touched
    std::vector<int> lookups;
    bool merges = false;  ///< some node needs all slices
  };

  /// A range of the parameters with one owner: all tasks, or a single one.
  struct Range {
    Index begin = 0;
    Index end = 0;
    bool shared = true;
    bool frozen = false;
  };

  static constexpr Index chunk_size = 8192;

  [[nodiscard]] Path path_of(std::span<const Block> seeds, std::span<const Block> boundary = {}, int task = -1) {
    const PlanView& plan = e_.program_.plan;
    Path path{backward_path(plan, seeds, boundary, task), {}, {}, false};
    for (std::size_t i = 0; i < path.nodes.size(); ++i) {
      const Node& node = path.nodes[i];
      path.own.push_back(owned(node));
      if (node.lookup >= 0) path.lookups.push_back(node.lookup);
      path.merges = path.merges || e_.program_.operations[path.places[i]].merge_backward != nullptr;
    }
    return path;
  }

  /// Calls visit(tensor) for the tensors whose values the node may touch.
  template <class Visit>
  void each_tensor(const Node& node, Visit&& visit) const {
    for (std::size_t p = 0; p < node.parameters.size(); ++p) {
      const Index begin = node.parameters[p];
      if (begin < 0) continue;
      Index end = begin + 1;
      if (node.op == op_id<ops::Dense>) {
        end = begin + (p == 0 ? static_cast<Index>(node.out.rows) * (node.in.rows / node.groups)
                              : node.out.rows);
      } else {
        // As far as tensors are neighbours: an operation may see them as one.
        for (const ParameterInfo& t : e_.program_.plan.tensors) {
          if (t.trainable && t.offset <= end && end < t.offset + t.size())
            end = t.offset + t.size();
        }
      }
      for (const ParameterInfo& t : e_.program_.plan.tensors) {
        if (t.trainable && t.offset < end && begin < t.offset + t.size()) visit(t);
      }
    }
  }

  [[nodiscard]] bool owned(const Node& node) const {
    bool all = true, any = false;
    each_tensor(node, [&](const ParameterInfo& t) {
      any = true;
      all = all && t.task != shared_by_tasks;
    });
    return any && all;
  }

  void prepare_parameters() {
    const PlanView& plan = e_.program_.plan;
    bool mixed = false;
    for (const TaskInfo& task : plan.tasks) {
      paths_.push_back(path_of({&task.logits, 1}, {}, static_cast<int>(paths_.size())));
      const Path& path = paths_.back();
      for (std::size_t i = 0; i < path.nodes.size(); ++i) {
        if (path.own[i]) continue;
        each_tensor(path.nodes[i],
                    [&](const ParameterInfo& t) { mixed = mixed || t.task != shared_by_tasks; });
      }
      segmented_ = segmented_ || path.merges;
    }
    segmented_ = segmented_ || e_.segmented_;
    cut_chunks(mixed);
    for (std::size_t i = 0; i < tasks_ * static_cast<std::size_t>(e_.max_lanes_); ++i) {
      lanes_.emplace_back(static_cast<std::size_t>(plan.sizes.parameters));
    }
    for (std::size_t k = 0; k < tasks_; ++k) lookups_.emplace_back(e_.lookup_gradients_.size());
    for (const Node& node : plan.nodes) {
      if (node.lookup >= 0) lookup_nodes_.push_back(node);
    }
    std::size_t most = 0;
    for (Index i = 0; i < e_.sparse_.shards(); ++i)
      most = (std::max)(most, e_.sparse_.shard(i).sums.capacity());
    for (int worker = 0; worker < e_.pool_.threads(); ++worker) {
      for (std::size_t k = 0; k < tasks_; ++k) {
        rows_.emplace_back();
        rows_.back().reserve(most);
      }
    }
    partial_.assign(
        (static_cast<std::size_t>(e_.sparse_.shards()) + chunks_.size()) * tasks_ * tasks_, 0.0);
  }

  void cut_chunks(bool mixed) {
    const PlanView& plan = e_.program_.plan;
    const auto frozen = [&](Index offset) {
      for (const Trainable::Chunk& chunk : e_.trainable_.chunks()) {
        if (chunk.begin <= offset && offset < chunk.end) return chunk.frozen;
      }
      return false;
    };
    std::vector<Range> ranges;
    for (const ParameterInfo& t : plan.tensors) {
      if (!t.trainable) continue;
      const Range range{t.offset, t.offset + t.size(), t.task == shared_by_tasks, frozen(t.offset)};
      if (!range.shared && !mixed) continue;
      const bool joins = !ranges.empty() && ranges.back().shared == range.shared &&
                         ranges.back().frozen == range.frozen &&
                         range.begin - ranges.back().end < 16;
      if (joins) {
        ranges.back().end = range.end;
      } else {
        ranges.push_back(range);
      }
    }
    for (const Range& range : ranges) {
      for (Index begin = range.begin; begin < range.end; begin += chunk_size) {
        chunks_.push_back(
            {begin, (std::min)(begin + chunk_size, range.end), range.shared, range.frozen});
      }
    }
  }

  void prepare_representation() {
    const PlanView& plan = e_.program_.plan;
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
      paths_.push_back(path_of({&task.logits, 1}, blocks_, static_cast<int>(paths_.size())));
      if (!paths_.back().lookups.empty()) {
        throw_error<ConfigError>(
            {"balance on representations: the tower of '", task.name,
             "' reads embedding tables besides; balance on parameters instead"});
      }
      lookups_.emplace_back(static_cast<std::size_t>(task.representation.rows * e_.capacity_));
    }
    trunk_ = path_of(blocks_);
    partial_.assign(static_cast<std::size_t>(e_.max_slices_) * tasks_ * tasks_, 0.0);
  }

  void by_parameters(std::uint64_t key, GradientBalance& balance) {
    if (segmented_) {
      e_.make_workspace_for_each_slice();
      e_.forward_segments();
      for (std::size_t k = 0; k < tasks_; ++k) {
        e_.each_slice([&](const C& c, Index slice) { start(c, slice, k); });
        if (present(k)) walk_segments(paths_[k], k);
      }
    } else {
      e_.pool_.run(e_.slicing_.lanes, [&](Index lane, int worker) {
        const Index nodes = static_cast<Index>(e_.program_.operations.size());
        for (Index slice = e_.slicing_.first_slice(lane); slice < e_.slicing_.first_slice(lane + 1);
             ++slice) {
          const C c = e_.context(slice, worker, lane);
          e_.forward(c, 0, nodes);
          for (std::size_t k = 0; k < tasks_; ++k) {
            start(c, slice, k);
            if (present(k)) walk(paths_[k], own_buffers(c, k, lane), c, paths_[k].nodes.size(), 0);
          }
        }
      });
    }
    e_.sum_losses();
    const Index shards = e_.sparse_.shards(), chunks = static_cast<Index>(chunks_.size());
    e_.pool_.run(shards + chunks, [&](Index piece, int worker) {
      double* const products = partial_.data() + static_cast<std::size_t>(piece) * tasks_ * tasks_;
      if (piece < shards) {
        multiply_rows(piece, worker, products);
      } else {
        multiply_chunk(chunks_[static_cast<std::size_t>(piece - shards)], products);
      }
    });
    weigh(static_cast<std::size_t>(shards + chunks), key, balance);
    const Index lookups = static_cast<Index>(lookup_nodes_.size());
    e_.pool_.run(lookups + chunks, [&](Index piece, int) {
      if (piece < lookups) {
        combine_lookup(lookup_nodes_[static_cast<std::size_t>(piece)]);
      } else {
        combine_chunk(chunks_[static_cast<std::size_t>(piece - lookups)]);
      }
    });
  }

  [[nodiscard]] bool present(std::size_t k) const {
    return std::find(present_.begin(), present_.end(), k) != present_.end();
  }

  [[nodiscard]] Buffer<T>& lane_of(Index lane, std::size_t k) {
    return lanes_[static_cast<std::size_t>(lane) * tasks_ + k];
  }

  [[nodiscard]] C own_buffers(C c, std::size_t k, Index lane) {
    c.parameter_gradients = lane_of(lane, k).data();
    c.lookup_gradients = lookups_[k].data();
    return c;
  }

  /// The gradient at task k's logits, and zeros where its path wants them.
  void start(const C& c, Index slice, std::size_t k) {
    e_.loss(c, slice, static_cast<Index>(k));
    for (const Block& block : paths_[k].zeroed) zero(c.gradient(block));
  }

  static void zero(View<T> g) {
    for (Index j = 0; j < g.cols; ++j) std::fill_n(g.column(j), g.rows, T{0});
  }

  /// Nodes end − 1 … begin. `own`: the executor's lane.
  void walk(const Path& path, const C& c, const C& own, std::size_t end, std::size_t begin) {
    for (std::size_t i = end; i-- > begin;) {
      e_.program_.operations[path.places[i]].backward(path.nodes[i], path.own[i] ? own : c);
    }
  }

  /// The same with barriers where a node needs all slices. `k`: of the task's buffers, or none_.
  void walk_segments(const Path& path, std::size_t k) {
    for (std::size_t end = path.nodes.size(); end > 0;) {
      std::size_t begin = end;
      while (begin > 0 && e_.program_.operations[path.places[--begin]].merge_backward == nullptr) {
      }
      e_.pool_.run(e_.slicing_.lanes, [&](Index lane, int) {
        for (Index slice = e_.slicing_.first_slice(lane); slice < e_.slicing_.first_slice(lane + 1);
             ++slice) {
          const C own = e_.context(slice, slice, lane);
          walk(path, k == none_ ? own : own_buffers(own, k, lane), own, end, begin);
        }
      });
      if (const auto run = e_.program_.operations[path.places[begin]].merge_backward;
          run != nullptr) {
        e_.merge(run, path.nodes[begin]);
      }
      end = begin;
    }
  }

  /// Sums every task's lanes into its first; clears the others; the products of what learns and is
  /// shared.
  void multiply_chunk(const Range& chunk, double* products) {
    const Index n = chunk.end - chunk.begin;
    std::fill_n(products, tasks_ * tasks_, 0.0);
    for (const std::size_t k : present_) {
      T* ESPALIER_RESTRICT sum = lane_of(0, k).data() + chunk.begin;
      for (Index lane = 1; lane < e_.slicing_.lanes; ++lane) {
        T* ESPALIER_RESTRICT part = lane_of(lane, k).data() + chunk.begin;
        for (Index j = 0; j < n; ++j) {
          sum[j] += part[j];
          part[j] = 0;
        }
      }
    }
    if (!chunk.shared || chunk.frozen) return;
    for (const std::size_t k : present_) {
      for (const std::size_t other : present_) {
        if (other > k) break;
        products[k * tasks_ + other] =
            dot(lane_of(0, k).data() + chunk.begin, lane_of(0, other).data() + chunk.begin, n);
      }
    }
  }

  void multiply_rows(Index shard, int worker, double* products) {
    std::fill_n(products, tasks_ * tasks_, 0.0);
    auto& rows = e_.sparse_.shard(shard);
    const TableInfo& table = e_.program_.plan.tables[static_cast<std::size_t>(rows.table)];
    if (table.task != shared_by_tasks || e_.trainable_.table_frozen(rows.table)) return;
    std::vector<T>* const sums = rows_.data() + static_cast<std::size_t>(worker) * tasks_;
    for (const std::size_t k : present_) {
      e_.sparse_.collect(shard, e_.batch_, lookups_[k].data(), e_.capacity_);
      sums[k].assign(rows.sums.data(), rows.sums.data() + rows.count() * rows.width);
      for (const std::size_t other : present_) {
        if (other > k) break;
        products[k * tasks_ + other] =
            dot(sums[k].data(), sums[other].data(), static_cast<Index>(sums[k].size()));
      }
    }
  }

  /// The pieces' products, summed in order, give the weights.
  void weigh(std::size_t pieces, std::uint64_t key, GradientBalance& balance) {
    std::fill(gramian_.begin(), gramian_.end(), 0.0);
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      const double* products = partial_.data() + piece * tasks_ * tasks_;
      for (std::size_t k = 0; k < tasks_; ++k) {
        for (std::size_t other = 0; other <= k; ++other)
          gramian_[k * tasks_ + other] += products[k * tasks_ + other];
      }
    }
    for (std::size_t k = 0; k < tasks_; ++k) {
      for (std::size_t other = 0; other < k; ++other)
        gramian_[other * tasks_ + k] = gramian_[k * tasks_ + other];
      if (!present(k)) gramian_[k * tasks_ + k] = std::nan("");
    }
    balance.weights(gramian_, e_.losses_, key, alpha_);
  }

  void combine_chunk(const Range& chunk) {
    const Index n = chunk.end - chunk.begin;
    T* ESPALIER_RESTRICT sum = e_.lanes_[0].data() + chunk.begin;
    for (const std::size_t k : present_) {
      T* ESPALIER_RESTRICT part = lane_of(0, k).data() + chunk.begin;
      const T scale = chunk.shared ? static_cast<T>(alpha_[k]) : T{1};
      for (Index j = 0; j < n; ++j) {
        sum[j] += scale * part[j];
        part[j] = 0;
      }
    }
  }

  /// Rows' gradients are linear in those of the look-ups, so the executor's update needs to know
  /// nothing.
  void combine_lookup(const Node& node) {
    const bool shared =
        e_.program_.plan.tables[static_cast<std::size_t>(node.table)].task == shared_by_tasks;
    const std::size_t begin = static_cast<std::size_t>(node.lookup_base * e_.capacity_);
    const auto n = static_cast<std::size_t>(node.out.rows * e_.batch_.size);
    T* ESPALIER_RESTRICT sum = e_.lookup_gradients_.data() + begin;
    std::fill_n(sum, n, T{0});
    for (const std::size_t k : present_) {
      const T* ESPALIER_RESTRICT part = lookups_[k].data() + begin;
      const T scale = shared ? static_cast<T>(alpha_[k]) : T{1};
      for (std::size_t j = 0; j < n; ++j) sum[j] += scale * part[j];
    }
  }

  void by_representation(std::uint64_t key, GradientBalance& balance) {
    e_.make_workspace_for_each_slice();
    e_.forward_segments();
    for (std::size_t k = 0; k < tasks_; ++k) {
      const Block& block = e_.program_.plan.tasks[k].representation;
      if (paths_[k].merges) {
        e_.each_slice([&](const C& c, Index slice) { start(c, slice, k); });
        if (present(k)) walk_segments(paths_[k], none_);
        e_.each_slice([&](const C& c, Index) { keep(c, block, k); });
      } else {
        e_.each_slice([&](const C& c, Index slice) {
          start(c, slice, k);
          if (!present(k)) return;
          walk(paths_[k], c, c, paths_[k].nodes.size(), 0);
          keep(c, block, k);
        });
      }
    }
    e_.sum_losses();
    e_.each_slice([&](const C& c, Index slice) { multiply_representations(c, slice); });
    weigh(static_cast<std::size_t>(e_.slicing_.slices), key, balance);
    const auto begin_trunk = [&](const C& c) {
      for (const Block& block : trunk_.zeroed) zero(c.gradient(block));
      for (const Block& block : blocks_) combine_representation(c, block);
    };
    if (trunk_.merges) {
      e_.each_slice([&](const C& c, Index) { begin_trunk(c); });
      walk_segments(trunk_, none_);
    } else {
      e_.each_slice([&](const C& c, Index) {
        begin_trunk(c);
        walk(trunk_, c, c, trunk_.nodes.size(), 0);
      });
    }
  }

  [[nodiscard]] T* kept(const C& c, std::size_t k) {
    return lookups_[k].data() + c.first * e_.program_.plan.tasks[k].representation.rows;
  }

  void keep(const C& c, const Block& block, std::size_t k) {
    const View<T> g = c.gradient(block);
    T* to = kept(c, k);
    for (Index j = 0; j < g.cols; ++j) to = std::copy_n(g.column(j), g.rows, to);
  }

  void multiply_representations(const C& c, Index slice) {
    double* const products = partial_.data() + static_cast<std::size_t>(slice) * tasks_ * tasks_;
    std::fill_n(products, tasks_ * tasks_, 0.0);
    const Index n = c.count * e_.program_.plan.tasks[0].representation.rows;
    for (const std::size_t k : present_) {
      for (const std::size_t other : present_) {
        if (other > k) break;
        products[k * tasks_ + other] = dot(kept(c, k), kept(c, other), n);
      }
    }
  }

  void combine_representation(const C& c, const Block& block) {
    const View<T> g = c.gradient(block);
    zero(g);
    for (const std::size_t k : present_) {
      const Block& own = e_.program_.plan.tasks[k].representation;
      if (own.base != block.base || own.row != block.row) continue;
      const T* from = kept(c, k);
      const T scale = static_cast<T>(alpha_[k]);
      for (Index j = 0; j < g.cols; ++j, from += g.rows) {
        T* to = g.column(j);
        for (Index i = 0; i < g.rows; ++i) to[i] += scale * from[i];
      }
    }
  }

  /// In runs of partial sums that are added in a fixed order.
  [[nodiscard]] static double dot(const T* a, const T* b, Index n) {
    constexpr Index parts = 16, run = 512;
    double sum = 0;
    Index i = 0;
    while (i + parts <= n) {
      T sums[parts] = {};
      for (const Index end = (std::min)(n, i + run); i + parts <= end; i += parts) {
        for (Index p = 0; p < parts; ++p) sums[p] += a[i + p] * b[i + p];
      }
      T half[8];
      for (Index p = 0; p < 8; ++p) half[p] = sums[p] + sums[p + 8];
      sum += static_cast<double>(((half[0] + half[4]) + (half[2] + half[6])) +
                                 ((half[1] + half[5]) + (half[3] + half[7])));
    }
    for (; i < n; ++i) sum += static_cast<double>(a[i] * b[i]);
    return sum;
  }

  static constexpr std::size_t none_ = (std::numeric_limits<std::size_t>::max)();

  TrainExecutor<T>& e_;
  BalanceOn on_;
  std::size_t tasks_ = 0;
  bool segmented_ = false;
  std::vector<Path> paths_;  ///< one a task
  Path trunk_;
  std::vector<Block> blocks_;  ///< the representations, each once
  std::vector<Range> chunks_;
  std::vector<Node> lookup_nodes_;
  std::vector<Buffer<T>>
      lanes_;  ///< lane after lane, in it task after task: gradients of the dense parameters
  std::vector<Buffer<T>>
      lookups_;  ///< a task each: gradients of look-ups, or of the representation
  std::vector<std::vector<T>> rows_;
  std::vector<std::size_t> present_;
  std::vector<double> partial_, gramian_, alpha_;
};

/// Type-erased, for the trainer, which knows single precision only.
struct GradientDriver {
  class Pass {
   public:
    virtual ~Pass() = default;
    virtual std::span<const double> forward_backward(const Batch<float>& batch,
                                                     std::span<const double> weights,
                                                     std::uint64_t key,
                                                     GradientBalance& balance) = 0;
  };
  std::unique_ptr<Pass> (*make)(TrainExecutor<float>& executor, BalanceOn on) = nullptr;
};

template <class Method>
struct GradientDriverOf {
  template <class T>
  struct PassOf final : GradientDriver::Pass {
    PassOf(TrainExecutor<T>& executor, BalanceOn on) : pass(executor, on) {}
    std::span<const double> forward_backward(const Batch<T>& batch, std::span<const double> weights,
                                             std::uint64_t key, GradientBalance& balance) override {
      return pass.forward_backward(batch, weights, key, balance);
    }
    TaskGradientPass<T> pass;
  };

  [[nodiscard]] static const GradientDriver* driver() {
    static constexpr GradientDriver made{&make<float>};
    return &made;
  }
  template <class T>
  static std::unique_ptr<GradientDriver::Pass> make(TrainExecutor<T>& executor, BalanceOn on) {
    return std::make_unique<PassOf<T>>(executor, on);
  }
};

}  // namespace espalier
