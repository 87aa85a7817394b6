// SPDX-License-Identifier: Apache-2.0
// `Context`: what an operation can access when it runs: its buffers, the batch, and the device
// whose kernels it calls. An operation is a struct with
//     static constexpr std::string_view name;
//     template <class C> static void forward(const Node&, const C&);
//     template <class C> static void backward(const Node&, const C&);
//     static constexpr Cost cost(const Node&);
//     static constexpr int gates(const Node&);  // if its output is that many gates, side by side
//     struct Shape;  // a rule for its nodes, with holds(node): plan/rule.hpp
// and the traits of traits.hpp that apply. backward adds to the gradients of parameters. An
// operation that needs the whole batch also has merge_forward or merge_backward (see BatchMoments).
#pragma once

#include <cstdint>
#include <string_view>

#include "espalier/core/random.hpp"
#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/kernels/cpu/storage.hpp"
#include "espalier/ops/traits.hpp"
#include "espalier/plan/plan.hpp"
#include "espalier/plan/rule.hpp"

namespace espalier {

/// Neighbouring columns of a view.
struct ColumnRange {
  Index first = 0;
  Index count = 0;

  template <class T>
  [[nodiscard]] View<T> of(View<T> x) const {
    return {x.data == nullptr ? nullptr : x.column(first), x.rows, count, x.stride};
  }
};

/// One microbatch of a batch on one device. Kernels are free functions overloaded on `Device`; an
/// operation calls them unqualified with `c.device` as the first argument, so it runs on every
/// device that has the kernels.
template <class T, class Device>
struct Context {
  using Scalar = T;

  Device device{};
  const Batch<T>* batch = nullptr;
  Index first = 0;           ///< the microbatch's first sample within the batch
  Index count = 0;           ///< samples in the microbatch
  Index samples_before = 0;  ///< samples of the batch on lower ranks: see Reducer
  Index capacity = 0;        ///< samples that the activation buffers are allocated for
  bool training = false;
  typename Device::Key key{};  ///< key of this step's random numbers

  Storage<T, Device> storage{};  ///< the model's parameters
  T* parameter_gradients = nullptr;
  Index accumulator = 0;          ///< index of the accumulator that parameter_gradients points to
  T* values = nullptr;            ///< activations
  T* gradients = nullptr;         ///< gradients of the activations, in the same layout
  T* scratch = nullptr;           ///< this microbatch's values to be merged over the batch
  const T* merged = nullptr;      ///< the merged values
  T* lookup_gradients = nullptr;  ///< of the whole batch, kept for the update of the tables
  Index batch_capacity = 0;

  // Auxiliary losses: terms that operations add to a task's loss, Σ_j w_j · term_j / Σ_j w_j over
  // all samples.
  double* auxiliary = nullptr;  ///< this microbatch's sums, one per task; null if not wanted
  /// Task weights; 0 if the batch has no label of the task.
  const double* auxiliary_weights = nullptr;
  double batch_weight = 0;  ///< Σ_j w_j over the whole batch

  [[nodiscard]] View<T> value(const Block& b) const { return at(values, b); }
  [[nodiscard]] View<T> gradient(const Block& b) const { return at(gradients, b); }
  /// Null if the node has no such parameter.
  [[nodiscard]] const T* parameter(const Extent& e) const { return parameter(e.offset); }
  [[nodiscard]] const T* parameter(Index offset) const {
    return offset < 0 ? nullptr : storage.parameters + offset;
  }
  /// A weight matrix that only matrix products read, and a table, in the device's storage format.
  [[nodiscard]] auto matrix(Index offset) const { return storage.matrix(offset); }
  [[nodiscard]] auto table(int index) const { return storage.table(index); }
  [[nodiscard]] T* parameter_gradient(const Extent& e) const {
    return parameter_gradient(e.offset);
  }
  [[nodiscard]] T* parameter_gradient(Index offset) const {
    return offset < 0 ? nullptr : parameter_gradients + offset;
  }
  /// The columns of a block that belong to each sample.
  [[nodiscard]] Segments segments(const Steps& steps) const {
    if (!steps.vary()) return {count, nullptr, steps.most};
    return {count, batch->ids[static_cast<std::size_t>(steps.field)].offsets + first, steps.most};
  }
  /// Number of columns of the samples before this microbatch.
  [[nodiscard]] Index columns_before(const Steps& steps) const {
    if (!steps.vary()) return first * steps.most;
    return batch->ids[static_cast<std::size_t>(steps.field)].offsets[first];
  }
  /// Buffer that lookup `node` writes its gradient to: lookup_rows() × columns.
  [[nodiscard]] View<T> lookup_gradient(const Node& node) const {
    const Index width = lookup_rows(node);
    const Steps& steps = lookup_steps(node);
    return {lookup_gradients + node.lookup_base * batch_capacity + columns_before(steps) * width,
            width, segments(steps).columns(), width};
  }
  /// Factor of d(Σ_j w_j · term_j) in the gradient of an auxiliary loss of `task`; 0 if the batch's
  /// weights sum to 0.
  [[nodiscard]] double auxiliary_scale(int task) const {
    return batch_weight > 0 ? auxiliary_weights[task] / batch_weight : 0.0;
  }
  /// The microbatch's sample weights; null if all are 1.
  [[nodiscard]] const T* sample_weights() const {
    return batch->weights == nullptr ? nullptr : batch->weights + first;
  }
  /// The microbatch's labels of a task.
  [[nodiscard]] const T* labels(int task) const { return batch->labels.column(task) + first; }

  /// Calls work(columns, number) for ranges of columns of a block: `number`, which seeds random
  /// numbers, counts columns of the whole batch as if every sample had the same number of steps.
  template <class Work>
  void each_numbered(const Steps& steps, Work work) const {
    const Index before = samples_before + first;
    if (!steps.vary()) return work(ColumnRange{0, count * steps.most}, before * steps.most);
    const Segments s = segments(steps);
    for (Index j = 0; j < count; ++j) {
      if (s.length(j) > 0) work(ColumnRange{s.begin(j), s.length(j)}, (before + j) * steps.most);
    }
  }
  /// Key of one node's random numbers in this step.
  [[nodiscard]] typename Device::Key key_of(const Node& node) const {
    return mix(key, static_cast<std::uint64_t>(node.out.base));
  }

 private:
  View<T> at(T* buffer, const Block& b) const {
    if (!b.exists()) return {};
    return {buffer + b.base * capacity + b.row, b.rows, segments(b.steps).columns(), b.stride};
  }
};

/// Cost of an operation for one sample.
struct Cost {
  double forward_flops = 0;
  double backward_flops = 0;
  double bytes = 0;  ///< of activations that forward reads and writes
};

}  // namespace espalier
