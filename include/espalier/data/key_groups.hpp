// SPDX-License-Identifier: Apache-2.0
// What statistics by keys are made of: tuples of keys as one hash, labels that have a mean, means drawn to that of all keys.
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

inline constexpr std::uint64_t all_keys = 0;  ///< the key of what all rows have together

[[nodiscard]] inline std::uint64_t start_key() { return 0x6A09E667F3BCC908ULL; }
[[nodiscard]] inline std::uint64_t next_key(std::uint64_t key, std::uint64_t value) { return mix(key ^ value); }

/// The key of a row, of whose columns `hashes` are, by those that a group has.
[[nodiscard]] inline std::uint64_t key_of(const std::vector<std::size_t>& group, const std::vector<std::uint64_t>& hashes) {
  std::uint64_t key = start_key();
  for (const std::size_t k : group) key = next_key(key, hashes[k]);
  return key;
}

/// Those of many rows, of whose columns each is a list.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::uint64_t> keys_of(const std::vector<std::size_t>& group,
                                                                      const std::vector<std::vector<std::uint64_t>>& hashes,
                                                                      std::size_t rows) {
  std::vector<std::uint64_t> made(rows, start_key());
  for (const std::size_t k : group) {
    for (std::size_t i = 0; i < rows; ++i) made[i] = next_key(made[i], hashes[k][i]);
  }
  return made;
}

/// hash_text() of the keys of a column's categories, of these rows of a table. Throws DataError.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::uint64_t> hashes_of(const Table& table, std::string_view name,
                                                                        const std::vector<std::int32_t>& rows) {
  Column made;
  const Column& column = table.as_keys(name, made);
  const std::vector<std::uint64_t> of_code = category_hashes(column);
  std::vector<std::uint64_t> hashes;
  hashes.reserve(rows.size());
  for (const std::int32_t row : rows) {
    hashes.push_back(of_code[static_cast<std::size_t>(column.codes[static_cast<std::size_t>(row)] + 1)]);
  }
  return hashes;
}

/// A column of labels, by row. Throws DataError where one of these rows has an infinite one.
[[nodiscard]] ESPALIER_COLD inline const std::vector<double>& labels_of(const Table& table, std::string_view name,
                                                                        const std::vector<std::int32_t>& rows) {
  const std::vector<double>& values = table.numbers(name);
  for (const std::int32_t row : rows) {
    if (!std::isinf(values[static_cast<std::size_t>(row)])) continue;
    throw_error<DataError>({table.where(row), ": column '", name, "' is infinite, expected a label that has a mean"});
  }
  return values;
}

/// A row, and for each of its labels how many it has (0 or 1, none where it is NaN) and what it is: 1 + 2 × labels values.
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

/// Of `at`, a number and a sum of labels: their mean, as if `smoothing` rows more had been there with the mean of `all`. NaN where
/// all have none.
[[nodiscard]] inline double smoothed_mean(const double* at, const double* all, double smoothing) {
  const double mean = all[1] / all[0];
  return (at[1] + smoothing * mean) / (at[0] + smoothing);
}

}  // namespace espalier::history_detail
