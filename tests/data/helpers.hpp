// SPDX-License-Identifier: Apache-2.0
// Shared helpers of the data tests.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/data/csv.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/table.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier_test {

/// The message of the `Exception` that `action` throws, or "no error"; the test fails if it has
/// more than one line.
template <class Exception, class Action>
std::string failure(Action&& action) {
  try {
    action();
  } catch (const Exception& error) {
    const std::string text = error.what();
    CHECK(text.find('\n') == std::string::npos);
    return text;
  }
  return "no error";
}

/// A cell as text; "–" if missing.
inline std::string cell(const espalier::Column& column, espalier::Index row) {
  if (column.kind == espalier::ColumnKind::text) {
    return column.codes[static_cast<std::size_t>(row)] < 0 ? "–" : std::string(column.at(row));
  }
  const double value = column.numbers[static_cast<std::size_t>(row)];
  return std::isnan(value) ? "–" : espalier::number_text(value);
}

/// A column's cells as text, separated by spaces: "1 2 –".
inline std::string cells(const espalier::Table& table, std::string_view name) {
  const espalier::Column& column = table.column(name);
  std::string text;
  for (espalier::Index row = 0; row < column.size(); ++row)
    text += (row > 0 ? " " : "") + cell(column, row);
  return text;
}

/// The complete content of a table as text: names, kinds, cells, dictionaries, notes, the origin of
/// each row.
inline std::string dump(const espalier::Table& table) {
  std::string text = table.source + "\n";
  for (const espalier::Column& c : table.columns()) {
    text += c.name + (c.kind == espalier::ColumnKind::text ? " text:" : " number:");
    for (const std::int32_t code : c.codes) text += " " + std::to_string(code);
    for (const double v : c.numbers) text += " " + espalier::number_text(v);
    for (const std::string& value : c.dictionary) text += " '" + value + "'";
    text += "\n";
  }
  for (espalier::Index row = 0; row < table.rows(); ++row) text += table.where(row) + " ";
  for (const std::string& note : table.notes) text += "\n" + note;
  return text;
}

inline espalier::CsvColumn number(std::string name) {
  return {std::move(name), espalier::ColumnKind::number};
}
inline espalier::CsvColumn text(std::string name) {
  return {std::move(name), espalier::ColumnKind::text};
}

/// The fields of a schema.
template <class... Fields>
inline constexpr std::array<espalier::FieldInfo, sizeof...(Fields)> fields{Fields::info()...};

/// One task per kind of label.
inline constexpr std::array<espalier::LabelInfo, 4> labels{
    {{"click", "click", espalier::LabelKind::binary, 0},
     {"watch", "seconds", espalier::LabelKind::real, 0},
     {"plays", "plays", espalier::LabelKind::count, 0},
     {"stars", "stars", espalier::LabelKind::classes, 5}}};

/// A data set with one column "x", from a table "log".
inline espalier::Dataset numbers(std::vector<double> values) {
  espalier::Table table;
  table.source = "log";
  table.add("x", values);
  return espalier::Dataset(std::move(table));
}

}  // namespace espalier_test
