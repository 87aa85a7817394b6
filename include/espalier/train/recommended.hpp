// SPDX-License-Identifier: Apache-2.0
// `recommended`: the training options that docs/tables.md shows to be best on its data.
#pragma once

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
[[nodiscard]] TrainerOptions recommended(TrainerOptions options = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/train/recommended_definitions.hpp"
#endif
