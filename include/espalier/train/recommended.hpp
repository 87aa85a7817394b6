// SPDX-License-Identifier: Apache-2.0
// `recommended`: the training options that docs/tables.md shows to be best on its data.
#pragma once

#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/train/options.hpp"

namespace espalier {

/// Default options for new data: Adam at 1e-3 in steps of 512 samples, a moving average of the
/// weights (0.999), up to 30 epochs; training stops after 3 epochs without a better validation
/// loss. An option that differs from that of TrainerOptions{} is not changed:
///
///     Trainer<Model> trainer{recommended({.checkpoint = "model.safetensors"})};
///
/// The measurements are in docs/training.md.
[[nodiscard]] ESPALIER_COLD inline TrainerOptions recommended(TrainerOptions options = {}) {
  const TrainerOptions plain;
  if (options.epochs == plain.epochs) options.epochs = 30;
  if (options.batch_size == plain.batch_size) options.batch_size = 512;
  if (!options.average) options.average = ExponentialAverage{.decay = 0.999};
  if (options.patience == plain.patience) options.patience = 3;
  return options;
}

}  // namespace espalier
