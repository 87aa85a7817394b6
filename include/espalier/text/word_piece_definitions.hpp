// SPDX-License-Identifier: Apache-2.0
// Definitions of word_piece.hpp.
#pragma once

#include "espalier/text/word_piece.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/text/json_member.hpp"
#include "espalier/text/token_vocabulary.hpp"
#include "espalier/text/unicode.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE WordPiece::WordPiece(TokenVocabulary vocabulary,
                                                   WordPieceOptions options, SpecialTokens special)
    : vocabulary_(std::move(vocabulary)),
      options_(options),
      special_(std::move(special.in_text)),
      rows_(vocabulary_.size()) {
  if (options_.max_word_characters < 1 || options_.max_word_characters > most_word_characters) {
    throw_error<ConfigError>({"max_word_characters = ", options_.max_word_characters,
                              ", expected 1 to ", most_word_characters});
  }
  if (special_.empty()) {
    for (const std::string_view name :
         {std::string_view("[PAD]"), std::string_view("[MASK]"), std::string_view(special.unknown),
          std::string_view(special.start), std::string_view(special.separator)}) {
      const std::int32_t id = vocabulary_.find(name);
      if (id >= 0) special_.push_back({std::string(name), id});
    }
  }
  for (const SpecialToken& token : special_) {
    if (token.text.empty() || token.id < 0) {
      throw_error<ConfigError>({"special token ", in_quotes(token.text), ", id ", token.id,
                                ": expected a text and an id from 0"});
    }
    rows_ = (std::max)(rows_, static_cast<std::size_t>(token.id) + 1);
    if (!options_.special_tokens_in_text) continue;
    starts_special_[static_cast<unsigned char>(token.text[0])] = true;
  }
  unknown_ = required(special.unknown);
  start_ = required(special.start);
  separator_ = required(special.separator);
  const UnicodePages& pages = unicode_pages();
  for (std::uint32_t c = 0; c < ascii_.size(); ++c) {
    const UnicodeEntry& entry = pages[c];
    ascii_[c].lower = static_cast<char>(options_.lower_case ? entry.lower(c) : c);
    ascii_[c].kind = options_.clean_text && entry.removed ? Ascii::removed
                     : entry.white_space                  ? Ascii::white_space
                     : entry.punctuation                  ? Ascii::punctuation
                                                          : Ascii::letter;
  }
}

ESPALIER_INLINE std::int32_t WordPiece::find(std::string_view token) const {
  for (const SpecialToken& known : special_) {
    if (known.text == token) return known.id;
  }
  return vocabulary_.find(token);
}

ESPALIER_COLD ESPALIER_INLINE std::int32_t WordPiece::required(std::string_view token) const {
  const std::int32_t id = find(token);
  if (id < 0) {
    throw_error<DataError>(
        {vocabulary_.what(), ": expected the special token ", in_quotes(token), ", found none"});
  }
  return id;
}

ESPALIER_INLINE std::pair<std::int32_t, std::size_t> WordPiece::special_at(
    std::string_view text) const {
  std::pair<std::int32_t, std::size_t> longest{0, 0};
  for (const SpecialToken& token : special_) {
    if (token.text.size() > longest.second && text.starts_with(token.text)) {
      longest = {token.id, token.text.size()};
    }
  }
  return longest;
}

ESPALIER_INLINE void WordPiece::encode(std::string_view text, std::size_t length,
                                       TokenIds& out) const {
  if (length < 2) throw_error<ConfigError>({"length = ", length, ", expected at least 2 tokens"});
  out.ids.assign(1, start_);
  append(text, length - 2, out.ids);
  out.ids.push_back(separator_);
  out.types.assign(out.ids.size(), 0);
}

ESPALIER_INLINE void WordPiece::encode(std::string_view first, std::string_view second,
                                       std::size_t length, TokenIds& out) const {
  if (length < 3) throw_error<ConfigError>({"length = ", length, ", expected at least 3 tokens"});
  const std::size_t most = length - 3, all = out.ids.max_size();
  out.ids.assign(1, start_);
  // All tokens: which text is longer decides where an odd token is cut.
  append(first, all, out.ids);
  std::size_t a = out.ids.size() - 1;
  append(second, all, out.ids);
  std::size_t b = out.ids.size() - 1 - a;
  const auto begin = [&](std::size_t at) { return out.ids.begin() + static_cast<Index>(at); };
  if (a + b > most) {
    const std::size_t shorter = (std::min)(a, b), half = most / 2;
    const bool cut_both = shorter > half;
    const std::size_t to_shorter = cut_both ? half : shorter, to_longer = most - to_shorter;
    const std::size_t keep_a = a > b ? to_longer : to_shorter;
    const std::size_t keep_b = most - keep_a;
    out.ids.resize(1 + a + keep_b);
    out.ids.erase(begin(1 + keep_a), begin(1 + a));
    a = keep_a;
    b = keep_b;
  }
  out.ids.insert(begin(1 + a), separator_);
  out.ids.push_back(separator_);
  out.types.assign(a + 2, 0);
  out.types.resize(a + b + 3, 1);
}

}  // namespace espalier
