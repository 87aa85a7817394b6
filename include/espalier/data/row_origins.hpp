// SPDX-License-Identifier: Apache-2.0
// `RowOrigins`: the file and line that each row of a table came from.
#pragma once

#include <algorithm>
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
  [[nodiscard]] ESPALIER_COLD std::optional<std::string> find(Index row) const {
    const Mark* const mark = mark_of(row);
    if (mark == nullptr || mark->line == 0) return std::nullopt;
    return files_[mark->file] + ":" + std::to_string(mark->line + (row - mark->row));
  }

  /// The origins of the rows `chosen`, in that order.
  [[nodiscard]] ESPALIER_COLD RowOrigins take(std::span<const std::int32_t> chosen) const {
    RowOrigins made;
    if (marks_.empty()) return made;
    made.files_ = files_;
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const Mark* const mark = mark_of(chosen[i]);
      const bool known = mark != nullptr && mark->line != 0;
      const Mark here{static_cast<Index>(i), known ? mark->line + (chosen[i] - mark->row) : 0,
                      known ? mark->file : 0};
      if (made.marks_.empty() || !made.marks_.back().continues_at(here))
        made.marks_.push_back(here);
    }
    return made;
  }

  /// Appends the rows of `other` after `rows` rows of this table.
  void append(Index rows, const RowOrigins& other) {
    const std::size_t files = files_.size();
    files_.insert(files_.end(), other.files_.begin(), other.files_.end());
    if (other.marks_.empty() || other.marks_.front().row > 0) marks_.push_back({rows, 0, 0});
    for (const Mark& mark : other.marks_)
      marks_.push_back({rows + mark.row, mark.line, files + mark.file});
  }

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
  [[nodiscard]] const Mark* mark_of(Index row) const {
    const auto after = std::upper_bound(marks_.begin(), marks_.end(), row,
                                        [](Index r, const Mark& mark) { return r < mark.row; });
    return after == marks_.begin() ? nullptr : &*(after - 1);
  }

  std::vector<std::string> files_;
  std::vector<Mark> marks_;
  Index next_line_ = -1;
};

}  // namespace espalier
