// SPDX-License-Identifier: Apache-2.0
// Definitions of negative_sampling.hpp.
#pragma once

#include "espalier/data/negative_sampling.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier {

namespace negative_sampling_detail {

/// A set of (user, item) pairs. Open addressing, at most half full.
class PairSet {
 public:
  void insert(std::uint64_t pair) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    std::uint64_t& slot = slots_[place(slots_, pair)];
    size_ += slot == none ? 1 : 0;
    slot = pair;
  }
  [[nodiscard]] bool contains(std::uint64_t pair) const {
    return !slots_.empty() && slots_[place(slots_, pair)] == pair;
  }

 private:
  static constexpr std::uint64_t none = ~std::uint64_t{0};  // not a pair: codes are not negative

  [[nodiscard]] static std::size_t place(const std::vector<std::uint64_t>& slots,
                                         std::uint64_t pair) {
    const std::size_t mask = slots.size() - 1;
    std::size_t at = mix(pair) & mask;
    while (slots[at] != none && slots[at] != pair) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<std::uint64_t> larger(slots_.empty() ? 64 : 2 * slots_.size(), none);
    for (const std::uint64_t pair : slots_) {
      if (pair != none) larger[place(larger, pair)] = pair;
    }
    slots_ = std::move(larger);
  }

  std::vector<std::uint64_t> slots_;
  std::size_t size_ = 0;
};

/// Draws items that a user does not have yet.
class Sampler {
 public:
  /// `weights`: one per item, not all 0. Must outlive this object.
  explicit Sampler(const std::vector<double>& weights)
      : weights_(weights), all_(range(weights.size())) {}

  void take(std::int32_t user, std::int32_t item) { taken_.insert(pair(user, item)); }

  /// Returns −1 if the user has all items.
  std::int32_t draw(std::int32_t user, Random& random) {
    constexpr int tries = 20;  // almost always enough; otherwise the user's other items are listed
    for (int attempt = 0; attempt < tries; ++attempt) {
      const std::int32_t item = all_.draw(random);
      if (!taken_.contains(pair(user, item))) return item;
    }
    const auto [at, fresh] = rest_.try_emplace(user);
    if (fresh) {
      for (const std::int32_t item : all_.items) {
        if (!taken_.contains(pair(user, item)))
          at->second.add(item, weights_[static_cast<std::size_t>(item)]);
      }
    }
    return at->second.items.empty() ? -1 : at->second.draw(random);
  }

 private:
  /// Items and the running sums of their weights.
  struct Choice {
    std::vector<std::int32_t> items;
    std::vector<double> sums;

    void add(std::int32_t item, double weight) {
      items.push_back(item);
      sums.push_back((sums.empty() ? 0 : sums.back()) + weight);
    }
    [[nodiscard]] std::int32_t draw(Random& random) const {
      const auto at =
          std::upper_bound(sums.begin(), sums.end() - 1, random.uniform() * sums.back());
      return items[static_cast<std::size_t>(at - sums.begin())];
    }
  };

  [[nodiscard]] static std::uint64_t pair(std::int32_t user, std::int32_t item) {
    return static_cast<std::uint64_t>(user) << 32U | static_cast<std::uint32_t>(item);
  }

  [[nodiscard]] Choice range(std::size_t items) const {
    Choice choice;
    for (std::size_t i = 0; i < items; ++i) {
      if (weights_[i] > 0) choice.add(static_cast<std::int32_t>(i), weights_[i]);
    }
    return choice;
  }

  const std::vector<double>& weights_;
  Choice all_;
  PairSet taken_;
  std::unordered_map<std::int32_t, Choice> rest_;
};

/// The code in `to` of each value of `from`; −1 if `to` does not have it.
[[nodiscard]] inline std::vector<std::int32_t> translated(const Column& from, const Column& to) {
  Dictionary dictionary;
  for (const std::string& value : to.dictionary) static_cast<void>(dictionary.code(value));
  std::vector<std::int32_t> codes;
  for (const std::string& value : from.dictionary) codes.push_back(dictionary.find(value));
  return codes;
}

ESPALIER_COLD inline void check(const Table& positives, const NegativeSamplingOptions& options) {
  if (options.per_positive < 0) {
    throw_error<ConfigError>({"per_positive is ", options.per_positive, ", expected 0 or more"});
  }
  if (!(options.popularity >= 0 && options.popularity <= 10)) {
    throw_error<ConfigError>(
        {"popularity is ", number_text(options.popularity), ", expected 0 to 10"});
  }
  if (options.user == options.item) {
    throw_error<ConfigError>(
        {"user and item are both the column '", options.user, "', expected two columns"});
  }
  if (positives.has(options.label)) {
    throw_error<ConfigError>({"label is '", options.label, "', expected a name that ",
                              positives.source, " does not have"});
  }
  for (const std::string& name : options.keep) static_cast<void>(positives.column(name));
}

}  // namespace negative_sampling_detail

ESPALIER_INLINE Table sample_negatives(const Table& positives,
                                       const NegativeSamplingOptions& options, const Table* known) {
  using namespace negative_sampling_detail;
  check(positives, options);
  Column made_users, made_items;
  const Column& users = positives.as_keys(options.user, made_users);
  const Column& items = positives.as_keys(options.item, made_items);
  std::vector<double> weights(items.dictionary.size(), 0.0);
  for (const std::int32_t item : items.codes) {
    if (item >= 0) ++weights[static_cast<std::size_t>(item)];
  }
  for (double& weight : weights) weight = weight > 0 ? std::pow(weight, options.popularity) : 0;
  Sampler sampler(weights);
  for (std::size_t i = 0; i < users.codes.size(); ++i) {
    if (users.codes[i] >= 0 && items.codes[i] >= 0) sampler.take(users.codes[i], items.codes[i]);
  }
  if (known != nullptr) {
    Column made_known_users, made_known_items;
    const Column& known_users = known->as_keys(options.user, made_known_users);
    const Column& known_items = known->as_keys(options.item, made_known_items);
    const auto user_codes = translated(known_users, users),
               item_codes = translated(known_items, items);
    for (std::size_t i = 0; i < known_users.codes.size(); ++i) {
      if (known_users.codes[i] < 0 || known_items.codes[i] < 0) continue;
      const std::int32_t user = user_codes[static_cast<std::size_t>(known_users.codes[i])];
      const std::int32_t item = item_codes[static_cast<std::size_t>(known_items.codes[i])];
      if (user >= 0 && item >= 0) sampler.take(user, item);
    }
  }

  std::vector<std::size_t> from;      // the positive's row
  std::vector<std::int32_t> sampled;  // −1: the positive itself; otherwise the sampled item
  Index without = 0;
  for (std::size_t row = 0; row < users.codes.size(); ++row) {
    from.push_back(row);
    sampled.push_back(-1);
    if (users.codes[row] < 0 || items.codes[row] < 0) continue;
    Random random(options.seed, row);
    for (int n = 0; n < options.per_positive; ++n) {
      const std::int32_t item = sampler.draw(users.codes[row], random);
      if (item < 0) {
        ++without;
        break;
      }
      from.push_back(row);
      sampled.push_back(item);
    }
  }

  Table made;
  made.source = positives.source + " with negatives";
  made.notes = positives.notes;
  if (without > 0) {
    made.notes.push_back(positives.source + ": " + std::to_string(without) +
                         " rows have no negatives: their users have every item");
  }
  for (const Column& c : positives.columns()) {
    const bool is_item = c.name == options.item;
    const bool copied =
        c.name == options.user ||
        std::find(options.keep.begin(), options.keep.end(), c.name) != options.keep.end();
    const Column& source = is_item ? items : c;  // items as text: the sampled items are its codes
    Column column = source.without_rows();
    for (std::size_t i = 0; i < from.size(); ++i) {
      const bool negative = sampled[i] >= 0;
      if (source.kind == ColumnKind::number) {
        column.numbers.push_back(negative && !copied ? std::numeric_limits<double>::quiet_NaN()
                                                     : source.numbers[from[i]]);
      } else if (negative && is_item) {
        column.codes.push_back(sampled[i]);
      } else {
        column.codes.push_back(negative && !copied ? -1 : source.codes[from[i]]);
      }
    }
    made.add(std::move(column));
  }
  std::vector<double> label;
  label.reserve(sampled.size());
  for (const std::int32_t item : sampled) label.push_back(item < 0 ? 1 : 0);
  made.add(Column::number(options.label, std::move(label)));
  return made;
}

}  // namespace espalier
