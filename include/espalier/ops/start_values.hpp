// SPDX-License-Identifier: Apache-2.0
// `StartValues`: values that blocks should have before training, passed from logits back to heads.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// One target value per row, the same for all samples; NaN if there is none. An operation that can
/// reach its output's target with a bias, or by setting targets of its inputs, has
///
///   template <class T> static void start(const Node&, StartValues<T>&);
///
/// start() is called from the last node to the first. Blocks of several steps are ignored.
template <class T>
class StartValues {
 public:
  /// `values`: the plan's values per sample. `parameters`: the dense parameters; must outlive this.
  StartValues(int values, T* parameters)
      : wanted_(static_cast<std::size_t>(values), std::numeric_limits<double>::quiet_NaN()),
        parameters_(parameters) {}

  [[nodiscard]] double wanted(const Block& block, int row) const {
    return block.steps == 1 ? wanted_[place(block, row)] : std::numeric_limits<double>::quiet_NaN();
  }

  /// Sets a row's target unless it has one. Ignores blocks without a gradient.
  void want(const Block& block, int row, double value) {
    if (block.steps != 1 || !block.gradient) return;
    double& at = wanted_[place(block, row)];
    if (std::isnan(at)) at = value;
  }

  /// Every row's target in `from` becomes that of the same row of `to`.
  void pass(const Block& from, const Block& to) {
    for (int row = 0; row < from.rows; ++row) want(to, row, wanted(from, row));
  }

  void set_parameter(Index at, double value) { parameters_[at] = static_cast<T>(value); }

 private:
  static std::size_t place(const Block& block, int row) {
    return static_cast<std::size_t>(block.base + block.row + row);
  }

  std::vector<double> wanted_;
  T* parameters_;
};

}  // namespace espalier
