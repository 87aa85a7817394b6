// SPDX-License-Identifier: Apache-2.0
// `Context`: what an operation sees of the world when it runs: its buffers, the batch, and the device whose kernels
// it calls. An operation is a struct with
//     static constexpr std::string_view name;
//     template <class C> static void forward(const Node&, const C&);
//     template <class C> static void backward(const Node&, const C&);   // adds to gradients of parameters
//     static constexpr Cost cost(const Node&);
//     static constexpr int gates(const Node&);                            // where its output is that many gates, side by side
//     and, where they hold of it, the traits in traits.hpp
//     struct Shape;                                                       // a rule of its nodes, with holds(node): plan/rule.hpp
// and, where it needs the whole batch, merge_forward or merge_backward (see BatchMoments).
#pragma once

#include <cstdint>
#include <string_view>

#include "espalier/core/random.hpp"
#include "espalier/core/view.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/kernels/cpu/storage.hpp"
#include "espalier/ops/traits.hpp"
#include "espalier/plan/plan.hpp"
#include "espalier/plan/rule.hpp"

namespace espalier {

/// One microbatch of a batch on one device. Kernels are free functions overloaded on `Device`; an operation calls them
/// unqualified with `c.device` first, so that it runs wherever there are kernels.
template <class T, class Device>
struct Context {
  using Scalar = T;

  Device device{};
  const Batch<T>* batch = nullptr;
  Index first = 0;     ///< the microbatch's first sample within the batch
  Index count = 0;     ///< its samples
  Index samples_before = 0;  ///< of the batch, that other ranks have before this one's: see Reducer
  Index capacity = 0;  ///< samples that the activation buffers have room for
  bool training = false;
  std::uint64_t key = 0;  ///< of this step's random numbers

  Storage<T, Device> storage{};  ///< the model's parameters
  T* parameter_gradients = nullptr;
  Index accumulator = 0;      ///< which of the accumulators of gradients that is
  T* values = nullptr;           ///< activations
  T* gradients = nullptr;        ///< their gradients, laid out alike
  T* scratch = nullptr;          ///< this microbatch's part of what is merged over the batch
  const T* merged = nullptr;     ///< the merged values
  T* lookup_gradients = nullptr; ///< of the whole batch, kept for the tables' update
  Index batch_capacity = 0;

  // Auxiliary losses: terms of a task's loss that operations add, Σ_j w_j · term_j / Σ_j w_j over all samples.
  double* auxiliary = nullptr;                ///< this microbatch's sums, one a task; null where they are not wanted
  const double* auxiliary_weights = nullptr;  ///< the tasks' weights, 0 where the batch has no label of the task
  double batch_weight = 0;                    ///< Σ_j w_j over the whole batch

  [[nodiscard]] View<T> value(const Block& b) const { return at(values, b); }
  [[nodiscard]] View<T> gradient(const Block& b) const { return at(gradients, b); }
  /// Null where the node has none.
  [[nodiscard]] const T* parameter(const Extent& e) const { return parameter(e.offset); }
  [[nodiscard]] const T* parameter(Index offset) const {
    return offset < 0 ? nullptr : storage.parameters + offset;
  }
  /// A matrix of weights that is read by products alone, and a table: as the device keeps them.
  [[nodiscard]] auto matrix(Index offset) const { return storage.matrix(offset); }
  [[nodiscard]] auto table(int index) const { return storage.table(index); }
  [[nodiscard]] T* parameter_gradient(const Extent& e) const { return parameter_gradient(e.offset); }
  [[nodiscard]] T* parameter_gradient(Index offset) const {
    return offset < 0 ? nullptr : parameter_gradients + offset;
  }
  /// Where look-up `node` leaves its gradient: width × count.
  [[nodiscard]] View<T> lookup_gradient(const Node& node) const {
    const Index width = node.out.rows;
    return {lookup_gradients + node.lookup_base * batch_capacity + first * width, width, count,
            width};
  }
  /// What d(Σ_j w_j · term_j) counts in the gradient of an auxiliary loss of `task`. Of a batch that weighs nothing, 0.
  [[nodiscard]] double auxiliary_scale(int task) const {
    return batch_weight > 0 ? auxiliary_weights[task] / batch_weight : 0.0;
  }
  /// The microbatch's sample weights, or null for all one.
  [[nodiscard]] const T* sample_weights() const {
    return batch->weights == nullptr ? nullptr : batch->weights + first;
  }
  /// The microbatch's labels of a task.
  [[nodiscard]] const T* labels(int task) const { return batch->labels.column(task) + first; }

  /// The number of the microbatch's first column of a node within the whole batch: of its random numbers.
  [[nodiscard]] Index first_column(const Node& node) const { return (samples_before + first) * node.in.steps; }
  /// A key for random numbers of one node in this step.
  [[nodiscard]] std::uint64_t key_of(const Node& node) const {
    return mix(key, static_cast<std::uint64_t>(node.out.base));
  }

 private:
  View<T> at(T* buffer, const Block& b) const {
    if (!b.exists()) return {};
    return {buffer + b.base * capacity + b.row, b.rows, count * b.steps, b.stride};
  }
};

/// What an operation costs for one sample.
struct Cost {
  double forward_flops = 0;
  double backward_flops = 0;
  double bytes = 0;  ///< activations read and written by forward
};

}  // namespace espalier
