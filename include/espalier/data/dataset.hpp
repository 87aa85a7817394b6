// SPDX-License-Identifier: Apache-2.0
// `Dataset`: some rows of a table. Splits share the table; it is not copied.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

struct Fold;  // data/folds.hpp

/// Rows of a table. A copy or a split is cheap; the table itself never changes.
class Dataset {
 public:
  Dataset() = default;

  /// All rows of a table. Throws DataError for more than 2^31 − 1 rows.
  explicit Dataset(Table table);

  /// These rows of a table, in this order. Throws ConfigError for a row that the table does not
  /// have.
  Dataset(std::shared_ptr<const Table> table, std::vector<std::int32_t> rows);

  [[nodiscard]] Index size() const { return static_cast<Index>(rows_.size()); }
  [[nodiscard]] bool has_table() const { return table_ != nullptr; }
  /// Valid as long as this dataset, a copy or a split of it lives.
  [[nodiscard]] const Table& table() const& {
    if (!table_) throw ConfigError("the dataset is empty: it has no table");
    return *table_;
  }
  /// For a temporary dataset, which may be the last owner of the table: a copy.
  [[nodiscard]] Table table() && { return std::as_const(*this).table(); }
  [[nodiscard]] const std::vector<std::int32_t>& rows() const& { return rows_; }
  [[nodiscard]] std::vector<std::int32_t> rows() && { return std::move(rows_); }

  /// Splits into training, validation and test rows: shuffles by `seed` and cuts by shares of the
  /// rows; rows beyond the sum of the shares are in no part. Throws ConfigError if a share is
  /// negative or the shares sum to more than 1.
  [[nodiscard]] std::array<Dataset, 3> split(double train, double valid, double test,
                                             std::uint64_t seed = 0) const;

  /// Splits by a rule: rule(row of the table) is 0 for training, 1 for validation, 2 for test,
  /// anything else for none.
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

  /// Splits by a hash of `column`: all rows with the same value (for example a user) are in the
  /// same part. The part of a value depends only on the seed and the shares, not on the rest of the
  /// data. The shares are those of the values in expectation; the shares of rows are approximate.
  /// Throws ConfigError, DataError.
  [[nodiscard]] std::array<Dataset, 3> split_by_hash(const std::string& column, double train,
                                                     double valid, double test,
                                                     std::uint64_t seed = 0) const;

  /// Divides the rows of each value of `column` (missing values count as one value) by the shares:
  /// of each value, every part gets its share of the rows, rounded down or up; over all values, the
  /// parts are as close to their shares as possible. A row that occurs several times counts once.
  /// For text columns, and numeric columns with at most 100 distinct numbers. Throws ConfigError,
  /// DataError.
  [[nodiscard]] std::array<Dataset, 3> split_stratified(const std::string& column, double train,
                                                        double valid, double test,
                                                        std::uint64_t seed = 0) const;

  /// Cross-validation: `k` ways to leave out one part of `k`. Each row is in the validation rows of
  /// exactly one fold, together with its repetitions. The parts are drawn by `seed`; their numbers
  /// of distinct rows differ by at most one. Throws ConfigError unless `k` is from 2 to the number
  /// of distinct rows.
  [[nodiscard]] std::vector<Fold> folds(int k, std::uint64_t seed = 1) const;

  /// As folds(), but all rows with the same value of `column` (for example a user) are in the same
  /// part, chosen by a hash of the value; the sizes of the parts are only approximately equal.
  /// Throws ConfigError if a part has no rows or all rows; DataError.
  [[nodiscard]] std::vector<Fold> folds_by_hash(const std::string& column, int k,
                                                std::uint64_t seed = 1) const;

  /// As folds(), but the rows of each value of `column` (missing values count as one value) are
  /// distributed equally over the parts, up to one row; so are all rows. `column`: as for
  /// split_stratified().
  [[nodiscard]] std::vector<Fold> folds_stratified(const std::string& column, int k,
                                                   std::uint64_t seed = 1) const;

  /// Rows before `valid_from` are training rows, those before `test_from` validation rows, the rest
  /// test rows. Rows without a time are in no part. Throws ConfigError, DataError.
  [[nodiscard]] std::array<Dataset, 3> split_by_time(const std::string& column, double valid_from,
                                                     double test_from) const;

  /// The same for times as text that sorts in time order: "2022-05-05", "2022-05-05 18:30". Throws
  /// ConfigError, DataError.
  [[nodiscard]] std::array<Dataset, 3> split_by_time(const std::string& column,
                                                     std::string_view valid_from,
                                                     std::string_view test_from) const;

  /// The rows for which keep(row of the table) is true.
  template <class Keep>
  [[nodiscard]] Dataset filter(Keep&& keep) const {
    std::vector<std::int32_t> kept;
    for (const std::int32_t row : rows_) {
      if (keep(static_cast<Index>(row))) kept.push_back(row);
    }
    return {table_, std::move(kept)};
  }

  /// The first n rows, or all if there are fewer. Throws ConfigError if n < 0.
  [[nodiscard]] Dataset head(Index n) const;

  /// A table of these rows only.
  [[nodiscard]] Table to_table() const;

 private:
  static void check_times(bool in_order, const std::string& valid_from,
                          const std::string& test_from);

  static void check_shares(double train, double valid, double test);

  /// `part`: for each row of the table, the fold that validates on it; −1 if none.
  [[nodiscard]] std::vector<Fold> folds_of(const std::vector<std::int32_t>& part, int k) const;

  std::shared_ptr<const Table> table_;
  std::vector<std::int32_t> rows_;
};

}  // namespace espalier

#include "espalier/data/folds.hpp"

#if ESPALIER_DEFINE
#include "espalier/data/dataset_definitions.hpp"
#endif
