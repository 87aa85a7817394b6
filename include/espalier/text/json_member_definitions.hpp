// SPDX-License-Identifier: Apache-2.0
// Definitions of json_member.hpp.
#pragma once

#include "espalier/text/json_member.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE std::string in_quotes(std::string_view text) {
  const std::string_view start = utf8_prefix(text, 40);
  return Json(start).dump() + (start.size() < text.size() ? "..." : "");
}

ESPALIER_COLD ESPALIER_INLINE JsonMember JsonMember::operator[](std::string_view key) const {
  JsonMember member = *this;
  member.value_ = value_ == nullptr ? nullptr : value_->find(key);
  if (!name_.empty()) member.name_ += '.';
  const std::string shown = in_quotes(key);
  const bool plain = shown.size() == key.size() + 2;  // nothing is cut off or escaped
  member.name_ += plain ? std::string(key) : shown;
  return member;
}

ESPALIER_COLD ESPALIER_INLINE JsonMember JsonMember::operator[](std::size_t i) const {
  JsonMember member = *this;
  const bool there = value_ != nullptr && value_->is_array() && i < value_->size();
  member.value_ = there ? &value_->items()[i] : nullptr;
  member.name_ += message({"[", i, "]"});
  return member;
}

ESPALIER_INLINE const Json& JsonMember::object() const {
  if (value_ == nullptr || !value_->is_object()) fail("an object");
  return *value_;
}

ESPALIER_INLINE const Json& JsonMember::array() const {
  if (value_ == nullptr || !value_->is_array()) fail("an array");
  return *value_;
}

ESPALIER_INLINE const std::string& JsonMember::text() const {
  if (value_ == nullptr || !value_->is_string()) fail("a text");
  return value_->as_string();
}

ESPALIER_INLINE bool JsonMember::boolean() const {
  if (value_ == nullptr || value_->kind() != Json::Kind::boolean) fail("true or false");
  return value_->as_bool();
}

ESPALIER_INLINE std::int64_t JsonMember::integer(std::int64_t least, std::int64_t most) const {
  const bool is_number = value_ != nullptr && value_->is_number();
  const double value = is_number ? value_->as_number() : 0;
  if (!is_number || value < static_cast<double>(least) || value > static_cast<double>(most) ||
      value != std::floor(value)) {
    fail(message({"an integer from ", least, " to ", most}));
  }
  return static_cast<std::int64_t>(value);
}

ESPALIER_INLINE double JsonMember::number(double least, double most) const {
  const bool is_number = value_ != nullptr && value_->is_number();
  const double value = is_number ? value_->as_number() : 0;
  if (!is_number || value < least || value > most) {
    fail("a number from " + Json(least).dump() + " to " + Json(most).dump());
  }
  return value;
}

ESPALIER_COLD ESPALIER_INLINE void JsonMember::fail(std::string_view expected) const {
  std::string found = value_ == nullptr ? "none" : value_->dump();
  if (found.size() > 60) found = std::string(utf8_prefix(found, 57)) + "...";
  throw_error<DataError>(
      {file_, ": ", name_, (name_.empty() ? "" : ": "), "expected ", expected, ", found ", found});
}

}  // namespace espalier
