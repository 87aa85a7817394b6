// SPDX-License-Identifier: Apache-2.0
// `WordPiece::Words`: cleans a text, cuts it into words, and matches them against the vocabulary.
#pragma once

#include "espalier/text/word_piece.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/text/unicode.hpp"

namespace espalier {

class WordPiece::Words {
 public:
  /// Appends to `out` until it has `limit` tokens.
  Words(const WordPiece& tokenizer, std::vector<std::int32_t>& out, std::size_t limit)
      : tokenizer_(tokenizer),
        options_(tokenizer.options_),
        strip_(tokenizer.options_.strips_accents()),
        out_(out),
        limit_(limit) {}

  void add(std::string_view text) {
    for (std::size_t i = 0; i < text.size() && !full();) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (tokenizer_.starts_special_[byte] && add_special(text, i)) continue;
      if (byte < 0x80) {
        add_ascii(tokenizer_.ascii_[byte]);
        ++i;
      } else {
        add_code_point(next_code_point(text, i));
      }
    }
    if (!full()) finish_word();
  }

 private:
  /// "##" is written in front of the rest of a word, over what is done or these two bytes.
  static constexpr std::size_t word_start = 2;

  [[nodiscard]] bool full() const { return out_.size() >= limit_; }

  bool add_special(std::string_view text, std::size_t& i) {
    const auto [id, bytes] = tokenizer_.special_at(text.substr(i));
    if (bytes == 0) return false;
    finish_word();
    if (!full()) out_.push_back(id);
    i += bytes;
    return true;
  }

  void add_ascii(AsciiRule rule) {
    switch (rule.kind) {
      case Ascii::letter:
        if (++characters_ <= options_.max_word_characters) word_[end_++] = rule.lower;
        break;
      case Ascii::white_space:
        finish_word();
        break;
      case Ascii::punctuation:
        finish_word();
        characters_ = 1;
        word_[end_++] = rule.lower;
        finish_word();
        break;
      case Ascii::removed:
        break;
    }
  }

  void add_code_point(std::uint32_t code) {
    const UnicodeEntry& entry = pages_[code];
    if (options_.clean_text && entry.removed) return;
    if (entry.white_space) return finish_word();
    const bool alone = options_.chinese_characters && entry.chinese;
    if (alone) finish_word();
    if (!strip_) {
      add_base(code, entry);
    } else if (entry.mark) {
      if (entry.starter) ordered_ = end_;
    } else if (entry.several) {
      const UnicodeBases bases = several_bases(code, entry);
      for (std::uint32_t k = 0; k < bases.count; ++k) add_base(bases.to[k], pages_[bases.to[k]]);
    } else {
      const std::uint32_t base = entry.base(code);
      add_base(base, base == code ? entry : pages_[base]);
    }
    if (alone) finish_word();
  }

  /// Adds a code point after decomposition, in lower case if that is wanted.
  void add_base(std::uint32_t code, const UnicodeEntry& entry) {
    if (entry.punctuation) {
      finish_word();
      append(code);
      return finish_word();
    }
    if (options_.lower_case && code == lower_with_dot) {
      append('i');
      return append(0x307);
    }
    if (strip_ && entry.combining_class != 0) return insert_in_order(code, entry.combining_class);
    append(options_.lower_case ? entry.lower(code) : code);
  }

  void append(std::uint32_t code) {
    if (++characters_ > options_.max_word_characters) return;
    end_ += put_utf8(code, word_.data() + end_);
  }

  /// Canonical ordering: behind all characters but those of larger classes, up to a starter.
  void insert_in_order(std::uint32_t code, std::uint8_t combining_class) {
    if (++characters_ > options_.max_word_characters) return;
    std::size_t at = end_;
    const std::size_t first = (std::max)(ordered_, word_start);
    while (at > first) {
      std::size_t before = at - 1;
      while (is_continuation(word_[before])) --before;
      std::size_t i = before;
      const UnicodeEntry& entry = pages_[next_code_point({word_.data(), end_}, i)];
      if (entry.combining_class <= combining_class) break;
      at = before;
    }
    std::array<char, 4> bytes{};
    const std::size_t count = put_utf8(code, bytes.data());
    std::copy_backward(word_.begin() + static_cast<Index>(at),
                       word_.begin() + static_cast<Index>(end_),
                       word_.begin() + static_cast<Index>(end_ + count));
    std::copy_n(bytes.begin(), count, word_.begin() + static_cast<Index>(at));
    end_ += count;
  }

  [[nodiscard]] static bool is_continuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
  }

  void finish_word() {
    if (characters_ > options_.max_word_characters) {
      out_.push_back(tokenizer_.unknown_);
    } else if (characters_ > 0) {
      match();
    }
    if (out_.size() > limit_) out_.resize(limit_);
    characters_ = 0;
    end_ = ordered_ = word_start;
  }

  /// Appends the tokens of the word: from its start on, always the longest there is.
  void match() {
    const TokenVocabulary& vocabulary = tokenizer_.vocabulary_;
    const std::size_t before = out_.size();
    for (std::size_t start = word_start; start < end_;) {
      std::size_t begin = start;
      if (start > word_start) {
        begin -= 2;
        word_[begin] = word_[begin + 1] = '#';
      }
      std::size_t stop = (std::min)(end_, begin + vocabulary.longest());
      std::int32_t id = -1;
      for (; stop > start; --stop) {
        if (stop < end_ && is_continuation(word_[stop])) continue;
        id = vocabulary.find({word_.data() + begin, stop - begin});
        if (id >= 0) break;
      }
      if (id < 0) {
        out_.resize(before);
        out_.push_back(tokenizer_.unknown_);
        return;
      }
      out_.push_back(id);
      start = stop;
    }
  }

  /// Writes a code point, returns the number of bytes.
  static std::size_t put_utf8(std::uint32_t code, char* to) {
    const auto put = [&](std::size_t k, std::uint32_t byte) { to[k] = static_cast<char>(byte); };
    const auto low = [&](std::uint32_t shift) { return 0x80U | (code >> shift & 0x3FU); };
    if (code < 0x80) {
      put(0, code);
      return 1;
    }
    if (code < 0x800) {
      put(0, 0xC0U | code >> 6U);
      put(1, low(0));
      return 2;
    }
    if (code < 0x10000) {
      put(0, 0xE0U | code >> 12U);
      put(1, low(6));
      put(2, low(0));
      return 3;
    }
    put(0, 0xF0U | code >> 18U);
    put(1, low(12));
    put(2, low(6));
    put(3, low(0));
    return 4;
  }

  const WordPiece& tokenizer_;
  const WordPieceOptions& options_;
  const UnicodePages& pages_ = unicode_pages();
  bool strip_;
  std::vector<std::int32_t>& out_;
  std::size_t limit_;
  std::size_t characters_ = 0;  ///< of the word, of which only the first are kept
  std::size_t end_ = word_start;
  std::size_t ordered_ = word_start;  ///< a removed starter stood here
  std::array<char, word_start + 4 * most_word_characters> word_;
};

ESPALIER_INLINE void WordPiece::append(std::string_view text, std::size_t most,
                                       std::vector<std::int32_t>& out) const {
  if (most == 0) return;
  Words(*this, out, out.size() + (std::min)(most, out.max_size() - out.size())).add(text);
}

}  // namespace espalier
