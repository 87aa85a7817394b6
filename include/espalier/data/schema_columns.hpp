// SPDX-License-Identifier: Apache-2.0
// The columns that a schema reads: what they are called, of which kind, in which order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_options.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// Columns of a field: a vector's numbers stand in one each.
[[nodiscard]] constexpr int column_count(const FieldInfo& field) {
  return field.is_numeric() ? field.width : field.second_column.empty() ? 1 : 2;
}

/// "age"; "embedding_0", "embedding_1", … for a vector.
[[nodiscard]] ESPALIER_COLD inline std::string column_name(const FieldInfo& field, int i) {
  if (!field.is_numeric() && i == 1) return std::string(field.second_column);
  std::string name(field.column);
  return column_count(field) == 1 || !field.is_numeric() ? name : name + "_" + std::to_string(i);
}

/// What a schema reads of a table before inputs of the rows before are added to it, in the order of the fields, each column once.
[[nodiscard]] ESPALIER_COLD inline std::vector<CsvColumn> field_columns(const Schema& schema) {
  std::vector<CsvColumn> columns;
  std::unordered_map<std::string, std::size_t> places;
  const auto add = [&](std::string_view name, ColumnKind kind, bool infer = false) {
    const auto [place, is_new] = places.emplace(name, columns.size());
    if (is_new) {
      columns.push_back({std::string(name), kind, infer});
    } else if (kind == ColumnKind::number) {  // what is a number to one is one to all: 007 is 7; found out, it stays 007
      CsvColumn& column = columns[place->second];
      column.infer = infer && (column.kind == ColumnKind::text || column.infer);
      column.kind = kind;
    }
  };
  for (const FieldInfo& f : schema.fields) {
    if (!f.history.exists()) {
      for (int i = 0; i < column_count(f); ++i) add(column_name(f, i), f.reads_numbers() ? ColumnKind::number : ColumnKind::text);
      continue;
    }
    for (const std::string_view key : f.history.keys) add(key, ColumnKind::text);
    if (!f.history.label.empty()) {
      add(f.history.label, ColumnKind::number);
      std::string& remedy = columns[places.at(std::string(f.history.label))].remedy;
      if (remedy.empty()) {
        remedy = "'" + std::string(f.name) + "' is a mean of it: of text derive a column of numbers, in the third argument of read_csv<Model>";
      }
    }
    if (!f.history.day.empty()) add(f.history.day, ColumnKind::number, true);
    if (!f.history.time.empty()) add(f.history.time, ColumnKind::number, true);
  }
  return columns;
}

/// The names of a schema's columns as a matrix has them: the fields in order, then the labels in order, each column once.
[[nodiscard]] inline std::vector<std::string> column_names(const Schema& schema) {
  std::vector<std::string> names;
  for (CsvColumn& column : field_columns(schema)) names.push_back(std::move(column.name));
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

/// How the fields of a schema read a column.
struct ColumnUse {
  bool of_row = false;   ///< as it stands in the row
  bool goes_by = false;  ///< inputs of the rows before, as a key, a day or a time
  bool averaged = false; ///< such inputs, as a label
};

[[nodiscard]] ESPALIER_COLD inline ColumnUse use_of(const Schema& schema, std::string_view column) {
  ColumnUse use;
  for (const FieldInfo& f : schema.fields) {
    const HistoryInfo& h = f.history;
    for (int i = 0; !h.exists() && i < column_count(f); ++i) use.of_row = use.of_row || column_name(f, i) == column;
    use.goes_by = use.goes_by || h.day == column || h.time == column || std::find(h.keys.begin(), h.keys.end(), column) != h.keys.end();
    use.averaged = use.averaged || h.label == column;
  }
  return use;
}

/// Whether a column may be made of others after reading: a label, or what inputs of the rows before go by, and no other field.
[[nodiscard]] ESPALIER_COLD inline bool can_be_derived(const Schema& schema, std::string_view column) {
  const ColumnUse use = use_of(schema, column);
  const auto is_label = [&](const LabelInfo& label) { return label.column == column; };
  return !use.of_row && (use.goes_by || use.averaged || std::any_of(schema.labels.begin(), schema.labels.end(), is_label));
}

/// Whether a column is a label that inputs of the rows before go by, and no field reads anything else of it.
[[nodiscard]] ESPALIER_COLD inline bool is_known_later(const Schema& schema, std::string_view column) {
  const ColumnUse use = use_of(schema, column);
  return use.averaged && !use.of_row && !use.goes_by;
}

/// What a schema's columns are: numbers for numeric fields and most labels, text for the rest. `also` are further columns to
/// read (a time to split by, a user to group by). Throws ConfigError where one is asked for as numbers that the model has as
/// text: what 007 is must not depend on who reads it.
[[nodiscard]] ESPALIER_COLD inline std::vector<CsvColumn> csv_columns(
    const Schema& schema, const std::vector<CsvColumn>& also = {}) {
  std::vector<CsvColumn> columns = field_columns(schema);
  const auto of_fields = static_cast<std::ptrdiff_t>(columns.size());
  std::unordered_map<std::string, std::ptrdiff_t> places;
  for (const CsvColumn& column : columns) places.emplace(column.name, std::ptrdiff_t(places.size()));
  const auto add = [&](CsvColumn column) {
    const auto [place, is_new] = places.emplace(column.name, std::ptrdiff_t(columns.size()));
    if (is_new) {
      columns.push_back(std::move(column));
    } else if (column.kind == ColumnKind::text && place->second >= of_fields) {
      columns[static_cast<std::size_t>(place->second)] = std::move(column);  // of two tasks: numbers can be read from text
    }
  };
  for (const LabelInfo& label : schema.labels) add(csv_column(label));
  const auto of_model = static_cast<std::ptrdiff_t>(columns.size());
  for (const CsvColumn& column : also) {
    const auto known = places.find(column.name);
    const bool is_text = known != places.end() && known->second < of_model &&
                         columns[static_cast<std::size_t>(known->second)].kind == ColumnKind::text;
    if (column.kind == ColumnKind::number && is_text) {
      throw_error<ConfigError>({"columns: '", column.name, "' is asked for as numbers, but the model reads it as text; expected "
                                "text, or a column of another name"});
    }
    add(column);
  }
  return columns;
}

}  // namespace espalier
