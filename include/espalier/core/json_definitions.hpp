// SPDX-License-Identifier: Apache-2.0
// Definitions of json.hpp.
#pragma once

#include "espalier/core/json.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

ESPALIER_INLINE Json Json::array(std::vector<Json> items) {
  Json made;
  made.kind_ = Kind::array;
  made.items_ = std::move(items);
  return made;
}

ESPALIER_INLINE Json Json::object() {
  Json made;
  made.kind_ = Kind::object;
  return made;
}

ESPALIER_INLINE std::int64_t Json::as_integer() const {
  require(Kind::number);
  if (number_ != std::floor(number_) || std::abs(number_) > max_integer) {
    throw_error<DataError>({"JSON: expected an integer within 2^53, found ", dump()});
  }
  return static_cast<std::int64_t>(number_);
}

ESPALIER_INLINE const Json* Json::find(std::string_view key) const& noexcept {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i] == key) return &items_[i];
  }
  return nullptr;
}

ESPALIER_INLINE const Json& Json::at(std::string_view key) const& {
  require(Kind::object);
  if (const Json* found = find(key)) return *found;
  throw_error<DataError>({"JSON: expected a member '", key, "', found none"});
}

ESPALIER_COLD ESPALIER_INLINE Json& Json::set(std::string_view key, Json value) {
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

ESPALIER_INLINE Json& Json::push(Json value) {
  if (is_null()) kind_ = Kind::array;
  require(Kind::array);
  items_.push_back(std::move(value));
  return *this;
}

ESPALIER_INLINE std::string Json::dump() const {
  std::string out;
  write(out);
  return out;
}

ESPALIER_INLINE std::string_view Json::name(Kind kind) noexcept {
  constexpr std::string_view names[] = {"null",     "a bool",   "a number",
                                        "a string", "an array", "an object"};
  return names[static_cast<std::size_t>(kind)];
}

ESPALIER_INLINE void Json::require(Kind kind) const {
  if (kind_ == kind) return;
  throw_error<DataError>({"JSON: expected ", name(kind), ", found ", name(kind_)});
}

ESPALIER_INLINE void Json::write(std::string& out) const {
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

ESPALIER_COLD ESPALIER_INLINE void Json::write_number(std::string& out, double value) {
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

ESPALIER_INLINE void Json::write_string(std::string& out, std::string_view text) {
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

}  // namespace espalier
