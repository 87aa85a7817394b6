// SPDX-License-Identifier: Apache-2.0
// `TextTokenizer`: makes texts into rows of an embedding table, for Text inputs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// The interface of tokenizers. Implementations are thread-safe.
class TextTokenizer {
 public:
  TextTokenizer() = default;
  TextTokenizer(const TextTokenizer&) = delete;
  TextTokenizer& operator=(const TextTokenizer&) = delete;
  virtual ~TextTokenizer() = default;

  /// Appends the rows of the text's tokens, at most `most` with special ones: 1 + the token's id.
  virtual void append(std::string_view text, std::size_t most,
                      std::vector<std::int32_t>& rows) const = 0;
  /// The tokens of rows 1, 2, …, all different.
  [[nodiscard]] virtual const std::vector<std::string>& tokens() const = 0;
  /// What a copy is made of, besides the tokens; saved with a model.
  [[nodiscard]] virtual std::string settings() const = 0;
};

}  // namespace espalier
