// SPDX-License-Identifier: Apache-2.0
// `Dataset`: some rows of a table. Splits share the table; nothing is copied.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

struct Fold;  // data/folds.hpp

/// Rows of a table. Cheap to copy, and every split of it; the table itself never changes.
class Dataset {
 public:
  Dataset() = default;

  /// All rows of a table. At most 2^31 − 1.
  explicit Dataset(Table table) : table_(std::make_shared<const Table>(std::move(table))) {
    rows_ = table_->row_numbers();
  }

  /// Some rows of a table, in this order. Throws ConfigError for a row that the table does not have.
  Dataset(std::shared_ptr<const Table> table, std::vector<std::int32_t> rows)
      : table_(std::move(table)), rows_(std::move(rows)) {
    const Index end = table_ ? table_->rows() : 0;
    for (const std::int32_t row : rows_) {
      if (row < 0 || row >= end) {
        throw_error<ConfigError>({"dataset: row ", row, ", expected 0 to ", end - 1});
      }
    }
  }

  [[nodiscard]] Index size() const { return static_cast<Index>(rows_.size()); }
  [[nodiscard]] bool has_table() const { return table_ != nullptr; }
  /// Lives as long as a dataset or split of it does.
  [[nodiscard]] const Table& table() const& {
    if (!table_) throw ConfigError("the dataset is empty: it has no table");
    return *table_;
  }
  /// Of a temporary dataset, with which the table may go: a copy.
  [[nodiscard]] Table table() && { return std::as_const(*this).table(); }
  [[nodiscard]] const std::vector<std::int32_t>& rows() const& { return rows_; }
  [[nodiscard]] std::vector<std::int32_t> rows() && { return std::move(rows_); }

  /// Into training, validation and test rows: shuffled by `seed` and cut by shares of the rows; what the shares leave over
  /// belongs to none. The shares must not be negative nor sum to more than 1. Throws ConfigError.
  [[nodiscard]] ESPALIER_COLD std::array<Dataset, 3> split(double train, double valid, double test,
                                                           std::uint64_t seed = 0) const {
    check_shares(train, valid, test);
    std::vector<std::int32_t> shuffled = rows_;
    Random(seed, 11).shuffle(shuffled);
    const auto cut = [&](double share) {
      const double at = std::round(share * static_cast<double>(shuffled.size()));
      return (std::min)(shuffled.size(), static_cast<std::size_t>(at));
    };
    const std::size_t first = cut(train), second = cut(train + valid), third = cut(train + valid + test);
    const auto part = [&](std::size_t begin, std::size_t end) {
      return Dataset(table_, {shuffled.begin() + static_cast<std::ptrdiff_t>(begin),
                              shuffled.begin() + static_cast<std::ptrdiff_t>(end)});
    };
    return {part(0, first), part(first, second), part(second, third)};
  }

  /// By a rule: rule(row of the table) is 0 for training, 1 for validation, 2 for test, anything else for none.
  template <class Rule>
  [[nodiscard]] std::array<Dataset, 3> split_by(Rule&& rule) const {
    std::array<std::vector<std::int32_t>, 3> parts;
    for (const std::int32_t row : rows_) {
      const int part = static_cast<int>(rule(static_cast<Index>(row)));
      if (part >= 0 && part < 3) parts[static_cast<std::size_t>(part)].push_back(row);
    }
    return {Dataset(table_, std::move(parts[0])), Dataset(table_, std::move(parts[1])),
            Dataset(table_, std::move(parts[2]))};
  }

  /// All rows with one value of `column` (a user, say) fall into the same part: by a hash of the value, so that a value's part
  /// depends on seed and shares alone, not on what else is in the data. Shares hold for values; of rows they are near.
  [[nodiscard]] ESPALIER_COLD std::array<Dataset, 3> split_by_hash(const std::string& column,
                                                                   double train, double valid,
                                                                   double test,
                                                                   std::uint64_t seed = 0) const {
    check_shares(train, valid, test);
    Column made;
    const Column& key = table().as_keys(column, made);
    const double all = train + valid + test;
    const auto part = [&](std::string_view value) {
      const double u = static_cast<double>(mix(seed, hash_text(value)) >> 11U) * 0x1.0p-53;
      return u < train ? 0 : u < train + valid ? 1 : u < all || all >= 1 - 1e-9 ? 2 : -1;
    };
    std::vector<int> parts;  // by code
    for (const std::string& value : key.dictionary) parts.push_back(part(value));
    return split_by([&](Index row) {
      const std::int32_t code = key.codes[static_cast<std::size_t>(row)];
      return code < 0 ? part({}) : parts[static_cast<std::size_t>(code)];
    });
  }

  /// Each value of `column`, missing ones as one, is divided by the shares: of each value every part has its share of the
  /// rows, rounded down or up, and of all values together as near to it as can be. A row that is there several times is one.
  /// For text and few numbers: a column of more than 100 different numbers is refused. Throws ConfigError, DataError.
  [[nodiscard]] std::array<Dataset, 3> split_stratified(const std::string& column, double train, double valid, double test,
                                                        std::uint64_t seed = 0) const;

  /// `k` ways to leave out one part of `k`, for cross-validation: each row is in the validation rows of one, with its
  /// repetitions where it is there several times. Parts, drawn by `seed`, have as many different rows, up to one. Throws
  /// ConfigError unless `k` is 2 to the number of different rows.
  [[nodiscard]] std::vector<Fold> folds(int k, std::uint64_t seed = 1) const;

  /// The same with all rows of one value of `column` (a user, say) in one part: by a hash of the value, so sizes are near each
  /// other alone. Throws ConfigError where a part is empty, DataError.
  [[nodiscard]] std::vector<Fold> folds_by_hash(const std::string& column, int k, std::uint64_t seed = 1) const;

  /// The same with each value of `column`, missing ones as one, in every part alike: up to one row, as the parts' sizes.
  /// Columns as for split_stratified.
  [[nodiscard]] std::vector<Fold> folds_stratified(const std::string& column, int k, std::uint64_t seed = 1) const;

  /// Rows before `valid_from` train, those before `test_from` validate, the rest test. Rows without a time are in none.
  /// Throws ConfigError, DataError.
  [[nodiscard]] std::array<Dataset, 3> split_by_time(const std::string& column, double valid_from, double test_from) const {
    check_times(valid_from <= test_from, number_text(valid_from), number_text(test_from));
    const std::vector<double>& time = table().numbers(column);
    return split_by([&](Index row) {
      const double t = time[static_cast<std::size_t>(row)];
      return std::isnan(t) ? -1 : t < valid_from ? 0 : t < test_from ? 1 : 2;
    });
  }

  /// The same for times in text that sorts as they do: "2022-05-05", "2022-05-05 18:30". Throws ConfigError, DataError.
  [[nodiscard]] ESPALIER_COLD std::array<Dataset, 3> split_by_time(
      const std::string& column, std::string_view valid_from, std::string_view test_from) const {
    check_times(valid_from <= test_from, std::string(valid_from), std::string(test_from));
    const Column& time = table().column(column);
    if (time.kind != ColumnKind::text) {
      throw_error<DataError>({table().source, ": column '", column, "' holds numbers, expected text as '",
                              valid_from, "': give the bounds as numbers"});
    }
    return split_by([&](Index row) {
      const std::string_view t = time.at(row);
      return t.empty() ? -1 : t < valid_from ? 0 : t < test_from ? 1 : 2;
    });
  }

  /// The rows for which keep(row of the table).
  template <class Keep>
  [[nodiscard]] Dataset filter(Keep&& keep) const {
    std::vector<std::int32_t> kept;
    for (const std::int32_t row : rows_) {
      if (keep(static_cast<Index>(row))) kept.push_back(row);
    }
    return {table_, std::move(kept)};
  }

  /// The first n rows, or all where there are fewer. Throws ConfigError for n < 0.
  [[nodiscard]] Dataset head(Index n) const {
    if (n < 0) throw_error<ConfigError>({"head: ", n, " rows, expected 0 or more"});
    const auto count = static_cast<std::ptrdiff_t>((std::min)(n, size()));
    return {table_, {rows_.begin(), rows_.begin() + count}};
  }

  /// A table of these rows alone.
  [[nodiscard]] Table to_table() const { return table().take(rows_); }

 private:
  static void check_times(bool in_order, const std::string& valid_from, const std::string& test_from) {
    if (in_order) return;
    throw_error<ConfigError>({"split_by_time: validation from ", valid_from, ", test from ", test_from,
                              ", expected the test not to begin before"});
  }

  static void check_shares(double train, double valid, double test) {
    const double sum = train + valid + test;
    if (!(train >= 0 && valid >= 0 && test >= 0 && sum <= 1 + 1e-9)) {
      throw_error<ConfigError>({"split: shares ", number_text(train), ", ", number_text(valid), ", ",
                                number_text(test), "; expected numbers from 0 that sum to at most 1"});
    }
  }

  /// `part`: of each row of the table.
  [[nodiscard]] std::vector<Fold> folds_of(const std::vector<std::int32_t>& part, int k) const;

  std::shared_ptr<const Table> table_;
  std::vector<std::int32_t> rows_;
};

}  // namespace espalier

#include "espalier/data/folds.hpp"
