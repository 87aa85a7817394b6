// SPDX-License-Identifier: Apache-2.0
// What a `Program<float, Cuda>` is made of: parameters, kernels and losses on a GPU.
#pragma once

#include <type_traits>

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/losses/cuda/apply.hpp"
#include "espalier/losses/cuda/library.hpp"
#include "espalier/ops/program.hpp"

namespace espalier {

namespace detail {
template <class T, class... Ts>
inline constexpr bool is_one_of = (std::is_same_v<T, Ts> || ...);
}  // namespace detail

/// Operations that merge microbatches, add auxiliary losses, work on the host, or on sequences.
template <class Op>
inline constexpr bool runs_on<Op, Cuda> =
    !detail::is_one_of<Op, ops::EmbeddingSequence, ops::PoolSteps, ops::CompareSteps,
                       ops::WeighSteps, ops::AddPositions, ops::AddSinusoids, ops::RotateSteps,
                       ops::SelfAttention, ops::PointwiseAttention, ops::TargetAttention,
                       ops::AttendSteps, ops::Gru, ops::Lstm, ops::BatchMoments,
                       ops::BatchNormalize, ops::GateDropout, ops::GateLoad, ops::LoadBalance,
                       ops::ItemSoftmax, ops::AddToLoss, ops::Calibrate, ops::InversePropensity,
                       ops::DoublyRobust, ops::Route>;

/// Parameters in device memory. `tables` itself is in host memory: operations read it when they
/// launch their kernels.
template <class T>
struct Storage<T, Cuda> {
  const T* parameters = nullptr;
  const T* const* tables = nullptr;

  [[nodiscard]] const T* matrix(Index offset) const { return parameters + offset; }
  [[nodiscard]] const T* table(int index) const { return tables[index]; }
};

template <>
struct LossFunctions<float, Cuda> {
  void (*evaluate)(Cuda device, const cuda::LossArguments& arguments) = nullptr;
  void (*predict)(Cuda device, View<const float> logits, View<float> out) = nullptr;

  template <class Loss>
  static constexpr LossFunctions of() {
    static_assert(cuda::has_loss<Loss>,
                  "espalier: this loss has no kernels for GPUs: it is not one of espalier::cuda "
                  "(losses/cuda/library.hpp), and no ESPALIER_CUDA_LOSS names it");
    return {&cuda::apply_loss<Loss>, &cuda::apply_predict<Loss>};
  }
};

}  // namespace espalier
