// SPDX-License-Identifier: Apache-2.0
// `category_key`: the canonical text of a category, however it was written and read.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/column.hpp"

namespace espalier {

/// Whether a text that may look like a number is a code: it starts with a plus, or with a zero
/// before a digit (after a minus, if any).
[[nodiscard]] inline bool is_code(std::string_view text) {
  if (text.starts_with('+')) return true;
  if (text.starts_with('-')) text.remove_prefix(1);
  return text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9';
}

/// The part before the decimal point, with its sign, of an integer in digits that may have a
/// fraction of zeros; empty for other texts.
[[nodiscard]] inline std::string_view whole_digits(std::string_view text) {
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  std::size_t end = first;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  if (end == first) return {};
  if (end == text.size()) return text;
  const bool zeros =
      text[end] == '.' && text.find_first_not_of('0', end + 1) == std::string_view::npos;
  return zeros ? text.substr(0, end) : std::string_view();
}

/// Whether a double by itself can be a category's key. From 2^53 on, it stands for several
/// integers.
[[nodiscard]] inline bool number_is_key(double value) {
  return std::abs(value) < Json::max_integer;
}

/// Whether a double that is exact below `below` stands for a single number; a fraction below 2^53
/// does.
[[nodiscard]] inline bool is_exact(double value, double below) {
  return std::abs(value) < below || (number_is_key(value) && value != std::floor(value));
}

/// A category's key is its text, but a decimal number below 2^53 is written as by number_text():
/// 17.0, 17. and 1.7e1 are "17", 1e5 is "100000", 0.50 and .5 are "0.5", -3.0 is "-3", -0 is "0".
/// For integers from 2^53 on, only a fraction of zeros is removed: 12345678901234567.0 is
/// "12345678901234567". Codes stay unchanged: a leading zero or plus makes a code (007, 007.0, +5).
/// A category is therefore the same in a text column, a numeric column, a column of inferred kind,
/// a table built in code, and a value to predict from. The key of a key is the key itself;
/// number_text(x) is a key for every x. The result refers to `text`, or to `made` if the text was
/// changed.
[[nodiscard]] std::string_view category_key(std::string_view text, std::string& made);

/// The hash of a category's key. A missing category is the empty text.
[[nodiscard]] std::uint64_t category_hash(std::string_view text);

/// The hashes of a column of keys, indexed by code + 1: the first is that of a missing value.
[[nodiscard]] std::vector<std::uint64_t> category_hashes(const Column& keys);

[[nodiscard]] std::string category_key(std::string_view text);

/// A text column as category keys: `from` itself, or a new column in `made` if a value is not a key
/// yet.
[[nodiscard]] const Column& keys_of(const Column& from, Column& made);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/category_key_definitions.hpp"
#endif
