// SPDX-License-Identifier: Apache-2.0
// The list of losses that espalier::cuda has, and how an application adds its own.
#pragma once

#include "espalier/losses/absolute_error.hpp"
#include "espalier/losses/binary_cross_entropy.hpp"
#include "espalier/losses/focal.hpp"
#include "espalier/losses/huber.hpp"
#include "espalier/losses/poisson.hpp"
#include "espalier/losses/softmax_cross_entropy.hpp"
#include "espalier/losses/squared_error.hpp"
#include "espalier/losses/weighted_logistic.hpp"

// clang-format off
#define ESPALIER_CUDA_LOSSES(LOSS) \
  LOSS(BinaryCrossEntropy) LOSS(Focal<>) LOSS(SquaredError) LOSS(AbsoluteError) LOSS(Huber<>) \
  LOSS(Poisson) LOSS(WeightedLogistic) LOSS(BasicWeightedLogistic<Negatives::unwatched>) \
  LOSS(SoftmaxCrossEntropy<2>) LOSS(SoftmaxCrossEntropy<3>) LOSS(SoftmaxCrossEntropy<4>) \
  LOSS(SoftmaxCrossEntropy<5>) LOSS(SoftmaxCrossEntropy<6>) LOSS(SoftmaxCrossEntropy<7>) \
  LOSS(SoftmaxCrossEntropy<8>) LOSS(SoftmaxCrossEntropy<9>) LOSS(SoftmaxCrossEntropy<10>) \
  LOSS(SoftmaxCrossEntropy<16>) LOSS(SoftmaxCrossEntropy<20>) LOSS(SoftmaxCrossEntropy<32>)
// clang-format on

namespace espalier::cuda {

/// Whether some .cu file has the kernels of a loss.
template <class L>
inline constexpr bool has_loss = false;

}  // namespace espalier::cuda

/// For a loss of an application's own, beside its definition and outside of all namespaces; a .cu
/// file then has ESPALIER_CUDA_LOSS_KERNELS(loss), of losses/cuda/apply.cuh.
#define ESPALIER_CUDA_LOSS(...) \
  template <>                   \
  inline constexpr bool espalier::cuda::has_loss<__VA_ARGS__> = true;

namespace espalier {
ESPALIER_CUDA_LOSSES(ESPALIER_CUDA_LOSS)
}  // namespace espalier
