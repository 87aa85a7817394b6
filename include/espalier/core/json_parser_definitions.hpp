// SPDX-License-Identifier: Apache-2.0
// `Json::parse`: a recursive descent parser for the grammar of RFC 8259.
#pragma once

#include "espalier/core/json.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/sort.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

class Json::Parser {
 public:
  Parser(std::string_view text, std::string_view what) : text_(text), what_(what) {}

  [[nodiscard]] Json parse() {
    skip_space();
    Json value = parse_value(0);
    skip_space();
    if (at_ < text_.size()) fail("expected the end, found " + here());
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& message, std::size_t at) const {
    throw_error<DataError>({what_, ": byte ", at, ": ", message});
  }
  [[noreturn]] void fail(const std::string& message) const { fail(message, at_); }

  /// Describes the current character for an error message.
  [[nodiscard]] std::string here() const {
    if (at_ >= text_.size()) return "the end";
    const std::size_t length = utf8_length(text_, at_);
    const auto c = static_cast<unsigned char>(text_[at_]);
    if (length == 0 || c < 0x20 || c == 0x7F) return "byte " + std::to_string(int{c});
    return message({"'", text_.substr(at_, length), "'"});
  }

  [[nodiscard]] bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  [[nodiscard]] bool next_is_digit() const {
    return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9';
  }
  bool take(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (next_is(' ') || next_is('\n') || next_is('\r') || next_is('\t')) ++at_;
  }

  Json parse_value(int depth) {
    if (at_ >= text_.size()) fail("expected a value, found the end");
    if (depth >= max_depth && (next_is('{') || next_is('['))) {
      fail("nested deeper than " + std::to_string(max_depth) + " levels");
    }
    switch (text_[at_]) {
      case '{':
        return parse_object(depth);
      case '[':
        return parse_array(depth);
      case '"':
        return parse_string();
      case 't':
        return parse_word("true", true);
      case 'f':
        return parse_word("false", false);
      case 'n':
        return parse_word("null", nullptr);
      default:
        return parse_number();
    }
  }

  Json parse_word(std::string_view word, Json value) {
    if (text_.substr(at_, word.size()) != word) fail("expected a value, found " + here());
    at_ += word.size();
    return value;
  }

  Json parse_array(int depth) {
    Json made = array();
    ++at_;
    skip_space();
    if (take(']')) return made;
    for (;;) {
      skip_space();
      made.items_.push_back(parse_value(depth + 1));
      skip_space();
      if (take(']')) return made;
      if (!take(',')) fail("expected ',' or ']', found " + here());
    }
  }

  Json parse_object(int depth) {
    Json made = object();
    std::vector<std::size_t> starts;
    ++at_;
    skip_space();
    if (take('}')) return made;
    for (;;) {
      skip_space();
      starts.push_back(at_);
      if (!next_is('"')) fail("expected a key in quotes, found " + here());
      made.keys_.push_back(parse_string());
      skip_space();
      if (!take(':')) fail("expected ':', found " + here());
      skip_space();
      made.items_.push_back(parse_value(depth + 1));
      skip_space();
      if (take('}')) break;
      if (!take(',')) fail("expected ',' or '}', found " + here());
    }
    refuse_twins(made.keys_, starts);
    return made;
  }

  /// Throws DataError if a key appears twice. Sorts the keys: O(n log n), for long headers.
  ESPALIER_COLD void refuse_twins(const std::vector<std::string>& keys,
                                  const std::vector<std::size_t>& starts) const {
    std::vector<std::size_t> order(keys.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    sort_indices(order, [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (keys[order[i - 1]] != keys[order[i]]) continue;
      std::string shown;
      write_string(shown, keys[order[i]]);
      fail("key " + shown + " appears twice", starts[order[i]]);
    }
  }

  std::string parse_string() {
    const std::size_t start = at_++;
    std::string out;
    for (;;) {
      if (at_ >= text_.size()) fail("string without a closing quote", start);
      const char c = text_[at_];
      if (take('"')) return out;
      if (c == '\\') {
        ++at_;
        parse_escape(out);
        continue;
      }
      if (static_cast<unsigned char>(c) < 0x20) fail("control character in a string, " + here());
      const std::size_t length = utf8_length(text_, at_);
      if (length == 0) fail("malformed UTF-8, " + here());
      out.append(text_, at_, length);
      at_ += length;
    }
  }

  ESPALIER_COLD void parse_escape(std::string& out) {
    constexpr std::string_view letters = "\"\\/bfnrt", meant = "\"\\/\b\f\n\r\t";
    if (take('u')) {
      const std::size_t start = at_ - 2;
      std::uint32_t code = parse_hex();
      if (code >= 0xDC00 && code <= 0xDFFF) fail("low surrogate without a high one", start);
      if (code >= 0xD800 && code <= 0xDBFF) {
        const bool pair = take('\\') && take('u');
        const std::uint32_t low = pair ? parse_hex() : 0;
        if (low < 0xDC00 || low > 0xDFFF) fail("high surrogate without a low one", start);
        code = 0x10000 + ((code - 0xD800) << 10U) + (low - 0xDC00);
      }
      append_utf8(out, code);
      return;
    }
    const std::size_t at = at_ < text_.size() ? letters.find(text_[at_]) : std::string_view::npos;
    if (at == std::string_view::npos) fail("unknown escape, " + here());
    out += meant[at];
    ++at_;
  }

  ESPALIER_COLD std::uint32_t parse_hex() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      code <<= 4U;
      if (c >= '0' && c <= '9') {
        code |= static_cast<std::uint32_t>(c - '0');
      } else if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) {
        code |= static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
      } else {
        fail("expected four hexadecimal digits after \\u, found " + here());
      }
    }
    return code;
  }

  Json parse_number() {
    const std::size_t start = at_;
    const auto digits = [&] {
      if (!next_is_digit()) fail("expected a digit, found " + here());
      while (next_is_digit()) ++at_;
    };
    if (!take('-') && !next_is_digit()) fail("expected a value, found " + here());
    if (!take('0')) digits();
    if (take('.')) digits();
    if (take('e') || take('E')) {
      if (!take('+')) static_cast<void>(take('-'));
      digits();
    }
    double value = 0;
    const auto [end, error] = std::from_chars(text_.data() + start, text_.data() + at_, value);
    if (error != std::errc() || end != text_.data() + at_) {
      fail("number '" + std::string(text_.substr(start, (std::min)(at_ - start, std::size_t{40}))) +
               "' is outside the range of a double",
           start);
    }
    return value;
  }

  std::string_view text_;
  std::string_view what_;
  std::size_t at_ = 0;
};

ESPALIER_INLINE Json Json::parse(std::string_view text, std::string_view what) {
  return Parser(text, what).parse();
}

}  // namespace espalier
