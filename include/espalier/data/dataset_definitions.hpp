// SPDX-License-Identifier: Apache-2.0
// Definitions of dataset.hpp.
#pragma once

#include "espalier/data/dataset.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier {

ESPALIER_INLINE Dataset::Dataset(Table table)
    : table_(std::make_shared<const Table>(std::move(table))) {
  rows_ = table_->row_numbers();
}

ESPALIER_INLINE Dataset::Dataset(std::shared_ptr<const Table> table, std::vector<std::int32_t> rows)
    : table_(std::move(table)), rows_(std::move(rows)) {
  const Index end = table_ ? table_->rows() : 0;
  for (const std::int32_t row : rows_) {
    if (row < 0 || row >= end) {
      throw_error<ConfigError>({"dataset: row ", row, ", expected 0 to ", end - 1});
    }
  }
}

ESPALIER_COLD ESPALIER_INLINE std::array<Dataset, 3> Dataset::split(double train, double valid,
                                                                    double test,
                                                                    std::uint64_t seed) const {
  check_shares(train, valid, test);
  std::vector<std::int32_t> shuffled = rows_;
  Random(seed, 11).shuffle(shuffled);
  const auto cut = [&](double share) {
    const double at = std::round(share * static_cast<double>(shuffled.size()));
    return (std::min)(shuffled.size(), static_cast<std::size_t>(at));
  };
  const std::size_t first = cut(train), second = cut(train + valid),
                    third = cut(train + valid + test);
  const auto part = [&](std::size_t begin, std::size_t end) {
    return Dataset(table_, {shuffled.begin() + static_cast<std::ptrdiff_t>(begin),
                            shuffled.begin() + static_cast<std::ptrdiff_t>(end)});
  };
  return {part(0, first), part(first, second), part(second, third)};
}

ESPALIER_COLD ESPALIER_INLINE std::array<Dataset, 3> Dataset::split_by_hash(
    const std::string& column, double train, double valid, double test, std::uint64_t seed) const {
  check_shares(train, valid, test);
  Column made;
  const Column& key = table().as_keys(column, made);
  const double all = train + valid + test;
  const auto part = [&](std::string_view value) {
    const double u = static_cast<double>(mix(seed, hash_text(value)) >> 11U) * 0x1.0p-53;
    return u < train ? 0 : u < train + valid ? 1 : u < all || all >= 1 - 1e-9 ? 2 : -1;
  };
  std::vector<int> parts;  // indexed by code
  for (const std::string& value : key.dictionary) parts.push_back(part(value));
  return split_by([&](Index row) {
    const std::int32_t code = key.codes[static_cast<std::size_t>(row)];
    return code < 0 ? part({}) : parts[static_cast<std::size_t>(code)];
  });
}

ESPALIER_INLINE std::array<Dataset, 3> Dataset::split_by_time(const std::string& column,
                                                              double valid_from,
                                                              double test_from) const {
  check_times(valid_from <= test_from, number_text(valid_from), number_text(test_from));
  const std::vector<double>& time = table().numbers(column);
  return split_by([&](Index row) {
    const double t = time[static_cast<std::size_t>(row)];
    return std::isnan(t) ? -1 : t < valid_from ? 0 : t < test_from ? 1 : 2;
  });
}

ESPALIER_COLD ESPALIER_INLINE std::array<Dataset, 3> Dataset::split_by_time(
    const std::string& column, std::string_view valid_from, std::string_view test_from) const {
  check_times(valid_from <= test_from, std::string(valid_from), std::string(test_from));
  const Column& time = table().column(column);
  if (time.kind != ColumnKind::text) {
    throw_error<DataError>({table().source, ": column '", column,
                            "' holds numbers, expected text as '", valid_from,
                            "': give the bounds as numbers"});
  }
  return split_by([&](Index row) {
    const std::string_view t = time.at(row);
    return t.empty() ? -1 : t < valid_from ? 0 : t < test_from ? 1 : 2;
  });
}

ESPALIER_INLINE Dataset Dataset::head(Index n) const {
  if (n < 0) throw_error<ConfigError>({"head: ", n, " rows, expected 0 or more"});
  const auto count = static_cast<std::ptrdiff_t>((std::min)(n, size()));
  return {table_, {rows_.begin(), rows_.begin() + count}};
}

ESPALIER_INLINE Table Dataset::to_table() const { return table().take(rows_); }

ESPALIER_INLINE void Dataset::check_times(bool in_order, const std::string& valid_from,
                                          const std::string& test_from) {
  if (in_order) return;
  throw_error<ConfigError>({"split_by_time: validation from ", valid_from, ", test from ",
                            test_from, ", expected the test not to begin before"});
}

ESPALIER_INLINE void Dataset::check_shares(double train, double valid, double test) {
  const double sum = train + valid + test;
  if (!(train >= 0 && valid >= 0 && test >= 0 && sum <= 1 + 1e-9)) {
    throw_error<ConfigError>({"split: shares ", number_text(train), ", ", number_text(valid), ", ",
                              number_text(test),
                              "; expected numbers from 0 that sum to at most 1"});
  }
}

}  // namespace espalier
