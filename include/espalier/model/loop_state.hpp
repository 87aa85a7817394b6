// SPDX-License-Identifier: Apache-2.0
// `LoopState`: the position of a training run, exact to the batch. With the parameters and the
// optimiser state it is all that resuming needs.
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
  int epoch = 0;          ///< number of finished epochs
  Index position = 0;     ///< samples of the current epoch that were learnt
  std::int64_t step = 0;  ///< optimiser steps done
  int best_epoch = 0;
  double best_value = std::numeric_limits<double>::quiet_NaN();
  SavedMetrics best_metrics{};      ///< on the validation split
  int reductions = 0;               ///< number of learning rate reductions on plateaus
  int reduced_epoch = 0;            ///< epoch after which the rate was last reduced
  bool stopped = false;             ///< no more epochs: out of patience, or a callback stopped it
  bool out_of_patience = false;     ///< stopped because of patience
  std::vector<double> loss_sums;    ///< of the current epoch, per task: Σ loss · batch size
  std::vector<double> sample_sums;  ///< per task: Σ batch size over batches with its labels

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
