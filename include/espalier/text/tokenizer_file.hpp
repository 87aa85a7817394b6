// SPDX-License-Identifier: Apache-2.0
// `load_word_piece`: the tokenizer in a folder of an encoder, from tokenizer.json or vocab.txt.
#pragma once

#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/text/word_piece.hpp"

namespace espalier {

/// Makes the tokenizer that a tokenizer.json of PyPI's `tokenizers` describes: vocabulary, settings
/// of the normalizer, special tokens. Its padding and truncation are ignored. `what` (the file's
/// name) begins every message. Throws DataError, naming the member and what was found, for what is
/// not JSON, for any model but WordPiece with the prefix "##", any normalizer but BertNormalizer,
/// any pre-tokenizer but BertPreTokenizer, any post-processor but that of BERT, added tokens that
/// take spaces or are normalised, ids that are not 0, 1, …, and for what TokenVocabulary refuses.
[[nodiscard]] WordPiece parse_tokenizer_json(std::string_view text, std::string_view what,
                                             bool special_tokens_in_text = true);

/// Reads the tokenizer of an encoder: tokenizer.json in `folder`, or, if there is none, vocab.txt
/// with the settings of tokenizer_config.json, if that is there. Throws IoError if a file cannot be
/// read; DataError if there is neither, or for the reasons of parse_tokenizer_json() and
/// TokenVocabulary.
[[nodiscard]] WordPiece load_word_piece(const std::string& folder,
                                        bool special_tokens_in_text = true);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/text/tokenizer_file_definitions.hpp"
#endif
