// SPDX-License-Identifier: Apache-2.0
// The meaning of a CSV field (a number, a missing value or a text), and how messages show it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/utf8.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/csv_options.hpp"

namespace espalier::csv_detail {

/// A value as a message shows it: short, one line, UTF-8.
[[nodiscard]] ESPALIER_COLD inline std::string shown(std::string_view value) {
  constexpr std::size_t most = 40;
  std::string text;
  for (std::size_t i = 0; i < value.size();) {
    if (text.size() >= most) return text + "…";
    const std::size_t length = utf8_length(value, i);
    if (length == 0 || static_cast<unsigned char>(value[i]) < 0x20 || value[i] == '\x7f') {
      text += '?';
      ++i;
    } else {
      text += value.substr(i, length);
      i += length;
    }
  }
  return text;
}

/// A separator as a message shows it.
[[nodiscard]] ESPALIER_COLD inline std::string shown_separator(char separator) {
  return separator == '\t' ? "a tab" : "'" + shown({&separator, 1}) + "'";
}

/// Whether the number `value` keeps all information of its `text`; false for the codes 007 and
/// 12345678901234567.
[[nodiscard]] inline bool says_no_more_than_number(std::string_view text, double value) {
  return !is_code(text) && (number_is_key(value) || whole_digits(text).empty());
}

/// The texts that mean "missing value".
class MissingTexts {
 public:
  explicit MissingTexts(const CsvOptions& options) : texts_(options.missing) {
    if (options.default_missing)
      texts_.insert(texts_.end(), {"", "NA", "NaN", "nan", "null", "NULL"});
    for (const std::string& text : texts_) {
      if (text.empty()) {
        empty_ = true;
        continue;
      }
      lengths_[static_cast<unsigned char>(text[0])] |= bit(text.size());
      double ignored = 0;
      numbers_ = numbers_ || to_number(text, ignored) != std::errc::invalid_argument;
    }
  }

  [[nodiscard]] bool contains(std::string_view text) const {
    if (text.empty()) return empty_;
    if ((lengths_[static_cast<unsigned char>(text[0])] & bit(text.size())) == 0) return false;
    return std::find(texts_.begin(), texts_.end(), text) != texts_.end();
  }

  /// Whether one of them looks like a number (for example −999).
  [[nodiscard]] bool has_number() const { return numbers_; }

 private:
  static std::uint64_t bit(std::size_t size) {
    return std::uint64_t{1} << (std::min)(size, std::size_t{63});
  }

  std::vector<std::string> texts_;
  std::array<std::uint64_t, 256> lengths_{};  ///< by first byte: bit set of the lengths that occur
  bool empty_ = false, numbers_ = false;
};

/// Error text for a value that is not UTF-8.
inline constexpr const char* not_utf8 =
    "is not UTF-8, expected the file in UTF-8, or its encoding said (.encoding = "
    "CsvEncoding::latin1)";

/// Whether a text is UTF-8; fast if it is ASCII.
[[nodiscard]] inline bool is_text(std::string_view text) {
  unsigned high = 0;
  for (const char c : text) high |= static_cast<unsigned char>(c);
  return high < 0x80 || is_utf8(text);
}

}  // namespace espalier::csv_detail
