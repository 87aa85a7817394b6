// SPDX-License-Identifier: Apache-2.0
// `Plateau`: reduces the learning rate if the validation metric stops improving.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "espalier/optim/schedule.hpp"

namespace espalier {

/// After every `patience` epochs without an improvement of the monitored value, multiplies the
/// learning rate by `factor`; the factor on the scheduled rate after n reductions is
/// max(least, factor^n). Improvement is defined as for early stopping: better than the best value
/// so far. Known as ReduceLROnPlateau; PyTorch waits one epoch longer than its `patience`, Keras
/// does not.
struct Plateau {
  double factor = 0.5;  ///< in [0, 1)
  int patience = 1;     ///< epochs, ≥ 1; less than early stopping's, which otherwise stops first
  double least = 0;     ///< in [0, 1]

  /// Factor on the learning rate after `reductions` reductions.
  [[nodiscard]] double rate(int reductions) const {
    return (std::max)(least, std::pow(factor, reductions));
  }
  [[nodiscard]] std::string describe() const {
    return "plateau(factor=" + optim_detail::shortest(factor) +
           ", patience=" + std::to_string(patience) + ", least=" + optim_detail::shortest(least) +
           ")";
  }
  /// Throws ConfigError if a setting is out of range.
  void check() const {
    optim_detail::check_range("plateau: factor", factor, 0, std::nextafter(1.0, 0.0));
    optim_detail::check_count("plateau: patience", patience, 1);
    optim_detail::check_range("plateau: least", least, 0, 1);
  }
};

}  // namespace espalier
