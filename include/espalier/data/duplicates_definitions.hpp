// SPDX-License-Identifier: Apache-2.0
// Definitions of duplicates.hpp.
#pragma once

#include "espalier/data/duplicates.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/category_key.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE Index drop_duplicates(Table& table,
                                                    const std::vector<std::string>& columns) {
  if (columns.empty())
    throw ConfigError(
        "drop_duplicates: no column is named, expected those that copies have in common");
  std::vector<const Column*> keys;
  std::vector<Column> made(columns.size());
  for (std::size_t k = 0; k < columns.size(); ++k) {
    const Column& column = table.column(columns[k]);
    keys.push_back(column.kind == ColumnKind::text ? &keys_of(column, made[k]) : &column);
  }
  const auto value = [&](const Column& column, std::int32_t row) {
    const auto i = static_cast<std::size_t>(row);
    if (column.kind == ColumnKind::text)
      return static_cast<std::uint64_t>(static_cast<std::uint32_t>(column.codes[i]));
    const double x = column.numbers[i];
    return std::isnan(x) ? ~std::uint64_t{0} : std::bit_cast<std::uint64_t>(x == 0 ? 0.0 : x);
  };
  const auto hash = [&](std::int32_t row) {
    std::uint64_t h = 0;
    for (const Column* column : keys) h = mix(h ^ value(*column, row));
    return static_cast<std::size_t>(h);
  };
  const auto same = [&](std::int32_t a, std::int32_t b) {
    for (const Column* column : keys) {
      if (value(*column, a) != value(*column, b)) return false;
    }
    return true;
  };
  std::unordered_set<std::int32_t, decltype(hash), decltype(same)> seen(
      static_cast<std::size_t>(table.rows()), hash, same);
  std::vector<std::int32_t> kept;
  for (const std::int32_t row : table.row_numbers()) {
    if (seen.insert(row).second) kept.push_back(row);
  }
  const Index dropped = table.rows() - static_cast<Index>(kept.size());
  if (dropped > 0) table = table.take(kept);
  return dropped;
}

}  // namespace espalier
