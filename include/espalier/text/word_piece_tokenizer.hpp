// SPDX-License-Identifier: Apache-2.0
// `WordPieceTokenizer`: WordPiece as the tokenizer of a Text input, saved and restored with a
// model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/text_tokenizer.hpp"
#include "espalier/text/word_piece.hpp"

namespace espalier {

class WordPieceTokenizer final : public TextTokenizer {
 public:
  explicit WordPieceTokenizer(WordPiece word_piece);

  void append(std::string_view text, std::size_t most,
              std::vector<std::int32_t>& rows) const override;
  [[nodiscard]] const std::vector<std::string>& tokens() const override { return tokens_; }
  [[nodiscard]] std::string settings() const override;

  /// Makes the tokenizer that had these tokens and settings. Throws DataError for settings of
  /// another structure, and what WordPiece throws.
  [[nodiscard]] static std::shared_ptr<const TextTokenizer> restore(
      const std::vector<std::string>& tokens, const std::string& settings);

 private:
  WordPiece word_piece_;
  std::vector<std::string> tokens_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/text/word_piece_tokenizer_definitions.hpp"
#endif
