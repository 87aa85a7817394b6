// SPDX-License-Identifier: Apache-2.0
// Definitions of recommended.hpp.
#pragma once

#include "espalier/train/recommended.hpp"

#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/train/options.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE TrainerOptions recommended(TrainerOptions options) {
  const TrainerOptions plain;
  if (options.epochs == plain.epochs) options.epochs = 30;
  if (options.batch_size == plain.batch_size) options.batch_size = 512;
  if (!options.average) options.average = ExponentialAverage{.decay = 0.999};
  if (options.patience == plain.patience) options.patience = 3;
  return options;
}

}  // namespace espalier
