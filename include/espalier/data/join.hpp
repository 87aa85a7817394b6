// SPDX-License-Identifier: Apache-2.0
// Joining by key: impressions with what is known of users and items.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "espalier/data/dictionary.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

struct JoinOptions {
  std::string prefix;  ///< put before the names of the columns that come from the right
};

struct JoinReport {
  Index matched = 0;
  Index unmatched = 0;  ///< rows of the left whose key the right does not have: their new columns are missing values

  /// One line for people.
  [[nodiscard]] std::string message(const std::string& key, const std::string& right) const {
    return std::to_string(unmatched) + " of " + std::to_string(matched + unmatched) + " rows have a '" + key +
           "' that " + right + " does not have";
  }
};

/// Adds the columns of `right` to `left` where both have the same value of `key` (text, or numbers compared as such). Every row of
/// `left` stays. What is missing is counted, and noted in left.notes. Throws DataError when a key is twice in `right`.
inline JoinReport join(Table& left, const Table& right, const std::string& key, const JoinOptions& options = {}) {
  const Column left_key = left.as_text(key), right_key = right.as_text(key);
  Dictionary known;
  std::vector<Index> place;
  for (Index row = 0; row < right.rows(); ++row) {
    if (right_key.codes[static_cast<std::size_t>(row)] < 0) continue;
    const auto code = static_cast<std::size_t>(known.code(right_key.at(row)));
    if (code < place.size()) {
      throw DataError(right.source + ": '" + std::string(right_key.at(row)) + "' is twice in '" + key + "' (rows " +
                      std::to_string(place[code] + 1) + " and " + std::to_string(row + 1) + "), expected once");
    }
    place.push_back(row);
  }
  std::vector<Index> by_code;  // of the left's dictionary
  for (const std::string& value : left_key.dictionary) {
    const std::int32_t code = known.find(value);
    by_code.push_back(code < 0 ? -1 : place[static_cast<std::size_t>(code)]);
  }
  std::vector<Index> partner(static_cast<std::size_t>(left.rows()), -1);
  JoinReport report;
  for (std::size_t i = 0; i < partner.size(); ++i) {
    const std::int32_t code = left_key.codes[i];
    if (code >= 0) partner[i] = by_code[static_cast<std::size_t>(code)];
    ++(partner[i] < 0 ? report.unmatched : report.matched);
  }
  for (const Column& from : right.columns()) {
    if (from.name == key) continue;
    Column made;
    made.name = options.prefix + from.name;
    made.kind = from.kind;
    made.dictionary = from.dictionary;
    for (const Index row : partner) {
      const auto at = static_cast<std::size_t>(row);
      if (from.kind == ColumnKind::number) {
        made.numbers.push_back(row < 0 ? std::numeric_limits<double>::quiet_NaN() : from.numbers[at]);
      } else {
        made.codes.push_back(row < 0 ? -1 : from.codes[at]);
      }
    }
    left.add(std::move(made));
  }
  if (report.unmatched > 0) left.notes.push_back(left.source + ": " + report.message(key, right.source));
  return report;
}

}  // namespace espalier
