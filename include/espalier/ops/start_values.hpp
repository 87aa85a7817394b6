// SPDX-License-Identifier: Apache-2.0
// `StartValues`: what blocks shall hold before anything is learnt, passed from the tasks' logits down to the heads.
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// One value a row, whatever the sample; NaN where any will do. An operation that can make its output what is wanted by
/// a bias, or by what its inputs are, has
///
///   template <class T> static void start(const Node&, StartValues<T>&);
///
/// which is called from the last node to the first. Blocks of several steps are left alone.
template <class T>
class StartValues {
 public:
  /// `values`: of the plan, a sample. `parameters`: the dense ones.
  StartValues(int values, T* parameters)
      : wanted_(static_cast<std::size_t>(values), std::numeric_limits<double>::quiet_NaN()), parameters_(parameters) {}

  [[nodiscard]] double wanted(const Block& block, int row) const {
    return block.steps == 1 ? wanted_[place(block, row)] : std::numeric_limits<double>::quiet_NaN();
  }

  /// The first to want something of a block has it; of one that learns nothing from here nobody wants anything.
  void want(const Block& block, int row, double value) {
    if (block.steps != 1 || !block.gradient) return;
    double& at = wanted_[place(block, row)];
    if (std::isnan(at)) at = value;
  }

  /// Every row of `to` as the same row of `from`.
  void pass(const Block& from, const Block& to) {
    for (int row = 0; row < from.rows; ++row) want(to, row, wanted(from, row));
  }

  void set_parameter(Index at, double value) { parameters_[at] = static_cast<T>(value); }

 private:
  static std::size_t place(const Block& block, int row) { return static_cast<std::size_t>(block.base + block.row + row); }

  std::vector<double> wanted_;
  T* parameters_;
};

}  // namespace espalier
