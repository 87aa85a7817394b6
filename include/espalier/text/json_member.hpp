// SPDX-License-Identifier: Apache-2.0
// `JsonMember`: a value in a JSON file of another program, with its name for error messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/json.hpp"

namespace espalier {

/// A text of a file in quotes, for a message: one line, at most 40 characters of it.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// A value that may be missing; null counts as missing. Refers to the file's JSON. All checks throw
/// DataError: "<file>: <name>: expected …, found …".
class JsonMember {
 public:
  /// The whole of a file. `file` and `root` must outlive this and its members.
  JsonMember(std::string_view file, const Json& root) : file_(file), value_(&root) {}

  /// The member `key`, missing if there is none or this is no object.
  [[nodiscard]] JsonMember operator[](std::string_view key) const;
  /// Element `i` of an array, missing if there is none.
  [[nodiscard]] JsonMember operator[](std::size_t i) const;

  [[nodiscard]] bool missing() const noexcept { return value_ == nullptr || value_->is_null(); }
  [[nodiscard]] bool is(std::string_view text) const noexcept {
    return value_ != nullptr && value_->is_string() && value_->as_string() == text;
  }

  [[nodiscard]] const Json& object() const;
  [[nodiscard]] const Json& array() const;
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] bool boolean(bool otherwise) const { return missing() ? otherwise : boolean(); }
  /// From `least` to `most`.
  [[nodiscard]] std::int64_t integer(std::int64_t least, std::int64_t most) const;
  /// From `least` to `most`.
  [[nodiscard]] double number(double least, double most) const;

  [[noreturn]] void fail(std::string_view expected) const;

 private:
  std::string_view file_;
  std::string name_;
  const Json* value_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/text/json_member_definitions.hpp"
#endif
