// SPDX-License-Identifier: Apache-2.0
// `TrainExecutor<T>`: walks a plan forward, then backward, over slices of a batch, and has the parameters learn.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/threads.hpp"
#include "espalier/exec/parameter_update.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/exec/sparse_gradients.hpp"
#include "espalier/exec/workspace.hpp"
#include "espalier/ops/program.hpp"
#include "espalier/optim/clip.hpp"
#include "espalier/passes/deferred_weight_gradients.hpp"
#include "espalier/passes/projected_embeddings.hpp"
#include "espalier/passes/slicing.hpp"

namespace espalier {

// What takes gradients task by task: see task_gradients.hpp.
template <class T>
class TaskBackward;
template <class T, bool Coordinates>
class ParameterGradients;
template <class T, bool Coordinates>
class RepresentationGradients;
template <class T, bool Coordinates>
class TaskGradientPass;
template <class T>
class GradientProbe;

/// One model in training on the CPU. Every call's result is the same, bit for bit, for any number of threads.
/// After the first batch of the largest size nothing allocates.
template <class T>
class TrainExecutor {
 public:
  using CpuProgram = Program<T, cpu::Device>;
  /// Turns the task losses of this step (NaN: no labels) into the tasks' weights.
  using Weigh = void (*)(void* context, std::span<const double> losses, std::span<double> weights);

  /// `vocabulary_rows`: rows of each vocabulary's tables. Throws ConfigError.
  ESPALIER_COLD TrainExecutor(const CpuProgram& program, const std::vector<Index>& vocabulary_rows,
                              Index max_batch, int threads, cpu::Device device = {})
      : program_(program),
        device_(device),
        pool_(threads),
        parameters_(program.plan, vocabulary_rows),
        update_(program.plan),
        capacity_(max_batch) {
    if (max_batch < 1) throw ConfigError("batch_size is " + std::to_string(max_batch) + ", expected 1 or more");
    const PlanSizes& sizes = program_.plan.sizes;
    for (std::size_t i = 0; i < program_.operations.size(); ++i) {
      segmented_ = segmented_ || program_.operations[i].merge_forward != nullptr ||
                   program_.operations[i].merge_backward != nullptr;
    }
    tasks_ = static_cast<Index>(program_.plan.tasks.size());
    lookup_gradients_ = Buffer<T>(static_cast<std::size_t>(sizes.lookup_values * max_batch));
    sparse_ = SparseGradients<T>(program_.plan, parameters_.table_rows, max_batch);
    for (const Buffer<T>& table : parameters_.tables) table_pointers_.push_back(table.data());
    losses_.assign(static_cast<std::size_t>(tasks_), 0.0);
    weights_.assign(static_cast<std::size_t>(tasks_), 1.0);
    totals_.assign(static_cast<std::size_t>(tasks_), 0.0);
    label_deviations_.assign(static_cast<std::size_t>(tasks_), T{1});
    // Smaller batches may have more slices than the largest: room for the worst.
    for (Index n = 1; n <= max_batch; ++n) {
      const Slicing s = Slicing::of(n);
      max_slices_ = (std::max)(max_slices_, s.slices);
      max_slice_ = (std::max)(max_slice_, (std::min)(n, s.slice));
      max_lanes_ = (std::max)(max_lanes_, s.lanes);
    }
    // A lane may fall to any thread of the pool, however few lanes there are.
    const Index threads_at_work = pool_.threads();
    const Index workspaces = segmented_ ? (std::max)(max_slices_, threads_at_work) : threads_at_work;
    for (Index i = 0; i < workspaces; ++i) workspaces_.emplace_back(program_.plan, max_slice_);
    for (Index i = 0; i < max_lanes_; ++i) {
      lanes_.emplace_back(static_cast<std::size_t>(sizes.parameters));
    }
    scratch_ = Buffer<T>(static_cast<std::size_t>(sizes.scratch * max_slices_));
    merged_ = Buffer<T>(static_cast<std::size_t>(sizes.scratch));
    slice_losses_.assign(static_cast<std::size_t>(tasks_ * max_slices_), 0.0);
    auxiliary_.assign(static_cast<std::size_t>(2 * tasks_ * max_slices_), 0.0);
    make_norms();
    if (!segmented_ && narrow_kernels<T>(device) == nullptr) {
      products_ = TableProducts<T>(program_, parameters_.table_rows, max_batch, max_lanes_, pool_.threads());
    }
    if (!segmented_) {
      weight_gradients_ =
          WeightGradients<T>(program_.plan, max_batch, [this](Index node) { return products_.has_layer(node); });
    }
    pool_.on_every_thread([device](int) { prepare_thread<T>(device); });
  }

  [[nodiscard]] const PlanView& plan() const { return program_.plan; }
  [[nodiscard]] Parameters<T>& parameters() { return parameters_; }
  [[nodiscard]] const Parameters<T>& parameters() const { return parameters_; }
  [[nodiscard]] OptimizerState<T>& optimizer_state() { return update_.state(); }
  [[nodiscard]] ThreadPool& pool() { return pool_; }
  [[nodiscard]] Index capacity() const { return capacity_; }

  /// Which optimiser learns, which tensors it leaves alone (`freeze`: patterns with *, on tensor and table names) or treats
  /// apart, and whether an average of the parameters is kept, from what they are now. Throws ConfigError.
  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups = {},
                             const std::optional<ExponentialAverage>& average = {}) {
    update_.prepare(program_.plan, parameters_, optimizer, freeze, groups, average);
    make_norms();
  }

  /// Moving average of the parameters, if it is kept.
  [[nodiscard]] ParameterAverage<T>& average() { return update_.average(); }

  /// The average after step `step`, where one is kept, becomes the parameters; from then on none is kept.
  ESPALIER_COLD void adopt_average(std::int64_t step) {
    average().settle(parameters_, step);
    swap_average();
    average() = {};
  }

  /// The parameters' average in their place, and they in its; again: back. Where none is kept, nothing.
  ESPALIER_COLD void swap_average() {
    if (!average().kept()) return;
    average().swap(parameters_);
    for (std::size_t t = 0; t < table_pointers_.size(); ++t) table_pointers_[t] = parameters_.tables[t].data();
  }

  /// What each task's labels were divided by, for losses that have constants in the label's unit. 1 unless said.
  ESPALIER_COLD void set_label_deviations(const std::vector<T>& deviations) { label_deviations_ = deviations; }

  /// Forward, losses and backward: leaves the gradient of Σ_k weight_k · loss_k, each loss a weighted mean over the
  /// task's labelled samples. `weigh` is called between forward and backward if given; otherwise `weights` hold.
  /// Returns the losses (NaN where the batch has no label of a task).
  std::span<const double> forward_backward(const Batch<T>& batch, std::span<const double> weights, std::uint64_t key,
                                           Weigh weigh = nullptr, void* weigh_context = nullptr) {
    begin_step(batch, weights, key);
    if (segmented_ || weigh != nullptr) {
      make_workspace_for_each_slice();
      run_segmented(weigh, weigh_context);
    } else {
      with_products_ = products_.pays(batch.size);
      if (with_products_) {
        pool_.run(products_.pieces(), [this](Index piece, int worker) {
          products_.prepare(piece, worker, parameters_.dense.data(), table_pointers_.data());
        });
      }
      weight_pieces_ = weight_gradients_.begin(slicing_);
      pool_.run(slicing_.lanes, [this](Index lane, int worker) { run_lane(lane, worker); });
      pool_.run(weight_pieces_, [this](Index piece, int) {
        weight_gradients_.finish(piece, batch_.size, device_, lanes_[0].data());
      });
      if (with_products_) {
        pool_.run(products_.pieces(), [this](Index piece, int worker) {
          products_.finish(piece, worker, batch_, parameters_.dense.data(), table_pointers_.data(), lanes_[0].data());
        });
      }
      sum_losses();
    }
    return losses_;
  }

  /// One optimiser step with the gradients that forward_backward left; clears them. `max_norm` > 0 clips the global
  /// norm. Returns the norm when clipping, else 0.
  double update(const UpdateStep& step, double max_norm = 0) {
    const std::span<const Trainable::Chunk> chunks = update_.chunks();
    const Index shards = sparse_.shards(), pieces = shards + static_cast<Index>(chunks.size());
    T* const gradient = lanes_[0].data();
    const bool clip = max_norm > 0;
    UpdateStep scaled = step;
    const auto learn = [&](Index piece) {
      if (piece < shards) {
        const auto& shard = sparse_.shard(piece);
        update_.update(shard, parameters_.tables[static_cast<std::size_t>(shard.table)].data(), scaled);
      } else {
        update_.update(chunks[static_cast<std::size_t>(piece - shards)], parameters_.dense.data(), gradient, scaled);
      }
    };
    pool_.run(pieces, [&](Index piece, int) {
      double& norm = norms_[static_cast<std::size_t>(piece)];
      if (piece < shards) {
        collect(piece);
        if (clip) norm = update_.squared_norm(sparse_.shard(piece));
      } else {
        const Trainable::Chunk& chunk = chunks[static_cast<std::size_t>(piece - shards)];
        ParameterUpdate<T>::sum_lanes(chunk, lanes_, lanes_of(chunk));
        if (clip) norm = ParameterUpdate<T>::squared_norm(chunk, gradient);
      }
      if (!clip) learn(piece);
    });
    update_.follow_state(parameters_.dense.data(), step);
    if (!clip) return 0;
    double squared = 0;
    for (Index piece = 0; piece < pieces; ++piece) squared += norms_[static_cast<std::size_t>(piece)];
    scaled.gradient_scale *= clip_factor(squared, max_norm);
    pool_.run(pieces, [&](Index piece, int) { learn(piece); });
    return std::sqrt(squared);
  }

  /// Inference: out[k] receives outputs × size predictions of task k, sample after sample. The weighted sums of the losses
  /// and of the labelled samples' weights are added to `loss_sums` and `weight_sums`, where those are not empty.
  void predict(const Batch<T>& batch, std::span<T* const> out, std::span<double> loss_sums = {},
               std::span<double> weight_sums = {}) {
    batch_ = batch;
    slicing_ = Slicing::of(batch.size);
    with_products_ = false;
    const bool with_losses = !loss_sums.empty();
    pool_.run(slicing_.lanes, [&](Index lane, int worker) {
      for (Index slice = slicing_.first_slice(lane); slice < slicing_.first_slice(lane + 1); ++slice) {
        Context<T, cpu::Device> c = context(slice, worker, lane);
        c.training = false;
        c.auxiliary = nullptr;
        forward(c, 0, static_cast<Index>(program_.operations.size()));
        for (std::size_t k = 0; k < program_.plan.tasks.size(); ++k) {
          const TaskInfo& task = program_.plan.tasks[k];
          const View<T> to{out[k] + c.first * task.outputs, task.outputs, c.count, task.outputs};
          program_.losses[k].predict(as_const(c.value(task.logits)), to);
        }
        if (with_losses) losses(c, slice);
      }
    });
    if (!with_losses) return;
    sum_label_weights();
    for (std::size_t k = 0; k < losses_.size(); ++k) {
      for (Index s = 0; s < slicing_.slices; ++s) {
        loss_sums[k] += slice_losses_[static_cast<std::size_t>(s * tasks_) + k];
      }
      weight_sums[k] += totals_[k];
    }
  }

  /// The gradient of the dense parameters that forward_backward left, summed over lanes. For tests and diagnosis.
  void read_gradient(std::span<T> out) const {
    for (std::size_t i = 0; i < out.size(); ++i) {
      T sum = 0;
      for (Index lane = 0; lane < slicing_.lanes; ++lane) sum += lanes_[static_cast<std::size_t>(lane)][i];
      out[i] = sum;
    }
  }

  /// Forgets the gradients, dense and sparse.
  void clear_gradient() {
    for (Buffer<T>& lane : lanes_) lane.fill(T{0});
  }

  /// The sums of table gradients by row, after forward_backward. For tests and diagnosis.
  SparseGradients<T>& collect_sparse() {
    for (Index i = 0; i < sparse_.shards(); ++i) collect(i);
    return sparse_;
  }

  /// Fills every buffer of activations and their gradients with `value`: what is read before it is written shows.
  void poison(T value) {
    for (Workspace<T>& w : workspaces_) {
      w.values.fill(value);
      w.gradients.fill(value);
    }
    scratch_.fill(value);
    merged_.fill(value);
    lookup_gradients_.fill(value);
    products_.poison(value);
    weight_gradients_.poison(value);
  }

 private:
  friend class TaskBackward<T>;
  friend class GradientProbe<T>;
  template <class, bool>
  friend class ParameterGradients;
  template <class, bool>
  friend class RepresentationGradients;
  template <class, bool>
  friend class TaskGradientPass;

  void begin_step(const Batch<T>& batch, std::span<const double> weights, std::uint64_t key) {
    batch_ = batch;
    slicing_ = Slicing::of(batch.size);
    key_ = key;
    rows_are_summed_ = false;
    with_products_ = false;
    weight_pieces_ = 0;
    std::copy(weights.begin(), weights.end(), weights_.begin());
    sum_label_weights();
  }

  void make_workspace_for_each_slice() {
    if (static_cast<Index>(workspaces_.size()) >= slicing_.slices) return;
    while (static_cast<Index>(workspaces_.size()) < max_slices_) workspaces_.emplace_back(program_.plan, max_slice_);
  }

  Context<T, cpu::Device> context(Index slice, Index workspace, Index lane) {
    Workspace<T>& w = workspaces_[static_cast<std::size_t>(workspace)];
    Context<T, cpu::Device> c;
    c.device = device_;
    c.batch = &batch_;
    c.first = slicing_.first_sample(slice);
    c.count = slicing_.count(slice);
    c.capacity = w.capacity;
    c.training = true;
    c.key = key_;
    c.parameters = parameters_.dense.data();
    c.parameter_gradients = lanes_[static_cast<std::size_t>(lane)].data();
    c.tables = table_pointers_.data();
    c.values = w.values.data();
    c.gradients = w.gradients.data();
    c.scratch = scratch_.data() + slice * program_.plan.sizes.scratch;
    c.merged = merged_.data();
    c.lookup_gradients = lookup_gradients_.data();
    c.batch_capacity = capacity_;
    c.auxiliary = auxiliary_.data() + 2 * slice * tasks_;
    c.auxiliary_weights = c.auxiliary + tasks_;
    c.batch_weight = batch_weight_;
    return c;
  }

  void run_lane(Index lane, int worker) {
    const Index nodes = static_cast<Index>(program_.operations.size());
    for (Index slice = slicing_.first_slice(lane); slice < slicing_.first_slice(lane + 1); ++slice) {
      const Context<T, cpu::Device> c = context(slice, worker, lane);
      forward(c, 0, nodes);
      losses(c, slice);
      zero(c);
      for (Index i = nodes - 1; i >= 0; --i) {
        if (with_products_ && products_.backward(i, c, lane)) continue;
        if (weight_pieces_ > 0 && weight_gradients_.backward(i, c)) continue;
        backward(c, i + 1, i);
      }
    }
  }

  void forward(const Context<T, cpu::Device>& c, Index begin, Index end) {
    if (begin == 0 && c.auxiliary != nullptr) std::fill_n(c.auxiliary, tasks_, 0.0);
    for (Index i = begin; i < end; ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (with_products_ && products_.forward(i, c)) continue;
      program_.operations[at].forward(program_.plan.nodes[at], c);
    }
  }

  void backward(const Context<T, cpu::Device>& c, Index end, Index begin) {
    for (Index i = end - 1; i >= begin; --i) {
      const auto at = static_cast<std::size_t>(i);
      program_.operations[at].backward(program_.plan.nodes[at], c);
    }
  }

  void losses(const Context<T, cpu::Device>& c, Index slice) {
    for (Index k = 0; k < tasks_; ++k) loss(c, slice, k);
  }

  void loss(const Context<T, cpu::Device>& c, Index slice, Index k) {
    const auto at = static_cast<std::size_t>(k);
    const TaskInfo& task = program_.plan.tasks[at];
    const double scale = totals_[at] > 0 ? weights_[at] / totals_[at] : 0.0;
    double& value = slice_losses_[static_cast<std::size_t>(slice * tasks_ + k)];
    value = program_.losses[at].evaluate(
        as_const(c.value(task.logits)), batch_.labels.column(k) + c.first,
        batch_.weights == nullptr ? nullptr : batch_.weights + c.first, static_cast<T>(scale), c.gradient(task.logits),
        label_deviations_[at]);
    if (c.auxiliary == nullptr) return;
    if (batch_weight_ > 0) value += c.auxiliary[k] * (totals_[at] / batch_weight_);
    c.auxiliary[tasks_ + k] = totals_[at] > 0 ? weights_[at] : 0.0;
  }

  void zero(const Context<T, cpu::Device>& c) {
    for (const Block& block : program_.plan.zeroed) {
      const View<T> g = c.gradient(block);
      for (Index j = 0; j < g.cols; ++j) std::fill_n(g.column(j), g.rows, T{0});
    }
  }

  void each_slice(FunctionRef<void(const Context<T, cpu::Device>& c, Index slice)> work) {
    pool_.run(slicing_.lanes, [&](Index lane, int) {
      for (Index slice = slicing_.first_slice(lane); slice < slicing_.first_slice(lane + 1); ++slice) {
        work(context(slice, slice, lane), slice);
      }
    });
  }

  template <class Merge>
  void merge(Merge run, const Node& node) {
    run(node, scratch_.data() + node.scratch, program_.plan.sizes.scratch, slicing_.slices, parameters_.dense.data(),
        merged_.data() + node.scratch);
  }

  /// All slices run a segment, then what they gathered is merged, then the next.
  void forward_segments() {
    const Index nodes = static_cast<Index>(program_.operations.size());
    for (Index begin = 0; begin < nodes;) {
      Index end = begin;
      while (end < nodes && program_.operations[static_cast<std::size_t>(end++)].merge_forward == nullptr) {
      }
      each_slice([&](const auto& c, Index) { forward(c, begin, end); });
      const auto last = static_cast<std::size_t>(end - 1);
      if (program_.operations[last].merge_forward != nullptr) {
        merge(program_.operations[last].merge_forward, program_.plan.nodes[last]);
      }
      begin = end;
    }
  }

  void run_segmented(Weigh weigh, void* weigh_context) {
    const Index nodes = static_cast<Index>(program_.operations.size());
    forward_segments();
    each_slice([&](const auto& c, Index slice) { losses(c, slice); });
    sum_losses();
    if (weigh != nullptr) {
      weigh(weigh_context, losses_, weights_);
      each_slice([&](const auto& c, Index slice) { losses(c, slice); });
    }
    each_slice([&](const auto& c, Index) { zero(c); });
    for (Index end = nodes; end > 0;) {
      Index begin = end;
      while (begin > 0 && program_.operations[static_cast<std::size_t>(--begin)].merge_backward == nullptr) {
      }
      each_slice([&](const auto& c, Index) { backward(c, end, begin); });
      const auto first = static_cast<std::size_t>(begin);
      if (program_.operations[first].merge_backward != nullptr) {
        merge(program_.operations[first].merge_backward, program_.plan.nodes[first]);
      }
      end = begin;
    }
  }

  /// Σ sample weight over the labelled samples of each task, and over all samples.
  void sum_label_weights() {
    batch_weight_ = batch_.weights == nullptr ? static_cast<double>(batch_.size) : 0;
    for (Index j = 0; batch_.weights != nullptr && j < batch_.size; ++j) batch_weight_ += static_cast<double>(batch_.weights[j]);
    for (Index k = 0; k < tasks_; ++k) {
      const T* labels = batch_.labels.column(k);
      double sum = 0;
      for (Index j = 0; j < batch_.size; ++j) {
        if (labels[j] == labels[j]) sum += batch_.weights == nullptr ? 1.0 : static_cast<double>(batch_.weights[j]);
      }
      totals_[static_cast<std::size_t>(k)] = sum;
    }
  }

  void sum_losses() {
    for (Index k = 0; k < tasks_; ++k) {
      const auto at = static_cast<std::size_t>(k);
      double sum = 0;
      for (Index s = 0; s < slicing_.slices; ++s) sum += slice_losses_[static_cast<std::size_t>(s * tasks_ + k)];
      losses_[at] = totals_[at] > 0 ? sum / totals_[at] : std::nan("");
    }
  }

  void make_norms() { norms_.assign(static_cast<std::size_t>(sparse_.shards()) + update_.chunks().size(), 0.0); }

  void collect(Index shard) {
    if (rows_are_summed_) return;
    auto& rows = sparse_.shard(shard);
    if (with_products_ && products_.has(rows.table)) return products_.collect(rows, sparse_.parts());
    sparse_.collect(shard, batch_, lookup_gradients_.data(), capacity_);
  }

  /// How many lanes hold gradients of a chunk.
  [[nodiscard]] Index lanes_of(const Trainable::Chunk& chunk) const {
    const bool summed = (with_products_ && products_.has_summed(chunk.begin, chunk.end)) ||
                        (weight_pieces_ > 0 && weight_gradients_.has_summed(chunk.begin, chunk.end));
    return summed ? 1 : slicing_.lanes;
  }

  CpuProgram program_;
  cpu::Device device_;
  ThreadPool pool_;
  Parameters<T> parameters_;
  ParameterUpdate<T> update_;
  SparseGradients<T> sparse_;
  std::vector<const T*> table_pointers_;
  std::vector<Workspace<T>> workspaces_;  ///< one a thread; one a slice where the plan or the balance needs barriers
  std::vector<Buffer<T>> lanes_;          ///< gradients of the dense parameters
  Buffer<T> scratch_, merged_, lookup_gradients_;
  std::vector<double> losses_, weights_, totals_, slice_losses_;
  std::vector<T> label_deviations_;
  std::vector<double> norms_;      ///< Σ g² of each piece of the update
  std::vector<double> auxiliary_;  ///< a slice: sums of the tasks' auxiliary losses, and the tasks' weights
  double batch_weight_ = 0;
  Index capacity_ = 0, tasks_ = 0, max_slices_ = 0, max_slice_ = 0, max_lanes_ = 0;
  bool segmented_ = false;
  TableProducts<T> products_;
  WeightGradients<T> weight_gradients_;
  bool with_products_ = false;    ///< this step's
  Index weight_pieces_ = 0;       ///< this step's
  bool rows_are_summed_ = false;  ///< sparse_ holds this step's sums: a balancing method made them

  Batch<T> batch_;
  Slicing slicing_;
  std::uint64_t key_ = 0;
};

}  // namespace espalier
