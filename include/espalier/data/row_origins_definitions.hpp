// SPDX-License-Identifier: Apache-2.0
// Definitions of row_origins.hpp.
#pragma once

#include "espalier/data/row_origins.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE std::optional<std::string> RowOrigins::find(Index row) const {
  const Mark* const mark = mark_of(row);
  if (mark == nullptr || mark->line == 0) return std::nullopt;
  return files_[mark->file] + ":" + std::to_string(mark->line + (row - mark->row));
}

ESPALIER_COLD ESPALIER_INLINE RowOrigins
RowOrigins::take(std::span<const std::int32_t> chosen) const {
  RowOrigins made;
  if (marks_.empty()) return made;
  made.files_ = files_;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const Mark* const mark = mark_of(chosen[i]);
    const bool known = mark != nullptr && mark->line != 0;
    const Mark here{static_cast<Index>(i), known ? mark->line + (chosen[i] - mark->row) : 0,
                    known ? mark->file : 0};
    if (made.marks_.empty() || !made.marks_.back().continues_at(here)) made.marks_.push_back(here);
  }
  return made;
}

ESPALIER_INLINE void RowOrigins::append(Index rows, const RowOrigins& other) {
  const std::size_t files = files_.size();
  files_.insert(files_.end(), other.files_.begin(), other.files_.end());
  if (other.marks_.empty() || other.marks_.front().row > 0) marks_.push_back({rows, 0, 0});
  for (const Mark& mark : other.marks_)
    marks_.push_back({rows + mark.row, mark.line, files + mark.file});
}

ESPALIER_INLINE const RowOrigins::Mark* RowOrigins::mark_of(Index row) const {
  const auto after = std::upper_bound(marks_.begin(), marks_.end(), row,
                                      [](Index r, const Mark& mark) { return r < mark.row; });
  return after == marks_.begin() ? nullptr : &*(after - 1);
}

}  // namespace espalier
