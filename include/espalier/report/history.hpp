// SPDX-License-Identifier: Apache-2.0
// `History`: the numbers of a training run, one row per epoch, as JSON lines or CSV.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

struct HistoryRow {
  int epoch = 0;
  std::int64_t step = 0;
  std::vector<std::pair<std::string, double>> values;

  /// NaN if no value has that name.
  [[nodiscard]] double value(std::string_view name) const noexcept;
};

/// Rows in memory. Their file is rewritten as a whole, atomically, after each epoch: there are few
/// rows, a crash leaves the file of the previous epoch, and a new column costs nothing.
///
///     History history = resumed ? History::read("run.jsonl") : History();
///     history.truncate(resumed_epoch);
///     history.add({epoch, step, {{"train/click/loss", 0.51}, {"valid/click/auc", 0.73}}});
///     history.write("run.jsonl");
class History {
 public:
  void add(HistoryRow row) { rows_.push_back(std::move(row)); }

  [[nodiscard]] const std::vector<HistoryRow>& rows() const& noexcept { return rows_; }
  [[nodiscard]] std::vector<HistoryRow> rows() && noexcept { return std::move(rows_); }

  /// Removes the rows after `last_epoch`: a run that is resumed from there writes them again.
  void truncate(int last_epoch);

  /// Names of all values, in order of first appearance.
  [[nodiscard]] std::vector<std::string> columns() const;

  /// One JSON object per line: {"epoch":1,"step":200,"train/click/loss":0.51}. NaN and infinite
  /// values become null.
  [[nodiscard]] std::string to_jsonl() const;

  /// A header line, then one line per row (RFC 4180). Missing, NaN and infinite values become empty
  /// cells.
  [[nodiscard]] std::string to_csv() const;

  /// Writes CSV or JSON lines, by the extension .csv or .jsonl. Throws ConfigError for another
  /// extension; IoError.
  void write(const std::string& path) const;

  /// Reads a file of write(), or of another program that ends lines with CR LF. A null or an empty
  /// cell becomes NaN. Throws ConfigError as write() does; IoError; DataError, naming the line.
  [[nodiscard]] static History read(const std::string& path);

  [[nodiscard]] static History parse_jsonl(std::string_view text,
                                           const std::string& what = "history");

  [[nodiscard]] static History parse_csv(std::string_view text,
                                         const std::string& what = "history");

 private:
  static void check_name(const std::string& path);

  static void place(HistoryRow& row, const std::string& name, double value,
                    const std::string& where);

  [[nodiscard]] static std::string quoted(const std::string& cell);

  /// Returns the cells of the line that starts at `at`, and moves `at` behind the line.
  [[nodiscard]] static std::vector<std::string> take_cells(std::string_view text, std::size_t& at,
                                                           const std::string& where);

  std::vector<HistoryRow> rows_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/history_definitions.hpp"
#endif
