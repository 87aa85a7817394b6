// SPDX-License-Identifier: Apache-2.0
// `NamedValue`: one named raw value of a row to predict.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/data/column.hpp"

namespace espalier {

namespace named_value_detail {

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool> && !Character<T>;
template <class T>
concept Text =
    std::is_convertible_v<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;

template <class T>
inline constexpr bool is_optional = std::same_as<T, std::nullopt_t>;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

}  // namespace named_value_detail

/// A name and its value: a number (NaN: missing), a text, or a std::optional of either (empty:
/// missing). Both are copied, so the originals may change or be destroyed. For a categorical input,
/// an integer is its digits, all 64 bits of them. A bool or char does not compile, because training
/// data may have written it as 1, true or yes: pass the number or text that is meant.
struct NamedValue {
  /// Throws ConfigError for a null pointer.
  template <class Value>
  NamedValue(std::string_view called, const Value& value) : name(called) {
    take(value);
  }

  [[nodiscard]] bool missing() const { return !is_text && std::isnan(number); }

  /// The text of the value, for a categorical input.
  [[nodiscard]] std::string as_text() const {
    if (is_text) return text;
    return is_whole ? (is_negative ? "-" : "") + std::to_string(digits) : number_text(number);
  }

  std::string name;
  std::string text;
  double number = std::numeric_limits<double>::quiet_NaN();
  std::uint64_t digits = 0;                ///< absolute value of an integer
  double exact_below = Json::max_integer;  ///< see Column::exact_below
  bool is_text = false, is_whole = false, is_negative = false;

 private:
  template <class Value>
  void take(const Value& value) {
    if constexpr (named_value_detail::is_optional<Value>) {
      if constexpr (!std::same_as<Value, std::nullopt_t>) {
        if (value) take(*value);
      }
    } else if constexpr (named_value_detail::Text<Value>) {
      if constexpr (std::is_pointer_v<Value>) refuse_null(value);
      text = std::string_view(value);
      is_text = true;
    } else if constexpr (named_value_detail::Number<Value>) {
      number = static_cast<double>(value);
      exact_below = Column::exact_below_of<Value>();
      if constexpr (std::is_integral_v<Value>) {
        is_whole = true;
        if constexpr (std::is_signed_v<Value>) is_negative = value < 0;
        digits = is_negative ? std::uint64_t{0} - static_cast<std::uint64_t>(value)
                             : static_cast<std::uint64_t>(value);
      }
    } else {
      static_assert(named_value_detail::Number<Value>,
                    "espalier: a named value is a number, a text (std::string, std::string_view, "
                    "const char*) or a "
                    "std::optional of one: of a bool, a char or an enumeration say which number or "
                    "text is meant");
    }
  }

  void refuse_null(const char* pointer) const {
    if (pointer != nullptr) return;
    throw_error<ConfigError>(
        {"input '", name,
         "' is a null pointer, expected a text; what is missing is left out, or "
         "std::nullopt"});
  }
};

}  // namespace espalier
