// SPDX-License-Identifier: Apache-2.0
// `TokenVocabulary`: the tokens of an encoder and their ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier {

/// Tokens, numbered from 0 in their order. Tokens that continue a word begin with "##".
class TokenVocabulary {
 public:
  static constexpr std::size_t max_tokens = std::size_t{1} << 22U;
  static constexpr std::size_t max_token_bytes = 1000;
  static constexpr std::size_t max_file_bytes = std::size_t{1} << 28U;

  /// `what` (a file name) begins every message. Throws DataError, naming the first such token, if
  /// there are none, more than `max_tokens`, or if one is empty, longer than `max_token_bytes`, not
  /// UTF-8 or there already.
  explicit TokenVocabulary(const std::vector<std::string>& tokens,
                           std::string_view what = "vocabulary");

  /// Parses a vocab.txt: one token a line, white space at the end of lines ignored. Throws
  /// DataError, naming the line, for the same reasons.
  [[nodiscard]] static TokenVocabulary parse(std::string_view text, std::string_view what);

  /// Reads a vocab.txt. Throws IoError if the file cannot be read; DataError as parse(), or if the
  /// file has more than `max_file_bytes`.
  [[nodiscard]] static TokenVocabulary read(const std::string& path);

  /// The name that begins messages about this vocabulary.
  [[nodiscard]] const std::string& what() const noexcept { return what_; }
  [[nodiscard]] std::size_t size() const noexcept { return tokens_.size(); }
  [[nodiscard]] const std::vector<std::string>& tokens() const noexcept { return tokens_.values(); }
  /// Bytes of the longest token.
  [[nodiscard]] std::size_t longest() const noexcept { return longest_; }

  /// Returns the id; −1 if there is no such token.
  [[nodiscard]] std::int32_t find(std::string_view token) const { return tokens_.find(token); }

 private:
  TokenVocabulary() = default;

  /// Adds a token; messages name its line or its number.
  void add(std::string_view token, bool lines);

  std::string what_;
  Dictionary tokens_;
  std::size_t longest_ = 0;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/text/token_vocabulary_definitions.hpp"
#endif
