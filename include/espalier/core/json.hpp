// SPDX-License-Identifier: Apache-2.0
// `Json`: a JSON value, with a strict parser (RFC 8259) and a writer; written numbers parse to the
// same double.
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/core/utf8.hpp"

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

  [[nodiscard]] static Json array(std::vector<Json> items = {}) {
    Json made;
    made.kind_ = Kind::array;
    made.items_ = std::move(items);
    return made;
  }

  [[nodiscard]] static Json object() {
    Json made;
    made.kind_ = Kind::object;
    return made;
  }

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
  [[nodiscard]] std::int64_t as_integer() const {
    require(Kind::number);
    if (number_ != std::floor(number_) || std::abs(number_) > max_integer) {
      throw_error<DataError>({"JSON: expected an integer within 2^53, found ", dump()});
    }
    return static_cast<std::int64_t>(number_);
  }
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
  [[nodiscard]] const Json* find(std::string_view key) const& noexcept {
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (keys_[i] == key) return &items_[i];
    }
    return nullptr;
  }
  const Json* find(std::string_view key) const&& = delete;  // the result would dangle
  /// Returns the member of an object. Throws DataError if it does not exist or this is not an
  /// object.
  [[nodiscard]] const Json& at(std::string_view key) const& {
    require(Kind::object);
    if (const Json* found = find(key)) return *found;
    throw_error<DataError>({"JSON: expected a member '", key, "', found none"});
  }
  [[nodiscard]] Json at(std::string_view key) && { return std::as_const(*this).at(key); }

  /// Sets a member of an object; a null becomes an object first. Returns *this for chaining.
  ESPALIER_COLD Json& set(std::string_view key, Json value) {
    if (is_null()) kind_ = Kind::object;
    require(Kind::object);
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      if (keys_[i] == key) {
        items_[i] = std::move(value);
        return *this;
      }
    }
    keys_.emplace_back(key);
    items_.push_back(std::move(value));
    return *this;
  }

  /// Appends to an array; a null becomes an array first. Returns *this for chaining.
  Json& push(Json value) {
    if (is_null()) kind_ = Kind::array;
    require(Kind::array);
    items_.push_back(std::move(value));
    return *this;
  }

  /// Returns the value as text on one line. Whole numbers up to 2^53 are written as integers,
  /// others with the fewest digits that parse to the same double; NaN and infinities are written as
  /// null, bytes that are not UTF-8 as U+FFFD.
  [[nodiscard]] std::string dump() const {
    std::string out;
    write(out);
    return out;
  }

  [[nodiscard]] bool operator==(const Json&) const = default;

 private:
  class Parser;

  [[nodiscard]] static std::string_view name(Kind kind) noexcept {
    constexpr std::string_view names[] = {"null",     "a bool",   "a number",
                                          "a string", "an array", "an object"};
    return names[static_cast<std::size_t>(kind)];
  }

  void require(Kind kind) const {
    if (kind_ == kind) return;
    throw_error<DataError>({"JSON: expected ", name(kind), ", found ", name(kind_)});
  }

  void write(std::string& out) const {
    switch (kind_) {
      case Kind::null:
        out += "null";
        break;
      case Kind::boolean:
        out += number_ != 0 ? "true" : "false";
        break;
      case Kind::number:
        write_number(out, number_);
        break;
      case Kind::string:
        write_string(out, text_);
        break;
      case Kind::array:
      case Kind::object:
        out += is_object() ? '{' : '[';
        for (std::size_t i = 0; i < items_.size(); ++i) {
          if (i > 0) out += ',';
          if (is_object()) {
            write_string(out, keys_[i]);
            out += ':';
          }
          items_[i].write(out);
        }
        out += is_object() ? '}' : ']';
        break;
    }
  }

  ESPALIER_COLD static void write_number(std::string& out, double value) {
    if (!std::isfinite(value)) {
      out += "null";
      return;
    }
    char text[32];
    const bool whole = value == std::floor(value) && std::abs(value) <= max_integer;
    const bool negative_zero = value == 0 && std::signbit(value);
    const auto end = whole && !negative_zero
                         ? std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value))
                         : std::to_chars(text, text + sizeof text, value);
    out.append(text, end.ptr);
  }

  static void write_string(std::string& out, std::string_view text) {
    constexpr char hex[] = "0123456789abcdef";
    out += '"';
    for (std::size_t i = 0; i < text.size();) {
      const auto c = static_cast<unsigned char>(text[i]);
      const std::size_t length = utf8_length(text, i);
      if (c == '"' || c == '\\') {
        out += '\\';
        out += text[i];
      } else if (c < 0x20) {
        constexpr std::string_view short_codes = "\b\f\n\r\t", letters = "bfnrt";
        const std::size_t at = short_codes.find(text[i]);
        out += '\\';
        if (at != std::string_view::npos) {
          out += letters[at];
        } else {
          out += "u00";
          out += hex[c >> 4U];
          out += hex[c & 0xFU];
        }
      } else if (length == 0) {
        append_utf8(out, 0xFFFD);
      } else {
        out.append(text, i, length);
      }
      i += length == 0 ? 1 : length;
    }
    out += '"';
  }

  Kind kind_ = Kind::null;
  double number_ = 0;
  std::string text_;
  std::vector<std::string> keys_;
  std::vector<Json> items_;
};

}  // namespace espalier

#include "espalier/core/json_parser.hpp"
