// SPDX-License-Identifier: Apache-2.0
// What the text of a CSV field says: a number, nothing, or a text; and how a message shows it.
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

/// A value as it appears in a message: short, one line, UTF-8.
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

/// A separator in a message.
[[nodiscard]] ESPALIER_COLD inline std::string shown_separator(char separator) {
  return separator == '\t' ? "a tab" : "'" + shown({&separator, 1}) + "'";
}

/// Whether a number shows everything that `text`, which says `value`, does: not so for the codes 007 and 12345678901234567.
[[nodiscard]] inline bool says_no_more_than_number(std::string_view text, double value) {
  return !is_code(text) && (number_is_key(value) || whole_digits(text).empty());
}

/// The texts that mean "no value".
class MissingTexts {
 public:
  explicit MissingTexts(const CsvOptions& options) : texts_(options.missing) {
    if (options.default_missing) texts_.insert(texts_.end(), {"", "NA", "NaN", "nan", "null", "NULL"});
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

  /// Whether one of them looks like a number (−999, say).
  [[nodiscard]] bool has_number() const { return numbers_; }

 private:
  static std::uint64_t bit(std::size_t size) { return std::uint64_t{1} << (std::min)(size, std::size_t{63}); }

  std::vector<std::string> texts_;
  std::array<std::uint64_t, 256> lengths_{};  ///< by first byte, the lengths there are
  bool empty_ = false, numbers_ = false;
};

/// What is wrong with a value that is no UTF-8.
inline constexpr const char* not_utf8 =
    "is not UTF-8, expected the file in UTF-8, or its encoding said (.encoding = CsvEncoding::latin1)";

/// Whether a text is UTF-8: quick where it is ASCII.
[[nodiscard]] inline bool is_text(std::string_view text) {
  unsigned high = 0;
  for (const char c : text) high |= static_cast<unsigned char>(c);
  return high < 0x80 || is_utf8(text);
}

}  // namespace espalier::csv_detail
