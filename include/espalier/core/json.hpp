// SPDX-License-Identifier: Apache-2.0
// `Json`: a JSON value, with a strict parser (RFC 8259) and a writer; written numbers parse to the
// same double.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

/// A JSON value: null, a bool, a number (a double), a string (UTF-8), an array or an object. An
/// object keeps its members in insertion order. Member lookup is linear: use it for headers and
/// records, not for databases. Accessors return references; on a temporary
/// (`Json::parse(text).at("key")`) they return values.
class Json {
 public:
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

  /// Larger integers are not exact as a double and are rejected: write them as strings.
  static constexpr double max_integer = 9007199254740992.0;  // 2^53
  /// Maximum nesting depth of arrays and objects.
  static constexpr int max_depth = 64;

  Json() = default;
  // NOLINTBEGIN(google-explicit-constructor): a value is the JSON of itself.
  Json(std::nullptr_t) {}
  Json(std::same_as<bool> auto value) : kind_(Kind::boolean), number_(value ? 1 : 0) {}
  Json(std::floating_point auto value) : kind_(Kind::number), number_(static_cast<double>(value)) {}
  /// Throws ConfigError if |value| > 2^53.
  template <std::integral T>
  requires(!std::same_as<T, bool>) Json(T value)
      : kind_(Kind::number), number_(static_cast<double>(value)) {
    constexpr std::int64_t most = std::int64_t{1} << 53;
    if (value > 0 ? static_cast<std::uint64_t>(value) > std::uint64_t{most}
                  : static_cast<std::int64_t>(value) < -most) {
      throw_error<ConfigError>(
          {"JSON: integer ", value,
           " is not exact as a number, expected at most 2^53; write it as a string"});
    }
  }
  Json(std::string value) : kind_(Kind::string), text_(std::move(value)) {}
  Json(std::string_view value) : Json(std::string(value)) {}
  Json(const char* value) : Json(std::string(value)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] static Json array(std::vector<Json> items = {});

  [[nodiscard]] static Json object();

  /// Parses one value; only whitespace may follow it. `what` (a file name) begins the error
  /// message. Throws DataError, with the byte offset, for anything outside RFC 8259, malformed
  /// UTF-8, a duplicate key, a number outside the range of a double, or more than `max_depth`
  /// levels.
  [[nodiscard]] static Json parse(std::string_view text, std::string_view what = "JSON");

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool is_null() const noexcept { return kind_ == Kind::null; }
  [[nodiscard]] bool is_number() const noexcept { return kind_ == Kind::number; }
  [[nodiscard]] bool is_string() const noexcept { return kind_ == Kind::string; }
  [[nodiscard]] bool is_array() const noexcept { return kind_ == Kind::array; }
  [[nodiscard]] bool is_object() const noexcept { return kind_ == Kind::object; }

  /// Returns the value. These accessors throw DataError if it is of another kind.
  [[nodiscard]] bool as_bool() const {
    require(Kind::boolean);
    return number_ != 0;
  }
  [[nodiscard]] double as_number() const {
    require(Kind::number);
    return number_;
  }
  /// Returns an integer in [−2^53, 2^53]; throws DataError for any other number. The parser has
  /// rounded the text to a double before: a result of 2^53 may have been 2^53 + 1 in the text.
  [[nodiscard]] std::int64_t as_integer() const;
  [[nodiscard]] const std::string& as_string() const& {
    require(Kind::string);
    return text_;
  }
  [[nodiscard]] std::string as_string() && {
    require(Kind::string);
    return std::move(text_);
  }

  /// The elements of an array, or the values of an object in the order of keys(); empty for other
  /// kinds.
  [[nodiscard]] const std::vector<Json>& items() const& noexcept { return items_; }
  [[nodiscard]] std::vector<Json> items() && noexcept { return std::move(items_); }
  [[nodiscard]] const std::vector<std::string>& keys() const& noexcept { return keys_; }
  [[nodiscard]] std::vector<std::string> keys() && noexcept { return std::move(keys_); }
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }

  /// Returns the member of an object; null if it does not exist or this is not an object.
  [[nodiscard]] const Json* find(std::string_view key) const& noexcept;
  const Json* find(std::string_view key) const&& = delete;  // the result would dangle
  /// Returns the member of an object. Throws DataError if it does not exist or this is not an
  /// object.
  [[nodiscard]] const Json& at(std::string_view key) const&;
  [[nodiscard]] Json at(std::string_view key) && { return std::as_const(*this).at(key); }

  /// Sets a member of an object; a null becomes an object first. Returns *this for chaining.
  Json& set(std::string_view key, Json value);

  /// Appends to an array; a null becomes an array first. Returns *this for chaining.
  Json& push(Json value);

  /// Returns the value as text on one line. Whole numbers up to 2^53 are written as integers,
  /// others with the fewest digits that parse to the same double; NaN and infinities are written as
  /// null, bytes that are not UTF-8 as U+FFFD.
  [[nodiscard]] std::string dump() const;

  [[nodiscard]] bool operator==(const Json&) const = default;

 private:
  class Parser;

  [[nodiscard]] static std::string_view name(Kind kind) noexcept;

  void require(Kind kind) const;

  void write(std::string& out) const;

  static void write_number(std::string& out, double value);

  static void write_string(std::string& out, std::string_view text);

  Kind kind_ = Kind::null;
  double number_ = 0;
  std::string text_;
  std::vector<std::string> keys_;
  std::vector<Json> items_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/core/json_definitions.hpp"
#include "espalier/core/json_parser_definitions.hpp"
#endif
