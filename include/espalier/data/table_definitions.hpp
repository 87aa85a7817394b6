// SPDX-License-Identifier: Apache-2.0
// Definitions of table.hpp.
#pragma once

#include "espalier/data/table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE std::vector<std::int32_t> Table::row_numbers() const {
  if (rows() > std::numeric_limits<std::int32_t>::max())
    throw_error<DataError>({source, ": more than 2^31 − 1 rows"});
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(rows()));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

ESPALIER_COLD ESPALIER_INLINE std::string Table::where(Index row) const {
  return origins.find(row).value_or(source + ", row " + std::to_string(row + 1));
}

ESPALIER_COLD ESPALIER_INLINE void Table::add(Column column) {
  expect_free(column.name);
  if (!columns_.empty() && column.size() != rows()) {
    throw_error<DataError>(
        {source, ": column '", column.name, "' has ", column.size(), " rows, expected ", rows()});
  }
  const auto values = static_cast<std::int64_t>(column.dictionary.size());
  std::int32_t low = 0, high = -1;
  for (const std::int32_t code : column.codes) {
    low = (std::min)(low, code);
    high = (std::max)(high, code);
  }
  if (low < -1 || high >= values) {
    throw_error<DataError>({source, ": column '", column.name, "' has the code ",
                            low < -1 ? low : high, ", expected −1 (missing) to ", values - 1});
  }
  Dictionary distinct;
  for (const std::string& value : column.dictionary) {
    const std::size_t before = distinct.size();
    if (static_cast<std::size_t>(distinct.code(value)) == before) continue;
    throw_error<DataError>({source, ": column '", column.name, "' has '", value,
                            "' twice in its dictionary, expected once"});
  }
  columns_.add(std::move(column));
}

ESPALIER_COLD ESPALIER_INLINE const Column& Table::column(std::string_view name) const& {
  if (const Column* c = columns_.find(name)) return *c;
  std::string known;
  for (const Column& c : columns_) known += (known.empty() ? "'" : ", '") + c.name + "'";
  throw_error<DataError>(
      {source, ": no column '", name, "'; there are ", known.empty() ? "none" : known,
       origins.empty() ? "" : " (read were those that the model and CsvOptions::columns name)",
       hint});
}

ESPALIER_INLINE const std::vector<double>& Table::numbers(std::string_view name) const& {
  const Column& c = column(name);
  if (c.kind != ColumnKind::number) {
    throw_error<DataError>({source, ": column '", c.name, "' holds text, expected numbers",
                            c.text_because.empty() ? "" : "; ", c.text_because});
  }
  return c.numbers;
}

ESPALIER_INLINE const Column& Table::as_text(std::string_view name, Column& made) const& {
  const Column& c = column(name);
  if (c.kind == ColumnKind::text) return c;
  return made = text_of_numbers(c);
}

ESPALIER_INLINE const Column& Table::as_keys(std::string_view name, Column& made) const& {
  const Column& c = column(name);
  if (c.kind == ColumnKind::text) return keys_of(c, made);
  for (std::size_t i = 0; i < c.numbers.size(); ++i) {
    const double x = c.numbers[i];
    if (std::isnan(x) || is_exact(x, c.exact_below)) continue;
    throw_error<DataError>(
        {where(static_cast<Index>(i)), ": column '", c.name, "' is ", number_text(x),
         ", beyond ±2^", std::ilogb(c.exact_below),
         ", what its numbers are exact to; expected keys of so many digits as text"});
  }
  return made = text_of_numbers(c);
}

ESPALIER_INLINE const Column& Table::as_keys(std::string_view name, Column& made) && {
  Column own;
  return made = Column(std::as_const(*this).as_keys(name, own));
}

ESPALIER_INLINE Column Table::as_text(std::string_view name) const {
  Column made;
  return std::as_const(*this).as_text(name, made);
}

ESPALIER_INLINE Table Table::select(const std::vector<std::string>& names) const {
  Table made = like_this();
  made.origins = origins;
  for (const std::string& name : names) made.add(column(name));
  return made;
}

ESPALIER_INLINE Table Table::take(std::span<const std::int32_t> chosen) const {
  for (const std::int32_t row : chosen) {
    if (row < 0 || row >= rows()) {
      throw_error<DataError>({source, ": no row ", Index{row} + 1, ", expected 1 to ", rows()});
    }
  }
  Table made = like_this();
  made.origins = origins.take(chosen);
  for (const Column& c : columns_) {
    Column part = c.without_rows();
    pick(c.numbers, chosen, part.numbers);
    pick(c.codes, chosen, part.codes);
    made.add(std::move(part));
  }
  return made;
}

ESPALIER_INLINE void Table::rename(std::string_view from, std::string to) {
  static_cast<void>(column(from));
  if (to == from) return;
  expect_free(to);
  columns_.rename(from, std::move(to));
}

ESPALIER_INLINE void Table::append(const Table& other) {
  if (&other == this) {
    append(Table(other));
    return;
  }
  if (columns_.empty()) {
    columns_ = other.columns_;
    origins = other.origins;
    history = other.history;
    notes.insert(notes.end(), other.notes.begin(), other.notes.end());
    return;
  }
  if (other.columns_.size() != columns_.size()) {
    throw_error<DataError>({other.source, ": ", other.columns_.size(), " columns, expected ",
                            columns_.size(), " as in ", source});
  }
  for (const Column& c : columns_) {
    if (other.column(c.name).kind != c.kind) {
      throw_error<DataError>(
          {other.source, ": column '", c.name, "' is of another kind than in ", source});
    }
  }
  notes.insert(notes.end(), other.notes.begin(), other.notes.end());
  origins.append(rows(), other.origins);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& c = columns_[i];
    const Column& more = other.column(c.name);
    c.numbers.insert(c.numbers.end(), more.numbers.begin(), more.numbers.end());
    c.exact_below = (std::min)(c.exact_below, more.exact_below);
    Dictionary known;
    for (const std::string& value : c.dictionary) static_cast<void>(known.code(value));
    std::vector<std::int32_t> moved;
    for (const std::string& value : more.dictionary) moved.push_back(known.code(value));
    for (const std::int32_t code : more.codes)
      c.codes.push_back(code < 0 ? -1 : moved[static_cast<std::size_t>(code)]);
    c.dictionary = known.take();
  }
}

ESPALIER_INLINE void Table::expect_free(std::string_view name) const {
  if (has(name)) throw_error<DataError>({source, ": there already is a column '", name, "'"});
}

ESPALIER_INLINE Table Table::like_this() const {
  Table made;
  made.source = source;
  made.notes = notes;
  made.hint = hint;
  made.history = history;
  return made;
}

template <class T>
void Table::pick(const std::vector<T>& from, std::span<const std::int32_t> rows,
                 std::vector<T>& to) {
  if (from.empty()) return;
  to.reserve(rows.size());
  for (const std::int32_t row : rows) to.push_back(from[static_cast<std::size_t>(row)]);
}

}  // namespace espalier
