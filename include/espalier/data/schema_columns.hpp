// SPDX-License-Identifier: Apache-2.0
// The columns that a schema reads: what they are called, of which kind, in which order.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_options.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// Columns of a field: a vector's numbers stand in one each.
[[nodiscard]] constexpr int column_count(const FieldInfo& field) { return field.is_numeric() ? field.width : 1; }

/// "age"; "embedding_0", "embedding_1", … for a vector.
[[nodiscard]] ESPALIER_COLD inline std::string column_name(const FieldInfo& field, int i) {
  std::string name(field.name);
  return column_count(field) == 1 ? name : name + "_" + std::to_string(i);
}

/// The names of a schema's columns as a matrix has them: the fields in order, then the labels in order.
[[nodiscard]] inline std::vector<std::string> column_names(const Schema& schema) {
  std::vector<std::string> names;
  for (const FieldInfo& f : schema.fields) {
    for (int i = 0; i < column_count(f); ++i) names.push_back(column_name(f, i));
  }
  for (const LabelInfo& label : schema.labels) names.emplace_back(label.column);
  return names;
}

/// What a schema's columns are: numbers for numeric fields and labels, text for the rest. `also` are further columns to
/// read (a time to split by, a user to group by). Throws ConfigError where one is asked for as numbers that the model has as
/// text: what 007 is must not depend on who reads it.
[[nodiscard]] ESPALIER_COLD inline std::vector<CsvColumn> csv_columns(
    const Schema& schema, const std::vector<CsvColumn>& also = {}) {
  std::vector<CsvColumn> columns;
  const auto add = [&](CsvColumn column) {
    const auto same = [&](const CsvColumn& c) { return c.name == column.name; };
    if (std::none_of(columns.begin(), columns.end(), same)) columns.push_back(std::move(column));
  };
  for (const FieldInfo& f : schema.fields) {
    const ColumnKind kind = f.is_numeric() ? ColumnKind::number : ColumnKind::text;
    for (int i = 0; i < column_count(f); ++i) add({column_name(f, i), kind});
  }
  for (const LabelInfo& label : schema.labels) add({std::string(label.column), ColumnKind::number});
  const std::vector<CsvColumn> of_model = columns;
  for (const CsvColumn& column : also) {
    const auto is_text = [&](const CsvColumn& c) { return c.name == column.name && c.kind == ColumnKind::text; };
    if (column.kind == ColumnKind::number && std::any_of(of_model.begin(), of_model.end(), is_text)) {
      throw_error<ConfigError>({"columns: '", column.name, "' is asked for as numbers, but the model reads it as text; expected "
                                "text, or a column of another name"});
    }
    add(column);
  }
  return columns;
}

}  // namespace espalier
