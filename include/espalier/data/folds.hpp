// SPDX-License-Identifier: Apache-2.0
// `Fold`: rows to learn from and rows to measure on, of k ways to cut a dataset.
#pragma once

#include "espalier/data/dataset.hpp"

namespace espalier {

/// One of the ways that Dataset::folds and its kin make.
struct Fold {
  Dataset train, valid;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/folds_definitions.hpp"
#endif
