// SPDX-License-Identifier: Apache-2.0
// `WeightGradients<T>`: gradients of large matrices, made of the whole batch and not slice by slice.
#pragma once

#include <algorithm>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/ops/dense_matrices.hpp"
#include "espalier/ops/program.hpp"
#include "espalier/passes/slicing.hpp"

namespace espalier {

/// Which matrices that is, and in which pieces: for this size of a batch, whatever the threads.
struct WholeBatch {
  Index in = 0, out = 0;

  /// All lanes' copies of the matrix are to be three times what the slices keep: measured on two
  /// cores with 1 MiB of cache each.
  [[nodiscard]] Index most_samples(Index lanes) const {
    return out < 64 || in * out < (1 << 14) ? 0 : lanes * in * out / (3 * (in + out));
  }
  [[nodiscard]] bool pays(const Slicing& slicing) const {
    return slicing.lanes > 1 && slicing.samples <= most_samples(slicing.lanes);
  }
  [[nodiscard]] Index pieces() const {
    return (std::max)(Index{2}, out / std::clamp(out / 8, Index{64}, Index{256}));
  }
  /// Where a piece begins: whole tiles. None is so low (16 rows) that bf16 would leave it alone.
  [[nodiscard]] Index first_row(Index piece) const {
    return piece == pieces() ? out : piece * out / pieces() / 8 * 8;
  }
};

/// dW = Σ_j δ_j x_jᵀ of a layer, over the samples of the batch. Where a matrix is large beside the δ and x of all samples,
/// adding to it slice by slice in a copy for each lane, and summing the lanes, costs more than the products' arithmetic
/// hides. Here slices leave their δ and x, and afterwards the matrix is made at once, some of its rows a piece.
/// Which layers, and for which batches, depends on the plan, the tables' rows and the size of the batch alone.
template <class T>
class WeightGradients {
 public:
  using C = Context<T, cpu::Device>;

  WeightGradients() = default;

  /// `others(i)`: whether node i is somebody else's. What is kept for a layer is less than three
  /// times its matrix.
  template <class Others>
  ESPALIER_COLD WeightGradients(const PlanView& plan, Index max_batch, const Others& others)
      : layer_of_(plan.nodes.size(), none) {
    const std::vector<DenseMatrix> matrices = dense_matrices(plan.nodes);
    for (std::size_t i = 0; i < layer_of_.size(); ++i) {
      const Node& n = plan.nodes[i];
      if (n.op != op_id<ops::Dense> || n.in.steps != 1 || others(static_cast<Index>(i)) ||
          is_shared(matrices, n))
        continue;
      Layer layer;
      layer.node = &n;
      layer.matrix = {n.in.rows / n.groups, n.out.rows / n.groups};
      Index samples = (std::min)(max_batch, layer.matrix.most_samples(Slicing::max_lanes));
      while (samples > 0 && !layer.matrix.pays(Slicing::of(samples))) --samples;
      if (samples < 1) continue;
      layer.x = Buffer<T>(static_cast<std::size_t>(n.in.rows * samples));
      layer.delta = Buffer<T>(static_cast<std::size_t>(n.out.rows * samples));
      layer_of_[i] = static_cast<Index>(layers_.size());
      layers_.push_back(std::move(layer));
    }
  }

  /// Before a step. Returns the number of pieces that finish() is to be called for; 0: slices do all by themselves.
  Index begin(const Slicing& slicing) {
    Index pieces = 0;
    for (Layer& layer : layers_) {
      layer.active = layer.matrix.pays(slicing);
      if (layer.active) pieces += pieces_of(layer);
    }
    return pieces;
  }

  /// Runs node `i` backward but for its matrix, if it is one of those.
  bool backward(Index i, const C& c) {
    const Index at = layer_of_[static_cast<std::size_t>(i)];
    if (at == none || !layers_[static_cast<std::size_t>(at)].active) return false;
    Layer& layer = layers_[static_cast<std::size_t>(at)];
    const Node& n = *layer.node;
    copy(c.device, as_const(c.value(n.in)), samples_of(layer.x, n.in.rows, c.first, c.count),
         false);
    const View<T> delta = samples_of(layer.delta, n.out.rows, c.first, c.count);
    activation_backward(c.device, n.activation, as_const(c.value(n.cache)),
                        as_const(c.value(n.out)), as_const(c.gradient(n.out)), delta);
    if (n.parameters[1].exists())
      cpu::add_samples(as_const(delta), c.parameter_gradient(n.parameters[1]));
    const Index out = layer.matrix.out;
    for (int g = 0; g < n.groups; ++g)
      ops::Dense::input_gradient(n, g, as_const(part(delta, g * out, out)), c);
    return true;
  }

  /// Adds one piece of the matrices' gradients to `gradient`, of all dense parameters.
  void finish(Index piece, Index samples, cpu::Device device, T* gradient) {
    std::size_t i = 0;
    while (!layers_[i].active || piece >= pieces_of(layers_[i])) {
      if (layers_[i].active) piece -= pieces_of(layers_[i]);
      ++i;
    }
    Layer& layer = layers_[i];
    const Node& n = *layer.node;
    const WholeBatch& matrix = layer.matrix;
    const Index group = piece / matrix.pieces(), of_group = piece % matrix.pieces();
    const Index first = matrix.first_row(of_group), row = group * matrix.out + first;
    dense_weight_gradient(
        device,
        as_const(part(samples_of(layer.delta, n.out.rows, 0, samples), row,
                      matrix.first_row(of_group + 1) - first)),
        as_const(part(samples_of(layer.x, n.in.rows, 0, samples), group * matrix.in, matrix.in)),
        gradient + n.parameters[0].offset + row * matrix.in, static_cast<T*>(nullptr));
  }

  /// Whether these dense parameters are all finish()'s: their gradients are whole in the first lane.
  [[nodiscard]] bool has_summed(Index begin, Index end) const {
    return std::any_of(layers_.begin(), layers_.end(), [&](const Layer& layer) {
      const Index first = layer.node->parameters[0].offset;
      return layer.active && begin >= first &&
             end <= first + layer.matrix.in * layer.node->out.rows;
    });
  }

  void poison(T value) {
    for (Layer& layer : layers_) {
      layer.x.fill(value);
      layer.delta.fill(value);
    }
  }

 private:
  static constexpr Index none = -1;

  struct Layer {
    const Node* node = nullptr;
    WholeBatch matrix;    ///< of each group
    Buffer<T> x, delta;   ///< of the batch: rows × samples
    bool active = false;  ///< in this step
  };

  /// Whether another layer has these parameters too.
  [[nodiscard]] static bool is_shared(const std::vector<DenseMatrix>& matrices, const Node& node) {
    return std::any_of(matrices.begin(), matrices.end(), [&](const DenseMatrix& mine) {
      return mine.node == &node &&
             std::any_of(matrices.begin(), matrices.end(), [&](const DenseMatrix& other) {
               return other.node != &node && other.overlaps(mine);
             });
    });
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

  std::vector<Index> layer_of_;  ///< by node
  std::vector<Layer> layers_;
};

}  // namespace espalier
