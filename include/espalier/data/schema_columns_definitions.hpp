// SPDX-License-Identifier: Apache-2.0
// Definitions of schema_columns.hpp.
#pragma once

#include "espalier/data/schema_columns.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE std::string column_name(const FieldInfo& field, int i) {
  if (!field.is_numeric() && i == 1) return std::string(field.second_column);
  std::string name(field.column);
  return column_count(field) == 1 || !field.is_numeric() ? name : name + "_" + std::to_string(i);
}

ESPALIER_COLD ESPALIER_INLINE std::vector<CsvColumn> field_columns(const Schema& schema) {
  std::vector<CsvColumn> columns;
  std::unordered_map<std::string, std::size_t> places;
  const auto add = [&](std::string_view name, ColumnKind kind, bool infer = false) {
    const auto [place, is_new] = places.emplace(name, columns.size());
    if (is_new) {
      columns.push_back({std::string(name), kind, infer});
    } else if (kind == ColumnKind::number) {
      // If one field reads numbers, the column is numeric for all fields: 007 is 7. If the kind is
      // inferred, 007 stays text.
      CsvColumn& column = columns[place->second];
      column.infer = infer && (column.kind == ColumnKind::text || column.infer);
      column.kind = kind;
    }
  };
  for (const FieldInfo& f : schema.fields) {
    if (!f.history.exists()) {
      for (int i = 0; i < column_count(f); ++i)
        add(column_name(f, i), f.reads_numbers() ? ColumnKind::number : ColumnKind::text);
      continue;
    }
    for (const std::string_view key : f.history.keys) add(key, ColumnKind::text);
    if (!f.history.item.empty()) add(f.history.item, ColumnKind::text);
    const bool has_label = !f.history.label.empty();
    const std::string_view label = has_label ? f.history.label : f.history.where;
    if (!label.empty()) {
      add(label, ColumnKind::number);
      std::string& remedy = columns[places.at(std::string(label))].remedy;
      if (remedy.empty()) {
        remedy = "'" + std::string(f.name) + (has_label ? "' is a mean of it" : "' goes by it") +
                 ": of text derive a column of numbers, in the third argument of "
                 "read_csv<Model>";
      }
    }
    if (!f.history.day.empty()) add(f.history.day, ColumnKind::number, true);
    if (!f.history.time.empty()) add(f.history.time, ColumnKind::number, true);
  }
  return columns;
}

ESPALIER_INLINE std::vector<std::string> column_names(const Schema& schema) {
  std::vector<std::string> names;
  for (CsvColumn& column : field_columns(schema)) names.push_back(std::move(column.name));
  for (const LabelInfo& label : schema.labels) {
    if (std::find(names.begin(), names.end(), label.column) == names.end())
      names.emplace_back(label.column);
  }
  return names;
}

ESPALIER_COLD ESPALIER_INLINE CsvColumn csv_column(const LabelInfo& label) {
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

/// How the fields of a schema use a column.
struct ColumnUse {
  bool of_row = false;    ///< read directly from the row
  bool goes_by = false;   ///< key, day, time or item of a history input or an input with Folds
  bool averaged = false;  ///< averaged by such an input, as a label, or the condition of past items
};

[[nodiscard]] ESPALIER_COLD inline ColumnUse use_of(const Schema& schema, std::string_view column) {
  ColumnUse use;
  for (const FieldInfo& f : schema.fields) {
    const HistoryInfo& h = f.history;
    for (int i = 0; !h.exists() && i < column_count(f); ++i)
      use.of_row = use.of_row || column_name(f, i) == column;
    use.goes_by = use.goes_by || h.day == column || h.time == column || h.item == column ||
                  std::find(h.keys.begin(), h.keys.end(), column) != h.keys.end();
    use.averaged = use.averaged || h.label == column || h.where == column;
  }
  return use;
}

ESPALIER_COLD ESPALIER_INLINE bool can_be_derived(const Schema& schema, std::string_view column) {
  const ColumnUse use = use_of(schema, column);
  const auto is_label = [&](const LabelInfo& label) { return label.column == column; };
  return !use.of_row && (use.goes_by || use.averaged ||
                         std::any_of(schema.labels.begin(), schema.labels.end(), is_label));
}

ESPALIER_COLD ESPALIER_INLINE bool is_known_later(const Schema& schema, std::string_view column) {
  const ColumnUse use = use_of(schema, column);
  return use.averaged && !use.of_row && !use.goes_by;
}

ESPALIER_COLD ESPALIER_INLINE std::vector<CsvColumn> csv_columns(
    const Schema& schema, const std::vector<CsvColumn>& also) {
  std::vector<CsvColumn> columns = field_columns(schema);
  const auto of_fields = static_cast<std::ptrdiff_t>(columns.size());
  std::unordered_map<std::string, std::ptrdiff_t> places;
  for (const CsvColumn& column : columns)
    places.emplace(column.name, std::ptrdiff_t(places.size()));
  const auto add = [&](CsvColumn column) {
    const auto [place, is_new] = places.emplace(column.name, std::ptrdiff_t(columns.size()));
    if (is_new) {
      columns.push_back(std::move(column));
    } else if (column.kind == ColumnKind::text && place->second >= of_fields) {
      // Two tasks share the column: numbers can be parsed from text.
      columns[static_cast<std::size_t>(place->second)] = std::move(column);
    }
  };
  for (const LabelInfo& label : schema.labels) add(csv_column(label));
  const auto of_model = static_cast<std::ptrdiff_t>(columns.size());
  for (const CsvColumn& column : also) {
    const auto known = places.find(column.name);
    const bool is_text = known != places.end() && known->second < of_model &&
                         columns[static_cast<std::size_t>(known->second)].kind == ColumnKind::text;
    if (column.kind == ColumnKind::number && is_text) {
      throw_error<ConfigError>(
          {"columns: '", column.name,
           "' is asked for as numbers, but the model reads it as text; expected "
           "text, or a column of another name"});
    }
    add(column);
  }
  return columns;
}

}  // namespace espalier
