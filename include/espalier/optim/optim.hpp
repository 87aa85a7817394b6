// SPDX-License-Identifier: Apache-2.0
// All optimisers, schedules and gradient clipping.
#pragma once

// IWYU pragma: begin_exports
#include "espalier/optim/adagrad.hpp"
#include "espalier/optim/adam.hpp"
#include "espalier/optim/clip.hpp"
#include "espalier/optim/exponential_average.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/optim/parameter_group.hpp"
#include "espalier/optim/plateau.hpp"
#include "espalier/optim/schedule.hpp"
#include "espalier/optim/sgd.hpp"
// IWYU pragma: end_exports

#if defined(ESPALIER_INSTANTIATION)
namespace espalier {
ESPALIER_INSTANTIATION Optimizer::Optimizer(const Adagrad&);
ESPALIER_INSTANTIATION Optimizer::Optimizer(const Adam&);
ESPALIER_INSTANTIATION Optimizer::Optimizer(const AdamW&);
ESPALIER_INSTANTIATION Optimizer::Optimizer(const Sgd&);
}  // namespace espalier
#endif
