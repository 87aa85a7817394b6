// SPDX-License-Identifier: Apache-2.0
// `Plateau`: the learning rate falls when validation does not get better.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "espalier/optim/schedule.hpp"

namespace espalier {

/// After each `patience` epochs without a better monitored value the learning rate is multiplied by `factor`, down to
/// `least` of what the schedule says: max(least, factor^n) after n times. Better is what it is for early stopping: better
/// than the best so far. Known as ReduceLROnPlateau; PyTorch waits for one epoch more than its `patience` says, Keras does not.
struct Plateau {
  double factor = 0.5;  ///< in [0, 1)
  int patience = 1;     ///< epochs, from 1; below that of early stopping, or it stops first
  double least = 0;     ///< in [0, 1]

  /// What the learning rate is multiplied by after `reductions`.
  [[nodiscard]] double rate(int reductions) const {
    return (std::max)(least, std::pow(factor, reductions));
  }
  [[nodiscard]] std::string describe() const {
    return "plateau(factor=" + optim_detail::shortest(factor) +
           ", patience=" + std::to_string(patience) + ", least=" + optim_detail::shortest(least) +
           ")";
  }
  /// Throws ConfigError for settings out of range.
  void check() const {
    optim_detail::check_range("plateau: factor", factor, 0, std::nextafter(1.0, 0.0));
    optim_detail::check_count("plateau: patience", patience, 1);
    optim_detail::check_range("plateau: least", least, 0, 1);
  }
};

}  // namespace espalier
