// SPDX-License-Identifier: Apache-2.0
// Every code point, and texts of many scripts, against checksums of the reference's token ids.
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "espalier/core/utf8.hpp"
#include "espalier/text/word_piece.hpp"
#include "text/rule_vocabulary.hpp"

using namespace espalier;

namespace {

constexpr std::uint32_t block = 4096, texts_a_sum = 500;

struct Golden {
  std::uint32_t options;
  std::array<std::uint32_t, 0x110000 / block> code_points;
  std::array<std::uint32_t, 10'000 / texts_a_sum> texts;
};

constexpr Golden golden[] = {
#include "word_piece_golden.inc"
};

const TokenVocabulary& vocabulary() {
  static const TokenVocabulary made = espalier_test::rule_vocabulary();
  return made;
}

std::uint64_t continued(std::uint64_t sum, const WordPiece& tokenizer, const std::string& text) {
  static TokenIds out;
  tokenizer.encode(text, std::size_t{1} << 30U, out);
  return espalier_test::checksum(sum, out.ids);
}

}  // namespace

TEST_CASE("every code point has the reference's token ids, alone and between letters") {
  for (const Golden& expected : golden) {
    CAPTURE(expected.options);
    const WordPiece tokenizer(vocabulary(), espalier_test::options_of_bits(expected.options));
    for (std::uint32_t k = 0; k < expected.code_points.size(); ++k) {
      std::uint64_t sum = 0;
      for (std::uint32_t code = k * block; code < (k + 1) * block; ++code) {
        if (!espalier_test::is_scalar(code)) continue;
        std::string text;
        append_utf8(text, code);
        sum = continued(sum, tokenizer, text);
        sum = continued(sum, tokenizer, "a" + text + "b");
      }
      CAPTURE(k * block);
      CHECK((sum >> 32U) == expected.code_points[k]);
    }
  }
}

TEST_CASE("10,000 varied texts have the reference's token ids") {
  for (const Golden& expected : golden) {
    CAPTURE(expected.options);
    const WordPiece tokenizer(vocabulary(), espalier_test::options_of_bits(expected.options));
    for (std::uint32_t k = 0; k < expected.texts.size(); ++k) {
      std::uint64_t sum = 0;
      for (std::uint32_t n = k * texts_a_sum; n < (k + 1) * texts_a_sum; ++n) {
        sum = continued(sum, tokenizer, espalier_test::varied_text(n));
      }
      CAPTURE(k * texts_a_sum);
      CHECK((sum >> 32U) == expected.texts[k]);
    }
  }
}
