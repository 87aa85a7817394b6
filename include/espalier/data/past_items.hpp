// SPDX-License-Identifier: Apache-2.0
// `add_past_items`: what a user did before each row, as a column for Sequence.
#pragma once

#include <string>

#include "espalier/core/config.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

struct PastItemsOptions {
  std::string key = "user";   ///< column that tells whose history it is
  std::string item = "item";  ///< column of what is put into the history
  std::string time = "time";  ///< column of numbers, or of texts such as 2022-05-08 18:30:05
  /// Rows count only from so long after them, in the unit of `time` (seconds if times are texts):
  /// feedback takes time to arrive.
  double delay = 0;
  Index most = 50;  ///< at most the last so many items
  /// Column of numbers: only rows where it is above 0 are put into histories, such as those that
  /// were clicked. Empty: all rows.
  std::string where{};
  std::string name{};  ///< of the column that is added; empty: "past_<item>"
  char separator = '|';
};

/// Adds a column of text, the one that the input PastItems (describe/past_items.hpp) makes: for
/// each row, the items of the rows of the same key whose time is smaller by `delay` or more, and
/// smaller in any case, so that neither a row nor what was shown at the same moment is in its own
/// history. Ordered by time, rows of the same time by table order; the last is the latest. A row
/// without earlier rows, and one whose key is missing, has a missing cell; rows without an item are
/// left out. For histories that a model does not make itself, such as parts of a column.
///
/// The table may have its rows in any order. Split it only afterwards: rows of a later split read
/// those of an earlier one. Throws ConfigError for `most` < 1 or a negative delay; DataError if a
/// time is missing, an item contains the separator, or there is such a column. O(rows · most).
void add_past_items(Table& table, const PastItemsOptions& options);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/past_items_definitions.hpp"
#endif
