// SPDX-License-Identifier: Apache-2.0
// The fields in whose tables past items are looked up.
#pragma once

#include <span>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier::detail {

/// Whether the items of `past` can be looked up in the table of field `f`.
constexpr bool is_candidate(const FieldInfo& f, const FieldInfo& past) {
  if (f.is_numeric() || f.kind == FieldKind::buckets || f.pool != Pool::none ||
      !f.second_column.empty())
    return false;
  return past.table.empty() ? f.column == past.history.item : f.table == past.table;
}

/// Past items are values of a candidate, and use its table: the field that reads the same column,
/// or that of their SharedTable. Without one, their table has no name.
constexpr void find_candidates(std::span<FieldInfo> fields) {
  for (FieldInfo& past : fields) {
    if (past.history.kind != HistoryKind::past_items) continue;
    const FieldInfo* candidate = nullptr;
    for (const FieldInfo& f : fields) {
      if (is_candidate(f, past) && (candidate == nullptr || f.name == past.history.item))
        candidate = &f;
    }
    past.table = candidate == nullptr ? std::string_view() : candidate->table;
    if (candidate == nullptr) continue;
    past.kind = candidate->kind;
    past.width = candidate->width;
    past.buckets = candidate->buckets;
  }
}

}  // namespace espalier::detail
