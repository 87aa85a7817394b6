// SPDX-License-Identifier: Apache-2.0
// Negative sampling for implicit feedback: what a user did, beside items with which the user did nothing.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

struct NegativeSamplingOptions {
  std::string user = "user";
  std::string item = "item";
  std::string label = "label";      ///< the column that is added: 1 for what happened, 0 for what was sampled
  int per_positive = 4;             ///< negatives for each row
  double popularity = 0;            ///< items are drawn ∝ (their rows)^popularity: 0 evenly, 1 as they occur
  std::vector<std::string> keep{};  ///< columns that a negative takes over from its positive (a time, say)
  std::uint64_t seed = 1;
};

/// The rows of `positives`, each followed by `per_positive` rows of the same user with items that this user has nowhere in
/// `positives` nor in `known` (the whole history, where `positives` is a part of it). Columns other than user, item,
/// label and `keep` are missing in negatives. A user who has nearly every item gets fewer: draws are given up after a
/// hundred tries. Rows without user or item have no negatives. The result depends on the seed and the row alone.
/// Expected O(rows · per_positive). Throws ConfigError, DataError.
[[nodiscard]] inline Table sample_negatives(const Table& positives, const NegativeSamplingOptions& options,
                                            const Table* known = nullptr) {
  if (options.per_positive < 0) {
    throw ConfigError("per_positive is " + std::to_string(options.per_positive) + ", expected 0 or more");
  }
  if (!(options.popularity >= 0 && options.popularity <= 10)) {
    throw ConfigError("popularity is " + number_text(options.popularity) + ", expected 0 to 10");
  }
  const Column users = positives.as_text(options.user), items = positives.as_text(options.item);
  const auto pair = [](std::int32_t user, std::int32_t item) {
    return static_cast<std::uint64_t>(user) << 32U | static_cast<std::uint32_t>(item);
  };
  std::unordered_set<std::uint64_t> taken;
  std::vector<double> counts(items.dictionary.size(), 0.0);
  for (std::size_t i = 0; i < users.codes.size(); ++i) {
    if (items.codes[i] >= 0) ++counts[static_cast<std::size_t>(items.codes[i])];
    if (users.codes[i] >= 0 && items.codes[i] >= 0) taken.insert(pair(users.codes[i], items.codes[i]));
  }
  if (known != nullptr) {
    const Column more_users = known->as_text(options.user), more_items = known->as_text(options.item);
    const auto translated = [](const Column& from, const Column& to) {
      Dictionary dictionary;
      for (const std::string& value : to.dictionary) static_cast<void>(dictionary.code(value));
      std::vector<std::int32_t> codes;
      for (const std::string& value : from.dictionary) codes.push_back(dictionary.find(value));
      return codes;
    };
    const auto user_codes = translated(more_users, users), item_codes = translated(more_items, items);
    for (std::size_t i = 0; i < more_users.codes.size(); ++i) {
      if (more_users.codes[i] < 0 || more_items.codes[i] < 0) continue;
      const std::int32_t user = user_codes[static_cast<std::size_t>(more_users.codes[i])];
      const std::int32_t item = item_codes[static_cast<std::size_t>(more_items.codes[i])];
      if (user >= 0 && item >= 0) taken.insert(pair(user, item));
    }
  }
  std::vector<double> cumulative;
  double total = 0;
  for (const double count : counts) cumulative.push_back(total += count > 0 ? std::pow(count, options.popularity) : 0);

  constexpr int tries = 100;
  std::vector<std::size_t> from;      // the positive's row
  std::vector<std::int32_t> sampled;  // −1: the positive itself, else the item
  for (std::size_t row = 0; row < users.codes.size(); ++row) {
    from.push_back(row);
    sampled.push_back(-1);
    if (users.codes[row] < 0 || items.codes[row] < 0) continue;
    Random random(options.seed, row);
    for (int n = 0; n < options.per_positive; ++n) {
      for (int attempt = 0; attempt < tries; ++attempt) {
        const auto at = std::upper_bound(cumulative.begin(), cumulative.end(), random.uniform() * total);
        const auto item = static_cast<std::int32_t>((std::min)(at, cumulative.end() - 1) - cumulative.begin());
        if (taken.contains(pair(users.codes[row], item))) continue;
        from.push_back(row);
        sampled.push_back(item);
        break;
      }
    }
  }

  Table made;
  made.source = positives.source;
  made.notes = positives.notes;
  for (const Column& c : positives.columns()) {
    const bool is_item = c.name == options.item;
    const bool copied = c.name == options.user ||
                        std::find(options.keep.begin(), options.keep.end(), c.name) != options.keep.end();
    const Column& source = is_item ? items : c;  // items as text: their codes are what was drawn
    Column column;
    column.name = c.name;
    column.kind = source.kind;
    column.dictionary = source.dictionary;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const bool negative = sampled[i] >= 0;
      if (source.kind == ColumnKind::number) {
        column.numbers.push_back(negative && !copied ? std::numeric_limits<double>::quiet_NaN() : source.numbers[from[i]]);
      } else if (negative && is_item) {
        column.codes.push_back(sampled[i]);
      } else {
        column.codes.push_back(negative && !copied ? -1 : source.codes[from[i]]);
      }
    }
    made.add(std::move(column));
  }
  std::vector<double> label;
  for (const std::int32_t item : sampled) label.push_back(item < 0 ? 1 : 0);
  made.add(Column::number(options.label, std::move(label)));
  for (const std::string& name : options.keep) static_cast<void>(positives.column(name));
  return made;
}

}  // namespace espalier
