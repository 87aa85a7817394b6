// SPDX-License-Identifier: Apache-2.0
// Confusion matrix of a class task: how often each class was predicted as each class.
#pragma once

#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// Sum of the sample weights by label and predicted class (the most probable one; of equal ones,
/// the first): entry [label · classes + prediction]. Arguments and errors as in class_accuracy.
/// O(classes · n + classes²).
[[nodiscard]] std::vector<double> class_confusion(Values predictions, Values labels, Index classes,
                                                  Values weights = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/class_confusion_definitions.hpp"
#endif
