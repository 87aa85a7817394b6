// SPDX-License-Identifier: Apache-2.0
// Confusion counts of a binary task at a threshold, and accuracy, precision, recall and F1 computed
// from them.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/metrics/values.hpp"

namespace espalier {

/// Sum of the sample weights by label and prediction. A ratio with denominator 0 is undefined
/// (NaN).
struct Confusion {
  double true_positive = 0;
  double false_positive = 0;
  double true_negative = 0;
  double false_negative = 0;

  [[nodiscard]] double total() const {
    return true_positive + false_positive + true_negative + false_negative;
  }
  /// (TP + TN) / all
  [[nodiscard]] double accuracy() const { return ratio(true_positive + true_negative, total()); }
  /// TP / (TP + FP)
  [[nodiscard]] double precision() const {
    return ratio(true_positive, true_positive + false_positive);
  }
  /// TP / (TP + FN)
  [[nodiscard]] double recall() const {
    return ratio(true_positive, true_positive + false_negative);
  }
  /// 2 TP / (2 TP + FP + FN)
  [[nodiscard]] double f1() const {
    return ratio(2 * true_positive, 2 * true_positive + false_positive + false_negative);
  }

 private:
  [[nodiscard]] static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : undefined;
  }
};

/// Counts; a sample is predicted positive if its probability is at least `threshold`.
/// `probabilities`: n, in [0, 1]; `labels`: n, each 0, 1 or NaN (missing); `weights`: n or none, ≥
/// 0. O(n). Throws ConfigError if a size or value is invalid.
[[nodiscard]] Confusion confusion(Values probabilities, Values labels, Values weights = {},
                                  double threshold = 0.5);

/// Share of samples that are classified correctly at `threshold`; undefined (NaN) if no sample is
/// labelled. Arguments and errors as in confusion.
[[nodiscard]] double accuracy(Values probabilities, Values labels, Values weights = {},
                              double threshold = 0.5);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/metrics/confusion_definitions.hpp"
#endif
