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

/// The names of a schema's columns as a matrix has them: the fields in order, then the labels in order, each column once.
[[nodiscard]] inline std::vector<std::string> column_names(const Schema& schema) {
  std::vector<std::string> names;
  for (const FieldInfo& f : schema.fields) {
    for (int i = 0; i < column_count(f); ++i) names.push_back(column_name(f, i));
  }
  for (const LabelInfo& label : schema.labels) {
    if (std::find(names.begin(), names.end(), label.column) == names.end()) names.emplace_back(label.column);
  }
  return names;
}

/// How the labels of a task are read: as text where its rule asks for texts, as what they are where classes may have names.
[[nodiscard]] ESPALIER_COLD inline CsvColumn csv_column(const LabelInfo& label) {
  CsvColumn column{std::string(label.column)};
  if (label.is_text()) return column;
  column.kind = ColumnKind::number;
  column.infer = label.kind == LabelKind::classes;
  column.remedy = "it is the label of task '" + std::string(label.name) + "'";
  if (label.kind == LabelKind::binary && label.rule == LabelRule::value) {
    column.remedy += ": Label<\"" + column.name + "\", Equals<\"…\">> makes labels of text";
  } else {
    column.remedy += ": CsvOptions::missing says what stands for no value";
  }
  return column;
}

/// What a schema's columns are: numbers for numeric fields and most labels, text for the rest. `also` are further columns to
/// read (a time to split by, a user to group by). Throws ConfigError where one is asked for as numbers that the model has as
/// text: what 007 is must not depend on who reads it.
[[nodiscard]] ESPALIER_COLD inline std::vector<CsvColumn> csv_columns(
    const Schema& schema, const std::vector<CsvColumn>& also = {}) {
  std::vector<CsvColumn> columns;
  std::size_t of_fields = 0;
  const auto add = [&](CsvColumn column) {
    const auto same = [&](const CsvColumn& c) { return c.name == column.name; };
    const auto known = std::find_if(columns.begin(), columns.end(), same);
    if (known == columns.end()) {
      columns.push_back(std::move(column));
    } else if (column.kind == ColumnKind::text && known - columns.begin() >= static_cast<std::ptrdiff_t>(of_fields)) {
      *known = std::move(column);  // of two tasks: numbers can be read from text
    }
  };
  for (const FieldInfo& f : schema.fields) {
    const ColumnKind kind = f.is_numeric() ? ColumnKind::number : ColumnKind::text;
    for (int i = 0; i < column_count(f); ++i) add({column_name(f, i), kind, false, {}});
  }
  of_fields = columns.size();
  for (const LabelInfo& label : schema.labels) add(csv_column(label));
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
