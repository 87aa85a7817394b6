// SPDX-License-Identifier: Apache-2.0
// `RowOrigins`: the file and line that each row of a table came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// Stores only rows that are not on the line after the previous row: for most files, only the
/// first.
class RowOrigins {
 public:
  /// Starts a file: the following rows come from it.
  void begin_file(std::string name) {
    files_.push_back(std::move(name));
    next_line_ = -1;
  }

  /// Row `row`, which is greater than all rows before, starts on `line` of the current file.
  void add(Index row, Index line) {
    if (line != next_line_) marks_.push_back({row, line, files_.size() - 1});
    next_line_ = line + 1;
  }

  [[nodiscard]] bool empty() const { return files_.empty(); }

  /// "events.csv:18"; nullopt if it is not known.
  [[nodiscard]] std::optional<std::string> find(Index row) const;

  /// The origins of the rows `chosen`, in that order.
  [[nodiscard]] RowOrigins take(std::span<const std::int32_t> chosen) const;

  /// Appends the rows of `other` after `rows` rows of this table.
  void append(Index rows, const RowOrigins& other);

 private:
  struct Mark {
    Index row, line;  ///< line 0: unknown from this row on
    std::size_t file;

    /// Whether this mark says the same of a later row as `later` does.
    [[nodiscard]] bool continues_at(const Mark& later) const {
      return line == 0 ? later.line == 0
                       : file == later.file && later.line == line + (later.row - row);
    }
  };

  /// The last mark at or before `row`; null if there is none.
  [[nodiscard]] const Mark* mark_of(Index row) const;

  std::vector<std::string> files_;
  std::vector<Mark> marks_;
  Index next_line_ = -1;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/row_origins_definitions.hpp"
#endif
