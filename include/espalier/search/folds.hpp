// SPDX-License-Identifier: Apache-2.0
// A data set cut into folds, and told from another by its content.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier::search {

/// The rows to learn from and those to score.
struct TrainValid {
  Dataset train, valid;
};

/// `k` ways to leave out one part of `k`; each row is left out once, with its repetitions where the
/// data has it several times. Parts have as many different rows, up to one, drawn by `seed`; or,
/// with a column `by` (a user, say), all rows of one value are in one part, by a hash of the value,
/// and sizes are near each other. Throws ConfigError, DataError.
[[nodiscard]] ESPALIER_COLD inline std::vector<TrainValid> folds_of(const Dataset& data, int k,
                                                                    std::uint64_t seed = 1,
                                                                    const std::string& by = {}) {
  std::vector<std::int32_t> order = data.rows();
  std::sort(order.begin(), order.end());
  order.erase(std::unique(order.begin(), order.end()), order.end());
  if (k < 2 || k > static_cast<Index>(order.size())) {
    throw_error<ConfigError>({"cross-validation: folds is ", k, ", expected 2 to ", order.size(),
                              ", the number of different rows"});
  }
  const auto parts = static_cast<std::uint64_t>(k);
  std::vector<std::int32_t> part(static_cast<std::size_t>(data.table().rows()), -1);
  if (by.empty()) {
    espalier::Random(seed, 12).shuffle(order);
    for (std::size_t i = 0; i < order.size(); ++i)
      part[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i % parts);
  } else {
    Column made;
    const Column& key = data.table().as_keys(by, made);
    std::vector<std::int32_t> of_code;
    for (const std::string& value : key.dictionary)
      of_code.push_back(static_cast<std::int32_t>(mix(seed, hash_text(value)) % parts));
    const auto missing = static_cast<std::int32_t>(mix(seed, hash_text({})) % parts);
    for (std::size_t row = 0; row < part.size(); ++row)
      part[row] = key.codes[row] < 0 ? missing : of_code[static_cast<std::size_t>(key.codes[row])];
  }
  std::vector<TrainValid> folds;
  for (std::int32_t fold = 0; fold < k; ++fold) {
    auto split = data.split_by(
        [&](Index row) { return part[static_cast<std::size_t>(row)] == fold ? 1 : 0; });
    if (split[0].size() == 0 || split[1].size() == 0) {
      throw_error<ConfigError>({"cross-validation: fold ", fold, " of ", k, " has ",
                                split[1].size(), " of ", data.size(), " rows: column '", by,
                                "' has too few values, expected fewer folds"});
    }
    folds.push_back({std::move(split[0]), std::move(split[1])});
  }
  return folds;
}

/// "events.csv, 1000 rows (6f1d…)": rows and what they hold in the columns that a model reads.
[[nodiscard]] ESPALIER_COLD inline std::string fingerprint(const Dataset& data,
                                                           const Schema& schema) {
  std::uint64_t hash = 0;
  const auto add = [&](std::uint64_t value) { hash = mix(hash, value); };
  for (const std::int32_t row : data.rows()) add(static_cast<std::uint64_t>(row));
  const auto add_column = [&](const Column& column) {
    add(hash_text(column.name));
    std::vector<std::uint64_t> texts;
    for (const std::string& text : column.dictionary) texts.push_back(hash_text(text));
    for (const std::int32_t row : data.rows()) {
      const auto r = static_cast<std::size_t>(row);
      if (column.kind == ColumnKind::number) {
        const double value = column.numbers[r];
        add(value == value ? std::bit_cast<std::uint64_t>(value) : 1);
      } else {
        add(column.codes[r] < 0 ? 1 : texts[static_cast<std::size_t>(column.codes[r])]);
      }
    }
  };
  const Table& table = data.table();
  for (const FieldInfo& f : schema.fields) {
    const std::string name(f.name);
    if (!f.is_numeric() || f.width == 1) {
      add_column(table.column(name));
    } else {
      for (int i = 0; i < f.width; ++i) add_column(table.column(name + "_" + std::to_string(i)));
    }
  }
  for (const LabelInfo& label : schema.labels) add_column(table.column(label.column));
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return table.source + ", " + std::to_string(data.size()) + " rows (" + text + ")";
}

}  // namespace espalier::search
