// SPDX-License-Identifier: Apache-2.0
// Building blocks of statistics by key: key tuples as one hash, labels that have a mean, smoothed
// means.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/column.hpp"
#include "espalier/data/table.hpp"

namespace espalier::history_detail {

inline constexpr std::uint64_t all_keys = 0;  ///< the key under which all rows are summed

[[nodiscard]] inline std::uint64_t start_key() { return 0x6A09E667F3BCC908ULL; }
[[nodiscard]] inline std::uint64_t next_key(std::uint64_t key, std::uint64_t value) {
  return mix(key ^ value);
}

/// Key of one row. `hashes`: hashes of its key columns; `group`: indices of the columns that form
/// the key.
[[nodiscard]] inline std::uint64_t key_of(const std::vector<std::size_t>& group,
                                          const std::vector<std::uint64_t>& hashes) {
  std::uint64_t key = start_key();
  for (const std::size_t k : group) key = next_key(key, hashes[k]);
  return key;
}

/// Keys of many rows; `hashes` has one vector per column.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::uint64_t> keys_of(
    const std::vector<std::size_t>& group, const std::vector<std::vector<std::uint64_t>>& hashes,
    std::size_t rows) {
  std::vector<std::uint64_t> made(rows, start_key());
  for (const std::size_t k : group) {
    for (std::size_t i = 0; i < rows; ++i) made[i] = next_key(made[i], hashes[k][i]);
  }
  return made;
}

/// hash_text() of a column's category keys, for these rows of a table. Throws DataError.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::uint64_t> hashes_of(
    const Table& table, std::string_view name, const std::vector<std::int32_t>& rows) {
  Column made;
  const Column& column = table.as_keys(name, made);
  const std::vector<std::uint64_t> of_code = category_hashes(column);
  std::vector<std::uint64_t> hashes;
  hashes.reserve(rows.size());
  for (const std::int32_t row : rows) {
    hashes.push_back(
        of_code[static_cast<std::size_t>(column.codes[static_cast<std::size_t>(row)] + 1)]);
  }
  return hashes;
}

/// A column of labels, indexed by table row. Throws DataError if one of these rows has an infinite
/// label.
[[nodiscard]] ESPALIER_COLD inline const std::vector<double>& labels_of(
    const Table& table, std::string_view name, const std::vector<std::int32_t>& rows) {
  const std::vector<double>& values = table.numbers(name);
  for (const std::int32_t row : rows) {
    if (!std::isinf(values[static_cast<std::size_t>(row)])) continue;
    throw_error<DataError>(
        {table.where(row), ": column '", name, "' is infinite, expected a finite label"});
  }
  return values;
}

/// Writes 1 + 2 × labels values: `rows`, then for each label its count (0 if NaN, otherwise 1) and
/// its value (0 if NaN).
template <class LabelOf>
void row_sums(std::size_t labels, double rows, const LabelOf& label_of, double* out) {
  out[0] = rows;
  for (std::size_t i = 0; i < labels; ++i) {
    const double label = label_of(i);
    const bool known = !std::isnan(label);
    out[1 + 2 * i] = known ? 1 : 0;
    out[2 + 2 * i] = known ? label : 0;
  }
}

/// Smoothed mean of `at` = {count of labels, sum of labels}: as if `smoothing` additional rows had
/// the mean of `all`. NaN if `all` has no labels, or if at[0] and `smoothing` are both 0.
[[nodiscard]] inline double smoothed_mean(const double* at, const double* all, double smoothing) {
  const double mean = all[1] / all[0];
  return (at[1] + smoothing * mean) / (at[0] + smoothing);
}

}  // namespace espalier::history_detail
