// SPDX-License-Identifier: Apache-2.0
// Losses on a GPU: value and gradient in one pass, a thread for each sample.
#pragma once

#include "espalier/kernels/cuda/launch.cuh"
#include "espalier/losses/cuda/apply.hpp"
#include "espalier/losses/loss.hpp"
#include "espalier/losses/softmax_cross_entropy.hpp"

namespace espalier::cuda {

namespace kernels {

/// The name of a loss among a kernel's template arguments: L, or a type that derives from it if
/// nvcc cannot spell L, which has an array among its arguments.
template <class L>
struct Spelled {
  using type = L;
};
template <int Classes>
struct PlainSoftmaxCrossEntropy : SoftmaxCrossEntropy<Classes> {};
template <int Classes>
struct Spelled<SoftmaxCrossEntropy<Classes>> {
  using type = PlainSoftmaxCrossEntropy<Classes>;
};

/// Sample j's part of the sum; writes its gradient.
template <class L>
struct LossOfSample {
  LossArguments a;

  ESPALIER_HD double operator()(Index, Index j) const {
    const float y = a.labels[j];
    float derivatives[static_cast<std::size_t>(L::outputs)]{};
    float value = 0, factor = 0;
    if (y == y) {
      const float weight = a.weights == nullptr ? 1.0F : a.weights[j];
      if constexpr (ScalarLoss<L>) {
        value = detail::evaluate_in_unit<L>(*a.z.column(j), y, derivatives[0], a.unit);
      } else {
        value = L::template evaluate<float>(a.z.column(j), y, derivatives);
      }
      const double total = *a.total;
      factor = static_cast<float>(total > 0 ? *a.weight / total : 0.0) * weight;
      value *= weight;
    }
    if (a.gradient.data != nullptr) {
      float* const to = a.gradient.column(j);
      for (int i = 0; i < L::outputs; ++i) to[i] = y == y ? derivatives[i] * factor : 0.0F;
    }
    return static_cast<double>(value);
  }
};

template <class L>
struct Predict {
  View<const float> z;
  View<float> out;
  ESPALIER_HD void operator()(Index j) const {
    if constexpr (ScalarLoss<L>) {
      *out.column(j) = L::template predict<float>(*z.column(j));
    } else {
      L::template predict<float>(z.column(j), out.column(j));
    }
  }
};

/// The weight of sample j for task k; the last k stands for all samples.
struct LabelWeight {
  View<const float> labels;
  const float* weights;
  ESPALIER_HD double operator()(Index k, Index j) const {
    if (k < labels.cols && labels(j, k) != labels(j, k)) return 0;
    return weights == nullptr ? 1.0 : static_cast<double>(weights[j]);
  }
};

}  // namespace kernels

template <class L>
void apply_loss(Device device, const LossArguments& a) {
  check_loss<L>();
  if constexpr (Loss<L>) {
    sum_columns<double>(device, "loss", 1, a.z.cols,
                        kernels::LossOfSample<typename kernels::Spelled<L>::type>{a},
                        PutTo<double>{a.value});
  }
}

template <class L>
void apply_predict(Device device, View<const float> z, View<float> out) {
  check_loss<L>();
  if constexpr (Loss<L>) {
    each(device, "predict", z.cols, kernels::Predict<typename kernels::Spelled<L>::type>{z, out});
  }
}

}  // namespace espalier::cuda

/// The kernels of a loss, outside of all namespaces.
#define ESPALIER_CUDA_LOSS_KERNELS(...)                                                        \
  template void espalier::cuda::apply_loss<__VA_ARGS__>(espalier::Cuda,                        \
                                                        const espalier::cuda::LossArguments&); \
  template void espalier::cuda::apply_predict<__VA_ARGS__>(                                    \
      espalier::Cuda, espalier::View<const float>, espalier::View<float>);
