// SPDX-License-Identifier: Apache-2.0
// The first byte says what the rest is: v a vocab.txt, j a tokenizer.json, c a config.json, others
// the options of a tokenizer and a text. A file is accepted or throws one DataError; a text has
// tokens of the vocabulary, at most as many as asked for, and a longer limit only adds to them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/text/encoder_config.hpp"
#include "espalier/text/tokenizer_file.hpp"
#include "espalier/text/word_piece.hpp"

using namespace espalier;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_texts(const WordPiece& tokenizer, std::string_view text) {
  std::vector<std::int32_t> all, some;
  tokenizer.append(text, all.max_size(), all);
  for (const std::int32_t id : all) {
    require(id >= 0 && static_cast<std::size_t>(id) < tokenizer.rows());
  }
  const std::size_t most = text.size() % 7;
  tokenizer.append(text, most, some);
  require(some.size() == (std::min)(most, all.size()));
  require(std::equal(some.begin(), some.end(), all.begin()));
  TokenIds pair;
  const std::string_view first = text.substr(0, text.size() / 3);
  tokenizer.encode(first, text.substr(first.size()), 3 + most, pair);
  require(pair.ids.size() <= 3 + most && pair.ids.size() == pair.types.size());
  require(pair.ids.front() == tokenizer.start() && pair.ids.back() == tokenizer.separator());
  require(std::is_sorted(pair.types.begin(), pair.types.end()));
}

void check_vocabulary(std::string_view text) {
  const TokenVocabulary vocabulary = TokenVocabulary::parse(text, "input");
  for (std::size_t id = 0; id < vocabulary.size(); ++id) {
    require(vocabulary.find(vocabulary.tokens()[id]) == static_cast<std::int32_t>(id));
  }
  check_texts(WordPiece(vocabulary), text);
}

const TokenVocabulary& small_vocabulary() {
  static const TokenVocabulary made({"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "a", "##a", "b",
                                     "##b", "ab", "##ab", "\xC3\xA9", "##\xC3\xA9", ".", "[", "]",
                                     "\xCC\x87", "##\xCC\x87", "\xE4\xB8\xAD"});
  return made;
}

WordPieceOptions options_of(unsigned bits) {
  WordPieceOptions options;
  options.clean_text = (bits & 1U) != 0;
  options.chinese_characters = (bits & 2U) != 0;
  options.lower_case = (bits & 4U) != 0;
  options.strip_accents = (bits & 8U) != 0;
  options.special_tokens_in_text = (bits & 16U) != 0;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0]) {
      case 'v':
        check_vocabulary(text);
        break;
      case 'j':
        check_texts(parse_tokenizer_json(text, "input"), text);
        break;
      case 'c':
        static_cast<void>(parse_encoder_config(text, "input"));
        break;
      default:
        check_texts(WordPiece(small_vocabulary(), options_of(data[0])), text);
    }
  } catch (const DataError&) {
    return 0;
  }
  return 0;
}
