// SPDX-License-Identifier: Apache-2.0
// `DeferredWeightGradients<T>`: computes gradients of large matrices per batch, not per microbatch.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/core/error.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/ops/weight_matrices.hpp"
#include "espalier/passes/microbatches.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Decides whether a matrix is deferred, and into which pieces it is cut. Depends on the batch
/// size, not on threads.
struct DeferredMatrix {
  Index in = 0, out = 0;

  /// Largest batch for which the accumulators' copies of the matrix have at least twice as many
  /// values as the δ and x of all samples; 0 for small matrices. Measured on two cores with 256
  /// samples and a matrix of 512 × 256: a step takes 1.03 times as long on one thread, 0.90 times
  /// on two, and 0.90 times if each task has such a matrix.
  [[nodiscard]] Index most_samples(Index accumulators) const {
    return out < 64 || in * out < (1 << 14) ? 0 : accumulators * in * out / (2 * (in + out));
  }
  [[nodiscard]] bool pays(const Microbatches& microbatches) const {
    return microbatches.accumulators > 1 &&
           microbatches.samples <= most_samples(microbatches.accumulators);
  }
  [[nodiscard]] Index pieces() const {
    return (std::max)(Index{2}, out / std::clamp(out / 8, Index{64}, Index{256}));
  }
  /// First row of a piece, a multiple of 8: whole tiles. Every piece has more than 16 rows; with 16
  /// or fewer, the bf16 kernels would compute in float.
  [[nodiscard]] Index first_row(Index piece) const {
    return piece == pieces() ? out : piece * out / pieces() / 8 * 8;
  }
};

/// Computes a layer's dW = Σ_j δ_j x_jᵀ over all samples of the batch at once. If the matrix is
/// large compared with the δ and x of all samples, adding every microbatch to a copy per
/// accumulator, and summing the copies, costs more than the arithmetic hides. With this pass,
/// microbatches store their δ and x; after all of them, dW is computed in pieces of several rows.
/// Which layers are deferred, for which batches, depends only on the plan, the tables' rows and the
/// batch size.
template <class T, class Device = Cpu>
class DeferredWeightGradients {
 public:
  using C = Context<T, Device>;

  static constexpr std::string_view name = "deferred_weight_gradients";

  DeferredWeightGradients() = default;

  /// `allowed(step)`: whether a layer's backward step may be changed. The buffers of a layer hold
  /// at most four times as many values as its matrices.
  template <class Allowed>
  ESPALIER_COLD DeferredWeightGradients(const ExecutionSchedule<T, Device>& schedule,
                                        const PlanView& plan,
                                        std::span<const OperationTraits> traits, Index max_batch,
                                        Device device, const Allowed& allowed)
      : device_(device) {
    const std::vector<WeightMatrix> matrices = weight_matrices(plan.nodes, traits);
    for (const Step<T, Device>& step : schedule.steps) {
      if (step.phase != Phase::backward || step.node == nullptr ||
          step.node->op != op_id<ops::Dense> || step.node->in.steps != 1 || !allowed(step) ||
          is_shared(matrices, plan.nodes[static_cast<std::size_t>(step.place)], *step.node) ||
          is_shared(schedule, step))
        continue;
      Layer layer;
      layer.node = step.node;
      layer.when = step.when;
      const Node& n = *layer.node;
      layer.matrix = {n.in.rows / n.groups, n.out.rows / n.groups};
      Index samples =
          (std::min)(max_batch, layer.matrix.most_samples(Microbatches::max_accumulators));
      while (samples > 0 && !layer.matrix.pays(Microbatches::of(samples))) --samples;
      if (samples < 1) continue;
      layer.x = Buffer<T>(static_cast<std::size_t>(n.in.rows * samples));
      layer.delta = Buffer<T>(static_cast<std::size_t>(n.out.rows * samples));
      layers_.push_back(std::move(layer));
    }
  }

  /// Indices of the layers that are deferred for this division into microbatches.
  [[nodiscard]] ESPALIER_COLD std::vector<Index> chosen(const Microbatches& microbatches) const {
    std::vector<Index> made;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (layers_[i].matrix.pays(microbatches)) made.push_back(static_cast<Index>(i));
    }
    return made;
  }

  /// Changes a schedule for this division into microbatches. Its steps refer to this object, which
  /// must outlive it.
  ESPALIER_COLD void apply(ExecutionSchedule<T, Device>& schedule,
                           const Microbatches& microbatches) {
    std::vector<Index> layers = chosen(microbatches);
    if (layers.empty()) {
      schedule.notes.push_back(
          {name, false,
           microbatches.accumulators == 1
               ? "the batch makes one accumulator"
               : "no matrix is large beside what the batch leaves of its inputs and gradients"});
      return;
    }
    double flops = 0;
    for (Step<T, Device>& step : schedule.steps) {
      if (step.phase != Phase::backward || step.node == nullptr) continue;
      const auto found = std::find_if(layers.begin(), layers.end(), [&](Index i) {
        return layers_[static_cast<std::size_t>(i)].node == step.node;
      });
      if (found == layers.end()) continue;
      const Index layer = *found;
      step.pass = name;
      step.operation = nullptr;
      step.run = &backward;
      step.state = this;
      step.item = layer;
      const double products = products_of(layers_[static_cast<std::size_t>(layer)]);
      step.flops_of_sample -= products;
      flops += products;
    }
    Step<T, Device> added;
    added.scope = Step<T, Device>::Scope::pieces;
    added.phase = Phase::backward;
    added.name = "gradients of matrices";
    added.pass = name;
    added.state = this;
    added.item = static_cast<Index>(sets_.size());
    added.flops_of_sample = flops;
    for (const Index layer : layers)
      added.pieces += pieces_of(layers_[static_cast<std::size_t>(layer)]);
    added.piece = [](void* state, Index item, Index piece, int, const WholeBatch<T>& b) {
      auto& self = *static_cast<DeferredWeightGradients*>(state);
      self.finish(self.sets_[static_cast<std::size_t>(item)], piece, b.batch->size, b.gradient);
    };
    schedule.steps.push_back(added);
    for (const Index layer : layers)
      schedule.summed_parameters.push_back(
          layers_[static_cast<std::size_t>(layer)].node->parameters[0]);
    schedule.notes.push_back(
        {name, true, message({"matrices: ", static_cast<Index>(layers.size())})});
    sets_.push_back(std::move(layers));
  }

  /// Backward pass of a layer without dW.
  static void backward(void* state, Index item, const C& c) {
    Layer& layer =
        static_cast<DeferredWeightGradients*>(state)->layers_[static_cast<std::size_t>(item)];
    const Node& n = *layer.node;
    copy(c.device, as_const(c.value(n.in)), samples_of(layer.x, n.in.rows, c.first, c.count),
         false);
    const View<T> delta = samples_of(layer.delta, n.out.rows, c.first, c.count);
    activation_backward(c.device, n.activation, as_const(c.value(n.cache)),
                        as_const(c.value(n.out)), as_const(c.gradient(n.out)), delta);
    if (n.parameters[1].exists())
      add_samples(c.device, as_const(delta), c.parameter_gradient(n.parameters[1]));
    const Index out = layer.matrix.out;
    for (int g = 0; g < n.groups; ++g)
      ops::Dense::input_gradient(n, g, as_const(part(delta, g * out, out)), c);
  }

  /// Adds one piece of the layers' dW to `gradient`, which covers all dense parameters.
  void finish(const std::vector<Index>& layers, Index piece, Index samples, T* gradient) {
    auto at = layers.begin();
    while (piece >= pieces_of(layers_[static_cast<std::size_t>(*at)]))
      piece -= pieces_of(layers_[static_cast<std::size_t>(*at++)]);
    Layer& layer = layers_[static_cast<std::size_t>(*at)];
    if (layer.when != nullptr && !*layer.when) return;
    const Node& n = *layer.node;
    const DeferredMatrix& matrix = layer.matrix;
    const Index group = piece / matrix.pieces(), of_group = piece % matrix.pieces();
    const Index first = matrix.first_row(of_group), row = group * matrix.out + first;
    dense_weight_gradient(
        device_,
        as_const(part(samples_of(layer.delta, n.out.rows, 0, samples), row,
                      matrix.first_row(of_group + 1) - first)),
        as_const(part(samples_of(layer.x, n.in.rows, 0, samples), group * matrix.in, matrix.in)),
        gradient + n.parameters[0].offset + row * matrix.in, static_cast<T*>(nullptr));
  }

  void poison(T value) {
    for (Layer& layer : layers_) {
      layer.x.fill(value);
      layer.delta.fill(value);
    }
  }

 private:
  struct Layer {
    const Node* node = nullptr;
    const bool* when = nullptr;  ///< see Step::when
    DeferredMatrix matrix;       ///< of one group
    Buffer<T> x, delta;          ///< of the whole batch: rows × samples
  };

  /// Whether a node other than `of_plan` reads parameters of `node`, which is `of_plan` or a part.
  [[nodiscard]] static bool is_shared(const std::vector<WeightMatrix>& matrices,
                                      const Node& of_plan, const Node& node) {
    const Extent& mine = node.parameters[0];
    return std::any_of(matrices.begin(), matrices.end(), [&](const WeightMatrix& other) {
      return other.node != &of_plan && mine.offset < other.end() &&
             other.offset < mine.offset + mine.size;
    });
  }
  /// Whether another backward step adds to these gradients too: a node in the paths of two tasks.
  [[nodiscard]] static bool is_shared(const ExecutionSchedule<T, Device>& schedule,
                                      const Step<T, Device>& step) {
    const Extent& mine = step.node->parameters[0];
    return std::any_of(
        schedule.steps.begin(), schedule.steps.end(), [&](const Step<T, Device>& other) {
          if (&other == &step || other.phase != Phase::backward || other.node == nullptr)
            return false;
          return std::any_of(other.node->parameters.begin(), other.node->parameters.end(),
                             [&](const Extent& e) {
                               return e.exists() && e.offset < mine.offset + mine.size &&
                                      mine.offset < e.offset + e.size;
                             });
        });
  }
  /// Flops of dW for one sample.
  [[nodiscard]] static double products_of(const Layer& layer) {
    return 2.0 * static_cast<double>(layer.matrix.in * layer.node->out.rows);
  }
  [[nodiscard]] static Index pieces_of(const Layer& layer) {
    return layer.node->groups * layer.matrix.pieces();
  }
  [[nodiscard]] static View<T> samples_of(Buffer<T>& values, Index rows, Index first, Index count) {
    return {values.data() + first * rows, rows, count, rows};
  }
  [[nodiscard]] static View<T> part(View<T> v, Index first, Index rows) {
    return {v.data + first, rows, v.cols, v.stride};
  }

  Device device_{};
  std::vector<Layer> layers_;
  std::vector<std::vector<Index>> sets_;  ///< deferred layers, one set per schedule
};

}  // namespace espalier
