// SPDX-License-Identifier: Apache-2.0
// `Fold`: the training and validation rows of one of k cross-validation folds.
#pragma once

#include "espalier/data/dataset.hpp"

namespace espalier {

/// One of the folds that Dataset::folds, folds_by_hash and folds_stratified return.
struct Fold {
  Dataset train, valid;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/folds_definitions.hpp"
#endif
