// SPDX-License-Identifier: Apache-2.0
// `number_column`: a numeric column that was computed for a dataset, or one of its table.
#pragma once

#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/columns.hpp"
#include "espalier/data/dataset.hpp"

namespace espalier::features_detail {

/// A numeric column, indexed by table row: from `made` if it is there, otherwise from the table.
/// Throws DataError.
[[nodiscard]] inline const std::vector<double>& number_column(const Dataset& data,
                                                              const Columns& made,
                                                              std::string_view name) {
  const Column* const column = made.find(name);
  return column == nullptr ? data.table().numbers(name) : column->numbers;
}

}  // namespace espalier::features_detail
