// SPDX-License-Identifier: Apache-2.0
// Definitions of category_key.hpp.
#pragma once

#include "espalier/data/category_key.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier {

ESPALIER_INLINE std::string_view category_key(std::string_view text, std::string& made) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  if (text.size() == first || (!is_digit(text[first]) && text[first] != '.') || is_code(text))
    return text;
  const std::string_view whole = whole_digits(text);
  if (!whole.empty()) return whole == "-0" ? whole.substr(1) : whole;
  double value = 0;
  if (to_number(text, value) != std::errc() || !number_is_key(value)) return text;
  return made = number_text(value);
}

ESPALIER_INLINE std::uint64_t category_hash(std::string_view text) {
  std::string made;
  return hash_text(category_key(text, made));
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::uint64_t> category_hashes(const Column& keys) {
  std::vector<std::uint64_t> hashes{hash_text({})};
  for (const std::string& value : keys.dictionary) hashes.push_back(hash_text(value));
  return hashes;
}

ESPALIER_INLINE std::string category_key(std::string_view text) {
  std::string made;
  return std::string(category_key(text, made));
}

ESPALIER_COLD ESPALIER_INLINE const Column& keys_of(const Column& from, Column& made) {
  std::string changed;
  Dictionary keys;
  std::vector<std::int32_t> key_of_code;
  bool same = true;
  for (const std::string& value : from.dictionary) {
    const std::string_view key = category_key(value, changed);
    same = same && key == value;
    key_of_code.push_back(keys.code(key));
  }
  if (same) return from;
  made = from;
  made.dictionary = keys.take();
  for (std::int32_t& code : made.codes)
    code = code < 0 ? code : key_of_code[static_cast<std::size_t>(code)];
  return made;
}

}  // namespace espalier
