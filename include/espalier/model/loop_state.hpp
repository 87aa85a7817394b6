// SPDX-License-Identifier: Apache-2.0
// `LoopState`: where a training run is, to the batch. With the parameters and the optimiser's state, all there is to resume.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/model/saved_metrics.hpp"

namespace espalier {

struct LoopState {
  int epoch = 0;           ///< finished ones
  Index position = 0;      ///< samples of the running epoch that were learnt from
  std::int64_t step = 0;   ///< optimiser steps made
  int best_epoch = 0;
  double best_value = std::numeric_limits<double>::quiet_NaN();
  SavedMetrics best_metrics{};   ///< on the validation split
  int reductions = 0;       ///< of the learning rate on plateaus
  int reduced_epoch = 0;    ///< after which it was last reduced
  bool stopped = false;          ///< no more epochs: out of patience, or a callback said so
  bool out_of_patience = false;  ///< that it was patience
  std::vector<double> loss_sums;    ///< of the running epoch: Σ loss · samples per task
  std::vector<double> sample_sums;  ///< Σ samples of the batches with labels of the task

  void start_epoch(std::size_t tasks) {
    loss_sums.assign(tasks, 0.0);
    sample_sums.assign(tasks, 0.0);
  }

  void add(std::span<const double> losses, Index samples) {
    for (std::size_t k = 0; k < losses.size(); ++k) {
      if (std::isnan(losses[k])) continue;
      loss_sums[k] += losses[k] * static_cast<double>(samples);
      sample_sums[k] += static_cast<double>(samples);
    }
  }

  [[nodiscard]] double mean_loss(std::size_t task) const {
    return sample_sums[task] > 0 ? loss_sums[task] / sample_sums[task] : std::nan("");
  }

  void end_epoch() {
    position = 0;
    loss_sums.clear();
    sample_sums.clear();
  }
};

}  // namespace espalier
