// SPDX-License-Identifier: Apache-2.0
// A short text that identifies the rows of a dataset and their content; a search recognizes its
// data by it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier::search {

/// "events.csv, 1000 rows (6f1d…)": covers the row numbers and their values in every column,
/// independent of the order of the columns. Covers all columns, because the options of a trial may
/// name columns that the model does not use: weights, groups.
[[nodiscard]] ESPALIER_COLD inline std::string fingerprint(const Dataset& data) {
  std::uint64_t rows = 0, columns = 0;
  for (const std::int32_t row : data.rows()) rows = mix(rows, static_cast<std::uint64_t>(row));
  for (const Column& column : data.table().columns()) {
    std::uint64_t hash = mix(rows, hash_text(column.name));
    std::vector<std::uint64_t> texts;
    for (const std::string& text : column.dictionary) texts.push_back(hash_text(text));
    for (const std::int32_t row : data.rows()) {
      const auto r = static_cast<std::size_t>(row);
      std::uint64_t value = 1;
      if (column.kind == ColumnKind::number) {
        const double number = column.numbers[r];
        if (number == number) value = std::bit_cast<std::uint64_t>(number);
      } else if (column.codes[r] >= 0) {
        value = texts[static_cast<std::size_t>(column.codes[r])];
      }
      hash = mix(hash, value);
    }
    columns += hash;
  }
  char text[24];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(mix(rows, columns)));
  return data.table().source + ", " + std::to_string(data.size()) + " rows (" + text + ")";
}

}  // namespace espalier::search
