// SPDX-License-Identifier: Apache-2.0
// `RowOrigins`: the file and line that each row of a table came from.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// Only rows that do not stand on the line behind the one before are kept: of most files, the first.
class RowOrigins {
 public:
  /// The file of the rows that follow.
  void begin_file(std::string name) {
    files_.push_back(std::move(name));
    next_line_ = -1;
  }

  /// Row `row`, which is above all before, begins on `line` of the file that was begun last.
  void add(Index row, Index line) {
    if (line != next_line_) marks_.push_back({row, line, files_.size() - 1});
    next_line_ = line + 1;
  }

  [[nodiscard]] bool empty() const { return files_.empty(); }

  /// "events.csv:18"; nothing when it is not known.
  [[nodiscard]] ESPALIER_COLD std::optional<std::string> find(Index row) const {
    const auto after = std::upper_bound(marks_.begin(), marks_.end(), row,
                                        [](Index r, const Mark& mark) { return r < mark.row; });
    if (after == marks_.begin()) return std::nullopt;
    const Mark& mark = *(after - 1);
    if (mark.line == 0) return std::nullopt;
    return files_[mark.file] + ":" + std::to_string(mark.line + (row - mark.row));
  }

  /// The rows of `other` behind `rows` rows of this.
  void append(Index rows, const RowOrigins& other) {
    const std::size_t files = files_.size();
    files_.insert(files_.end(), other.files_.begin(), other.files_.end());
    if (other.marks_.empty() || other.marks_.front().row > 0) marks_.push_back({rows, 0, 0});
    for (const Mark& mark : other.marks_) marks_.push_back({rows + mark.row, mark.line, files + mark.file});
  }

 private:
  struct Mark {
    Index row, line;  ///< line 0: not known from here on
    std::size_t file;
  };

  std::vector<std::string> files_;
  std::vector<Mark> marks_;
  Index next_line_ = -1;
};

}  // namespace espalier
