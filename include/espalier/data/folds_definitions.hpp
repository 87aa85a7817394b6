// SPDX-License-Identifier: Apache-2.0
// Definitions of the folds of `Dataset`, and of splits stratified by a column.
#pragma once

#include "espalier/data/folds.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

namespace folds_detail {

using Rows = std::vector<std::int32_t>;

/// The distinct rows of a dataset, in table order.
[[nodiscard]] inline Rows different(Rows rows) {
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

inline void check_count(int k, std::size_t rows) {
  if (k >= 2 && static_cast<std::size_t>(k) <= rows) return;
  throw_error<ConfigError>(
      {"folds: k is ", k, ", expected 2 to ", rows, ", the number of different rows"});
}

/// The rows grouped by their value of a column, missing values last; shuffled within each group.
/// Throws ConfigError for a numeric column with too many distinct values to be classes.
[[nodiscard]] ESPALIER_COLD inline std::vector<Rows> strata(const Table& table,
                                                            const std::string& column,
                                                            const Rows& rows, std::uint64_t seed) {
  constexpr std::size_t most = 100;
  Column made;
  const Column& key = table.as_keys(column, made);
  const std::size_t values = key.dictionary.size();
  if (table.column(column).kind == ColumnKind::number && values > most) {
    throw_error<ConfigError>({table.source, ": column '", column, "' has ", values,
                              " different numbers, expected at most ", most,
                              " to stratify by: derive a column of a few ranges from it"});
  }
  std::vector<Rows> found(values + 1);
  for (const std::int32_t row : rows) {
    const std::int32_t code = key.codes[static_cast<std::size_t>(row)];
    found[code < 0 ? values : static_cast<std::size_t>(code)].push_back(row);
  }
  for (std::size_t v = 0; v < found.size(); ++v)
    Random(mix(seed, 13), hash_text(v < values ? key.dictionary[v] : std::string()))
        .shuffle(found[v]);
  return found;
}

/// How many of `count` rows each part gets: its share rounded down or up, so that over all values
/// the parts are as close to their shares as possible. `owed`: what rounding has withheld from each
/// part so far.
[[nodiscard]] inline std::array<std::size_t, 4> portion(std::size_t count,
                                                        const std::array<double, 4>& shares,
                                                        std::array<double, 4>& owed) {
  std::array<std::size_t, 4> given{};
  std::array<double, 4> rest{};
  std::size_t left = count;
  for (std::size_t p = 0; p < 4; ++p) {
    const double due = shares[p] * static_cast<double>(count);
    given[p] = (std::min)(left, static_cast<std::size_t>(due + 1e-9));
    left -= given[p];
    rest[p] = due - static_cast<double>(given[p]);
  }
  for (; left > 0; --left) {
    std::size_t next = 4;
    for (std::size_t p = 0; p < 4; ++p) {
      if (rest[p] > 1e-9 && (next == 4 || owed[p] + rest[p] > owed[next] + rest[next])) next = p;
    }
    if (next == 4) next = 0;
    ++given[next];
    rest[next] -= 1;
  }
  for (std::size_t p = 0; p < 4; ++p) owed[p] += rest[p];
  return given;
}

}  // namespace folds_detail

ESPALIER_COLD ESPALIER_INLINE std::vector<Fold> Dataset::folds_of(
    const std::vector<std::int32_t>& part, int k) const {
  std::vector<Fold> folds;
  for (std::int32_t fold = 0; fold < k; ++fold) {
    auto [train, valid, none] =
        split_by([&](Index row) { return part[static_cast<std::size_t>(row)] == fold ? 1 : 0; });
    folds.push_back({std::move(train), std::move(valid)});
  }
  return folds;
}

ESPALIER_COLD ESPALIER_INLINE std::vector<Fold> Dataset::folds(int k, std::uint64_t seed) const {
  folds_detail::Rows rows = folds_detail::different(rows_);
  folds_detail::check_count(k, rows.size());
  Random(seed, 12).shuffle(rows);
  std::vector<std::int32_t> part(static_cast<std::size_t>(table().rows()), -1);
  for (std::size_t i = 0; i < rows.size(); ++i)
    part[static_cast<std::size_t>(rows[i])] =
        static_cast<std::int32_t>(i % static_cast<std::size_t>(k));
  return folds_of(part, k);
}

ESPALIER_COLD ESPALIER_INLINE std::vector<Fold> Dataset::folds_by_hash(const std::string& column,
                                                                       int k,
                                                                       std::uint64_t seed) const {
  folds_detail::check_count(k, folds_detail::different(rows_).size());
  Column made;
  const Column& key = table().as_keys(column, made);
  const auto part_of = [&](const std::string& value) {
    return static_cast<std::int32_t>(mix(seed, hash_text(value)) % static_cast<std::uint64_t>(k));
  };
  std::vector<std::int32_t> of_code, part;
  for (const std::string& value : key.dictionary) of_code.push_back(part_of(value));
  const std::int32_t missing = part_of({});
  for (const std::int32_t code : key.codes)
    part.push_back(code < 0 ? missing : of_code[static_cast<std::size_t>(code)]);
  std::vector<Fold> folds = folds_of(part, k);
  for (std::size_t i = 0; i < folds.size(); ++i) {
    const Index rows = folds[i].valid.size();
    if (rows > 0 && rows < size()) continue;
    throw_error<ConfigError>({"folds: number ", i, " of ", k, " has ", rows, " of ", size(),
                              " rows: column '", column,
                              "' has too few values, expected fewer folds"});
  }
  return folds;
}

ESPALIER_COLD ESPALIER_INLINE std::vector<Fold> Dataset::folds_stratified(
    const std::string& column, int k, std::uint64_t seed) const {
  const folds_detail::Rows rows = folds_detail::different(rows_);
  folds_detail::check_count(k, rows.size());
  std::vector<std::int32_t> part(static_cast<std::size_t>(table().rows()), -1);
  std::size_t dealt = 0;  // each value continues where the previous one stopped
  for (const folds_detail::Rows& of_value : folds_detail::strata(table(), column, rows, seed)) {
    for (const std::int32_t row : of_value)
      part[static_cast<std::size_t>(row)] =
          static_cast<std::int32_t>(dealt++ % static_cast<std::size_t>(k));
  }
  return folds_of(part, k);
}

ESPALIER_COLD ESPALIER_INLINE std::array<Dataset, 3> Dataset::split_stratified(
    const std::string& column, double train, double valid, double test, std::uint64_t seed) const {
  check_shares(train, valid, test);
  const std::array<double, 4> shares{train, valid, test, (std::max)(1 - train - valid - test, 0.0)};
  std::array<double, 4> owed{};
  std::vector<std::int32_t> part(static_cast<std::size_t>(table().rows()), -1);
  const folds_detail::Rows rows = folds_detail::different(rows_);
  for (const folds_detail::Rows& of_value : folds_detail::strata(table(), column, rows, seed)) {
    std::size_t at = 0;
    const auto counts = folds_detail::portion(of_value.size(), shares, owed);
    for (std::int32_t p = 0; p < 3; ++p) {
      for (std::size_t i = 0; i < counts[static_cast<std::size_t>(p)]; ++i)
        part[static_cast<std::size_t>(of_value[at++])] = p;
    }
  }
  return split_by([&](Index row) { return part[static_cast<std::size_t>(row)]; });
}

}  // namespace espalier
