// SPDX-License-Identifier: Apache-2.0
// `Column`: the numbers or texts of one column, by row.
#pragma once

#include <cmath>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier {

enum class ColumnKind : std::uint8_t { number, text };

/// Character types: arithmetic, but not accepted as numbers. int8_t and uint8_t are accepted.
template <class T>
concept Character = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
    std::same_as<T, char16_t> || std::same_as<T, char32_t>;

/// A range that a numeric column can be made of; a bool is 0 or 1.
template <class Range>
concept NumberRange = requires(const Range& r) {
  requires std::is_arithmetic_v<std::remove_cvref_t<decltype(*r.begin())>>;
  requires !Character<std::remove_cvref_t<decltype(*r.begin())>>;
};
/// A range that a text column can be made of.
template <class Range>
concept TextRange = requires(const Range& r) {
  requires std::is_convertible_v<decltype(*r.begin()), std::string_view>;
};

/// One column. Numbers are doubles, NaN if missing. Text is one code per row, −1 if missing, into a
/// dictionary of distinct values in order of first appearance.
struct Column {
  std::string name;
  ColumnKind kind = ColumnKind::number;
  std::vector<double> numbers;
  std::vector<std::int32_t> codes;
  std::vector<std::string> dictionary;
  /// Integers from here on may have been rounded: 2^24 if they were floats.
  double exact_below = Json::max_integer;
  /// For a text column that a reader first took for numeric: which row and value changed that.
  std::string text_because{};

  [[nodiscard]] static Column number(std::string name, std::vector<double> values);

  /// From a span, vector, array, … of any number type; NaN is a missing value. Throws DataError for
  /// an integer beyond ±2^53, which a double cannot distinguish from its neighbours.
  template <NumberRange Range>
  [[nodiscard]] static Column number(std::string name, const Range& values) {
    using Value = std::remove_cvref_t<decltype(*values.begin())>;
    std::vector<double> numbers;
    for (const auto value : values) {
      numbers.push_back(static_cast<double>(value));
      if constexpr (std::is_integral_v<std::remove_const_t<decltype(value)>>) {
        const double x = numbers.back();
        if (std::abs(x) <= Json::max_integer && static_cast<decltype(value)>(x) == value) continue;
        throw_error<DataError>({"column '", name, "', row ", numbers.size(), ": ",
                                std::to_string(value),
                                " is beyond ±2^53, what numbers are exact to; expected ids of so "
                                "many digits as text"});
      }
    }
    Column made = number(std::move(name), std::move(numbers));
    made.exact_below = exact_below_of<Value>();
    return made;
  }

  /// The bound below which a number type stores integers exactly; at most 2^53, the bound of
  /// double.
  template <class Number>
  [[nodiscard]] static double exact_below_of() {
    using Limits = std::numeric_limits<Number>;
    return Limits::is_specialized && !Limits::is_integer && Limits::digits < 53
               ? std::ldexp(1.0, Limits::digits)
               : Json::max_integer;
  }

  /// From a span, vector, array, … of strings, one per row; an empty string is a missing value.
  /// Throws DataError for a null pointer.
  template <TextRange Range>
  [[nodiscard]] static Column text(std::string name, const Range& values) {
    Column c;
    c.name = std::move(name);
    c.kind = ColumnKind::text;
    Dictionary known;
    for (const auto& value : values) {
      if constexpr (std::is_pointer_v<std::remove_cvref_t<decltype(value)>>) {
        if (value == nullptr) {
          throw_error<DataError>({"column '", c.name, "', row ", c.codes.size() + 1,
                                  ": a null pointer, expected a text; \"\" is a missing value"});
        }
      }
      const std::string_view v(value);
      c.codes.push_back(v.empty() ? -1 : known.code(v));
    }
    c.dictionary = known.take();
    return c;
  }
  [[nodiscard]] static Column text(std::string name,
                                   std::initializer_list<std::string_view> values);

  /// A column of the same name, kind and dictionary, without rows.
  [[nodiscard]] Column without_rows() const;

  [[nodiscard]] Index size() const {
    return static_cast<Index>(kind == ColumnKind::number ? numbers.size() : codes.size());
  }

  /// The text of a row, which refers to the dictionary; empty if missing. Text columns only.
  [[nodiscard]] std::string_view at(Index row) const& {
    const std::int32_t code = codes[static_cast<std::size_t>(row)];
    return code < 0 ? std::string_view()
                    : std::string_view(dictionary[static_cast<std::size_t>(code)]);
  }
  std::string_view at(Index row) const&& = delete;  // the view would dangle
};

/// Converts a numeric column to a text column.
[[nodiscard]] Column text_of_numbers(const Column& from);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/column_definitions.hpp"
#endif
