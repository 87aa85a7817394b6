// SPDX-License-Identifier: Apache-2.0
// `recommended`: the recipe that docs/tables.md shows to be best on the data at hand.
#pragma once

#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/train/options.hpp"

namespace espalier {

/// Options to begin with where nothing is known of the data: Adam at 1e-3 in steps of 512 samples, a moving average of the weights
/// (0.999), up to 30 epochs, of which 3 without a better validation loss end the training. What `options` sets to something
/// else than TrainerOptions{} has stays as it is:
///
///     Trainer<Model> trainer{recommended({.checkpoint = "model.safetensors"})};
///
/// What it is measured on: docs/training.md.
[[nodiscard]] ESPALIER_COLD inline TrainerOptions recommended(TrainerOptions options = {}) {
  const TrainerOptions plain;
  if (options.epochs == plain.epochs) options.epochs = 30;
  if (options.batch_size == plain.batch_size) options.batch_size = 512;
  if (!options.average) options.average = ExponentialAverage{.decay = 0.999};
  if (options.patience == plain.patience) options.patience = 3;
  return options;
}

}  // namespace espalier
