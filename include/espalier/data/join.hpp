// SPDX-License-Identifier: Apache-2.0
// `join`: joins two tables by a key, for example impressions with attributes of users and items.
#pragma once

#include <string>

#include "espalier/data/table.hpp"

namespace espalier {

struct JoinOptions {
  std::string prefix;  ///< put before the names of the columns from the right table
};

struct JoinReport {
  Index matched = 0;
  /// Rows of the left table whose key is not in the right one; their new columns are missing
  /// values.
  Index unmatched = 0;
  Index without = 0;  ///< unmatched rows that have no key at all

  /// A summary in one line.
  [[nodiscard]] std::string message(const std::string& key, const std::string& right) const;
};

/// Adds the columns of `right` to `left` in rows with the same value of `key`, compared as by
/// category_key(): 17, 17.0 and 1.7e1 are equal, in text and numeric columns. Every row of `left`
/// stays in its place. Rows without a partner are counted and noted in left.notes. O(rows of both).
/// Throws DataError if a key is twice in `right`, or a column name in both tables; `left` is then
/// unchanged.
JoinReport join(Table& left, const Table& right, const std::string& key,
                const JoinOptions& options = {});

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/join_definitions.hpp"
#endif
