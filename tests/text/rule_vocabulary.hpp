// SPDX-License-Identifier: Apache-2.0
// A vocabulary and texts made by rules, the same as in tests/golden/wordpiece.py, so that the ids
// of every code point can be compared with the reference's by a checksum.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/core/utf8.hpp"
#include "espalier/text/word_piece.hpp"

namespace espalier_test {

/// Options as a number: 1 clean, 2 Chinese characters, 4 lower case, 8 accents, 16 no special
/// tokens in texts.
inline espalier::WordPieceOptions options_of_bits(std::uint32_t bits) {
  espalier::WordPieceOptions options;
  options.clean_text = (bits & 1U) != 0;
  options.chinese_characters = (bits & 2U) != 0;
  options.lower_case = (bits & 4U) != 0;
  options.strip_accents = (bits & 8U) != 0;
  options.special_tokens_in_text = (bits & 16U) == 0;
  return options;
}

inline bool is_scalar(std::uint32_t code) { return code < 0xD800 || code > 0xDFFF; }

/// Five special tokens; every code point below U+30000, alone and as the rest of a word; a third of
/// the pairs of letters, a ninth of the triples of the first six.
inline espalier::TokenVocabulary rule_vocabulary() {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  const auto add = [&](const std::string& token) {
    tokens.push_back(token);
    tokens.push_back("##" + token);
  };
  for (std::uint32_t code = 1; code < 0x30000; ++code) {
    if (!is_scalar(code)) continue;
    std::string token;
    espalier::append_utf8(token, code);
    add(token);
  }
  const auto letter = [](std::uint32_t k) { return static_cast<char>('a' + k); };
  for (std::uint32_t k = 0; k < 26 * 26; k += 3) add({letter(k / 26), letter(k % 26)});
  for (std::uint32_t k = 0; k < 6 * 6 * 6; k += 9) {
    add({letter(k / 36), letter(k / 6 % 6), letter(k % 6)});
  }
  return espalier::TokenVocabulary(tokens);
}

/// Text number `n`: pieces of many scripts, symbols, controls, marks and special tokens, with long
/// words now and then.
inline std::string varied_text(std::uint64_t n) {
  using Range = std::array<std::uint32_t, 2>;
  constexpr Range ranges[] = {
      {0x20, 0x7E},       {0x61, 0x7A},       {0x41, 0x5A},       {0x61, 0x66},
      {0x00, 0x1F},       {0x7F, 0xFF},       {0x100, 0x24F},     {0x300, 0x36F},
      {0x370, 0x3FF},     {0x400, 0x52F},     {0x530, 0x58F},     {0x590, 0x5FF},
      {0x600, 0x6FF},     {0x700, 0x8FF},     {0x900, 0xDFF},     {0xE00, 0xFFF},
      {0x1000, 0x109F},   {0x10A0, 0x10FF},   {0x1100, 0x11FF},   {0x1200, 0x137F},
      {0x13A0, 0x13FF},   {0x1780, 0x18AF},   {0x1AB0, 0x1CFF},   {0x1DC0, 0x1DFF},
      {0x1E00, 0x1FFF},   {0x2000, 0x206F},   {0x2070, 0x2BFF},   {0x2C00, 0x2E7F},
      {0x3000, 0x30FF},   {0x3100, 0x33FF},   {0x4E00, 0x9FFF},   {0xA640, 0xA8FF},
      {0xA900, 0xABFF},   {0xAC00, 0xD7A3},   {0xE000, 0xF8FF},   {0xF900, 0xFAFF},
      {0xFB00, 0xFDFF},   {0xFE00, 0xFFFD},   {0x10000, 0x10FFF}, {0x11000, 0x11FFF},
      {0x1D100, 0x1D1FF}, {0x1E000, 0x1E95F}, {0x1F000, 0x1FAFF}, {0x20000, 0x323AF},
      {0xE0000, 0xE01EF}, {0x1F600, 0x1F64F},
  };
  constexpr std::string_view words[] = {
      " ",      "\n",           "[SEP]",  "[MASK]", "[CLS",  "e\u0301",       "I\u0307", "don't",
      "\u00A0", "\u1100\u1161", "\u200D", "##",     "[UNK]", "a\u0316\u0300", "[[PAD]]", "\u0130",
  };
  // Characters whose order decomposition changes, or that stop it.
  constexpr std::uint32_t ordered[] = {0x61,    0x301,   0x316,   0x1B44,  0x302E, 0x1E944,
                                       0x1E94A, 0x1D165, 0x1D16D, 0x900,   0x8D4,  0x11235,
                                       0x1E000, 0x34F,   0xC48,   0x1D15E, 0xAC01, 0x344};
  std::uint64_t counter = 0;
  const auto below = [&](std::uint64_t most) {
    return espalier::mix(n * 1'000'003 + counter++) % most;
  };
  std::string text;
  for (std::uint64_t pieces = below(12); pieces > 0; --pieces) {
    const std::uint64_t kind = below(10);
    if (kind < 2) {
      text += words[below(std::size(words))];
      continue;
    }
    if (kind == 3) {
      for (std::uint64_t length = below(8); length > 0; --length) {
        espalier::append_utf8(text, ordered[below(std::size(ordered))]);
      }
      continue;
    }
    const Range range = ranges[below(std::size(ranges))];
    const std::uint64_t length = kind == 2 ? below(150) : 1 + below(6);
    for (std::uint64_t k = 0; k < length; ++k) {
      espalier::append_utf8(text,
                            range[0] + static_cast<std::uint32_t>(below(range[1] - range[0] + 1)));
    }
    if (below(2) == 0) text += ' ';
  }
  return text;
}

/// Continues a checksum of token ids.
inline std::uint64_t checksum(std::uint64_t sum, std::span<const std::int32_t> ids) {
  for (const std::int32_t id : ids) sum = espalier::mix(sum ^ static_cast<std::uint32_t>(id));
  return espalier::mix(sum ^ 0xFFFFFFFFULL);
}

}  // namespace espalier_test
