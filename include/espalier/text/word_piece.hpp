// SPDX-License-Identifier: Apache-2.0
// `WordPiece`: the tokenizer of BERT-family encoders; equal to that of PyPI's `tokenizers`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/text/token_vocabulary.hpp"

namespace espalier {

/// How a text is made into words. The defaults are those of "uncased" encoders.
struct WordPieceOptions {
  /// Removes control, format and private characters, U+0000 and U+FFFD.
  bool clean_text = true;
  /// Puts spaces around Chinese characters.
  bool chinese_characters = true;
  /// Unicode's lower case, by itself for each character.
  bool lower_case = true;
  /// Removes accents: canonical decomposition without category Mn. Not set: as `lower_case`.
  std::optional<bool> strip_accents{};
  /// Special tokens that are written in a text, such as "[MASK]", are tokens, as in the reference.
  /// False: they are words like others, so that a user's text cannot contain a separator.
  bool special_tokens_in_text = true;
  /// A word of more characters is unknown; 1 to 1000.
  std::size_t max_word_characters = 100;

  [[nodiscard]] bool strips_accents() const noexcept { return strip_accents.value_or(lower_case); }
  [[nodiscard]] bool operator==(const WordPieceOptions&) const = default;
};

/// A token that is found in a text before the text is made into words.
struct SpecialToken {
  std::string text;
  std::int32_t id = 0;

  [[nodiscard]] bool operator==(const SpecialToken&) const = default;
};

/// The names and ids of the tokens that have a meaning.
struct SpecialTokens {
  std::string unknown = "[UNK]";
  std::string start = "[CLS]";      ///< before the first text
  std::string separator = "[SEP]";  ///< after each text
  /// What is found in texts; empty: the three above, "[PAD]" and "[MASK]", those that there are.
  std::vector<SpecialToken> in_text{};
};

/// The tokens of a text or of a pair of texts.
struct TokenIds {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> types;  ///< 0 for the first text and its separators, 1 for the second

  [[nodiscard]] bool operator==(const TokenIds&) const = default;
};

/// Makes texts into token ids, as the reference does: cleaning, spaces around Chinese characters,
/// accents, lower case; words between white space, each punctuation character a word; each word
/// from its start into the longest tokens that the vocabulary has, or [UNK] if that leads nowhere.
///
/// Texts are UTF-8. A malformed byte is U+FFFD, which cleaning removes: no text throws. Functions
/// are const and thread-safe. Linear in the length of the text; allocates only to grow its result.
class WordPiece {
 public:
  static constexpr std::size_t most_word_characters = 1000;

  /// Throws DataError if the vocabulary lacks the unknown, start or separator token; ConfigError
  /// for `max_word_characters` outside its range, and for special tokens without text or with a
  /// negative id.
  explicit WordPiece(TokenVocabulary vocabulary, WordPieceOptions options = {},
                     SpecialTokens special = {});

  [[nodiscard]] const TokenVocabulary& vocabulary() const noexcept { return vocabulary_; }
  [[nodiscard]] const WordPieceOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::vector<SpecialToken>& special_tokens() const noexcept {
    return special_;
  }
  /// 1 + the largest id: the rows of the encoder's table, or fewer.
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int32_t unknown() const noexcept { return unknown_; }
  [[nodiscard]] std::int32_t start() const noexcept { return start_; }
  [[nodiscard]] std::int32_t separator() const noexcept { return separator_; }
  /// The id of a token, special or not; −1 if there is none: find("[PAD]"), find("[MASK]").
  [[nodiscard]] std::int32_t find(std::string_view token) const;

  /// Replaces `out` by [CLS] text [SEP], at most `length` tokens, of which the text's are the
  /// first. Throws ConfigError for `length` < 2.
  void encode(std::string_view text, std::size_t length, TokenIds& out) const;

  /// Replaces `out` by [CLS] first [SEP] second [SEP], at most `length` tokens: the longer text is
  /// cut to the length of the other, then both ("longest first"). Throws ConfigError for
  /// `length` < 3.
  void encode(std::string_view first, std::string_view second, std::size_t length,
              TokenIds& out) const;

  /// Appends the first `most` tokens of a text, without [CLS] and [SEP].
  void append(std::string_view text, std::size_t most, std::vector<std::int32_t>& out) const;

 private:
  class Words;

  /// What an ASCII character does.
  enum class Ascii : std::uint8_t { letter, white_space, punctuation, removed };
  struct AsciiRule {
    Ascii kind = Ascii::letter;
    char lower = 0;
  };

  /// The id of the longest special token at the start of `text`, and its bytes, 0 if there is none.
  [[nodiscard]] std::pair<std::int32_t, std::size_t> special_at(std::string_view text) const;

  [[nodiscard]] std::int32_t required(std::string_view token) const;

  TokenVocabulary vocabulary_;
  WordPieceOptions options_;
  std::vector<SpecialToken> special_;
  std::array<AsciiRule, 128> ascii_{};
  std::array<bool, 256> starts_special_{};
  std::size_t rows_ = 0;
  std::int32_t unknown_ = 0, start_ = 0, separator_ = 0;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/text/word_piece_definitions.hpp"
#include "espalier/text/words_definitions.hpp"
#endif
