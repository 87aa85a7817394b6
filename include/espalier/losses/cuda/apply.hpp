// SPDX-License-Identifier: Apache-2.0
// Losses on a GPU: declarations.
#pragma once

#include "espalier/core/view.hpp"
#include "espalier/kernels/cuda/device.hpp"

namespace espalier::cuda {

/// Pointers and views are to device memory; `weight`, `total` and `value` to one number of a task.
struct LossArguments {
  View<const float> z;             ///< outputs × samples
  const float* labels = nullptr;   ///< NaN: missing
  const float* weights = nullptr;  ///< of the samples; null: all 1
  const double* weight = nullptr;  ///< of the task
  const double* total = nullptr;   ///< Σ weight over the labelled samples
  View<float> gradient;            ///< data null: not wanted
  float unit = 1;                  ///< that labels were divided by
  double* value = nullptr;         ///< Σ weight · loss over the labelled samples is written here
};

/// As espalier::apply_loss() with the scale weight / total, or 0 if the total is 0.
template <class L>
void apply_loss(Device device, const LossArguments& a);
/// As espalier::apply_predict().
template <class L>
void apply_predict(Device device, View<const float> z, View<float> out);

/// totals[k] = Σ weight over the samples whose label of task k is not missing, and totals[tasks] =
/// Σ weight over all samples. labels: samples × tasks. `weights`: null if all are 1.
void sum_label_weights(Device device, View<const float> labels, const float* weights,
                       double* totals);

}  // namespace espalier::cuda
