// SPDX-License-Identifier: Apache-2.0
// `drop_duplicates`: keeps the first of the rows that agree in some columns.
#pragma once

#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// Keeps the first row, in table order, of each set of rows with equal values in `columns`. Missing
/// values are equal to each other; texts are compared by category key. Returns the number of rows
/// dropped. Logs that are collected twice, or rewritten after an error, contain such copies; they
/// inflate metrics if the model learns from one copy and predicts the other. Throws DataError if a
/// column does not exist, ConfigError if `columns` is empty.
Index drop_duplicates(Table& table, const std::vector<std::string>& columns);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/duplicates_definitions.hpp"
#endif
