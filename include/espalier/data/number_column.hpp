// SPDX-License-Identifier: Apache-2.0
// Columns of numbers that are made for a dataset, beside those of its table.
#pragma once

#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/columns.hpp"
#include "espalier/data/dataset.hpp"

namespace espalier::features_detail {

/// A column by the rows of the table: of those that were made for the dataset, else of the table's own. Throws DataError.
[[nodiscard]] inline const std::vector<double>& number_column(const Dataset& data, const Columns& made, std::string_view name) {
  const Column* const column = made.find(name);
  return column == nullptr ? data.table().numbers(name) : column->numbers;
}

}  // namespace espalier::features_detail
