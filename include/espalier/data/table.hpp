// SPDX-License-Identifier: Apache-2.0
// `Table`: named columns of numbers or of text, all of one length.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

enum class ColumnKind : std::uint8_t { number, text };

/// One column. Numbers are doubles, NaN where missing. Text is a code for each row, −1 where missing, into a dictionary of
/// distinct values in order of first appearance.
struct Column {
  std::string name;
  ColumnKind kind = ColumnKind::number;
  std::vector<double> numbers;
  std::vector<std::int32_t> codes;
  std::vector<std::string> dictionary;

  [[nodiscard]] static Column number(std::string name, std::vector<double> values) {
    Column c;
    c.name = std::move(name);
    c.numbers = std::move(values);
    return c;
  }

  /// From one string a row; an empty string is a missing value.
  [[nodiscard]] static Column text(std::string name, const std::vector<std::string>& values) {
    Column c;
    c.name = std::move(name);
    c.kind = ColumnKind::text;
    std::unordered_map<std::string, std::int32_t> known;
    for (const std::string& v : values) {
      if (v.empty()) {
        c.codes.push_back(-1);
        continue;
      }
      const auto [at, fresh] = known.try_emplace(v, static_cast<std::int32_t>(c.dictionary.size()));
      if (fresh) c.dictionary.push_back(v);
      c.codes.push_back(at->second);
    }
    return c;
  }

  [[nodiscard]] Index size() const {
    return static_cast<Index>(kind == ColumnKind::number ? numbers.size() : codes.size());
  }

  /// A row's text; empty where missing. Only for text columns.
  [[nodiscard]] std::string_view at(Index row) const {
    const std::int32_t code = codes[static_cast<std::size_t>(row)];
    return code < 0 ? std::string_view() : std::string_view(dictionary[static_cast<std::size_t>(code)]);
  }
};

/// Columns of one length. `source` (a file's name) begins error messages.
class Table {
 public:
  std::string source = "table";
  std::vector<std::string> notes;  ///< what a reader or a join wants said: rows skipped, keys without a partner

  [[nodiscard]] Index rows() const { return columns_.empty() ? 0 : columns_[0].size(); }
  [[nodiscard]] const std::vector<Column>& columns() const { return columns_; }
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }

  /// Throws DataError when the name is taken or the length differs.
  void add(Column column) {
    if (has(column.name)) throw DataError(source + ": there already is a column '" + column.name + "'");
    if (!columns_.empty() && column.size() != rows()) {
      throw DataError(source + ": column '" + column.name + "' has " + std::to_string(column.size()) +
                      " rows, expected " + std::to_string(rows()));
    }
    columns_.push_back(std::move(column));
  }

  /// A column made from the others: `value(row)` for each row.
  template <class Function>
  void derive(std::string name, Function&& value) {
    std::vector<double> made(static_cast<std::size_t>(rows()));
    for (Index i = 0; i < rows(); ++i) made[static_cast<std::size_t>(i)] = static_cast<double>(value(i));
    add(Column::number(std::move(name), std::move(made)));
  }

  /// Throws DataError, naming the columns there are, when there is none of that name.
  [[nodiscard]] const Column& column(std::string_view name) const {
    if (const Column* c = find(name)) return *c;
    std::string known;
    for (const Column& c : columns_) known += (known.empty() ? "'" : ", '") + c.name + "'";
    throw DataError(source + ": no column '" + std::string(name) + "'; there are " + (known.empty() ? "none" : known));
  }

  /// The numbers of a column; throws DataError when it holds text.
  [[nodiscard]] const std::vector<double>& numbers(std::string_view name) const {
    const Column& c = column(name);
    if (c.kind != ColumnKind::number) throw DataError(source + ": column '" + c.name + "' holds text, expected numbers");
    return c.numbers;
  }

  /// A column as text: codes and dictionary. Numbers are written as text first ("3", "0.5").
  [[nodiscard]] Column as_text(std::string_view name) const;

  /// Keeps `names` only, in that order.
  [[nodiscard]] Table select(const std::vector<std::string>& names) const {
    Table made;
    made.source = source;
    for (const std::string& name : names) made.add(column(name));
    return made;
  }

  void rename(std::string_view from, std::string to) {
    static_cast<void>(column(from));
    if (has(to)) throw DataError(source + ": there already is a column '" + to + "'");
    for (Column& c : columns_) {
      if (c.name == from) c.name = std::move(to);
      if (c.name != from) continue;
      break;
    }
  }

  void remove(std::string_view name) {
    static_cast<void>(column(name));
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].name != name) continue;
      columns_.erase(columns_.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
  }

  /// The rows of `other` behind these; it must have the same columns.
  void append(const Table& other) {
    if (columns_.empty()) {
      columns_ = other.columns_;
      return;
    }
    if (other.columns_.size() != columns_.size()) {
      throw DataError(other.source + ": " + std::to_string(other.columns_.size()) + " columns, expected " +
                      std::to_string(columns_.size()) + " as in " + source);
    }
    for (Column& c : columns_) {
      const Column& more = other.column(c.name);
      if (more.kind != c.kind) throw DataError(other.source + ": column '" + c.name + "' is of another kind than in " + source);
      c.numbers.insert(c.numbers.end(), more.numbers.begin(), more.numbers.end());
      if (c.kind == ColumnKind::number) continue;
      std::unordered_map<std::string_view, std::int32_t> known;
      for (std::size_t i = 0; i < c.dictionary.size(); ++i) known.emplace(c.dictionary[i], static_cast<std::int32_t>(i));
      std::vector<std::int32_t> moved;
      std::vector<std::string> fresh;
      for (const std::string& v : more.dictionary) {
        const auto at = known.find(v);
        if (at != known.end()) {
          moved.push_back(at->second);
        } else {
          moved.push_back(static_cast<std::int32_t>(c.dictionary.size() + fresh.size()));
          fresh.push_back(v);
        }
      }
      c.dictionary.insert(c.dictionary.end(), fresh.begin(), fresh.end());
      for (const std::int32_t code : more.codes) c.codes.push_back(code < 0 ? -1 : moved[static_cast<std::size_t>(code)]);
    }
  }

 private:
  [[nodiscard]] const Column* find(std::string_view name) const {
    for (const Column& c : columns_) {
      if (c.name == name) return &c;
    }
    return nullptr;
  }

  std::vector<Column> columns_;
};

/// The shortest text that reads back as `value`: "3", "0.5".
[[nodiscard]] std::string number_text(double value);

}  // namespace espalier

#include <charconv>

namespace espalier {

inline std::string number_text(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return {text, end.ptr};
}

inline Column Table::as_text(std::string_view name) const {
  const Column& c = column(name);
  if (c.kind == ColumnKind::text) return c;
  Column made;
  made.name = c.name;
  made.kind = ColumnKind::text;
  std::unordered_map<double, std::int32_t> known;
  for (const double v : c.numbers) {
    if (std::isnan(v)) {
      made.codes.push_back(-1);
      continue;
    }
    const auto [at, fresh] = known.try_emplace(v, static_cast<std::int32_t>(made.dictionary.size()));
    if (fresh) made.dictionary.push_back(number_text(v));
    made.codes.push_back(at->second);
  }
  return made;
}

}  // namespace espalier
