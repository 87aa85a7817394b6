// SPDX-License-Identifier: Apache-2.0
// Definitions of word_piece_tokenizer.hpp.
#pragma once

#include "espalier/text/word_piece_tokenizer.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE WordPieceTokenizer::WordPieceTokenizer(WordPiece word_piece)
    : word_piece_(std::move(word_piece)), tokens_(word_piece_.vocabulary().tokens()) {
  // Special tokens may have ids behind the vocabulary.
  while (tokens_.size() < word_piece_.rows()) {
    std::string name = "[row " + std::to_string(tokens_.size()) + "]";
    for (const SpecialToken& special : word_piece_.special_tokens())
      if (static_cast<std::size_t>(special.id) == tokens_.size()) name = special.text;
    tokens_.push_back(std::move(name));
  }
}

ESPALIER_INLINE void WordPieceTokenizer::append(std::string_view text, std::size_t most,
                                                std::vector<std::int32_t>& rows) const {
  const std::size_t begin = rows.size();
  rows.push_back(word_piece_.start());
  word_piece_.append(text, most > 2 ? most - 2 : 0, rows);
  rows.push_back(word_piece_.separator());
  for (std::size_t i = begin; i < rows.size(); ++i) ++rows[i];
}

ESPALIER_COLD ESPALIER_INLINE std::string WordPieceTokenizer::settings() const {
  const WordPieceOptions& o = word_piece_.options();
  Json made = Json::object();
  made.set("clean_text", o.clean_text);
  made.set("chinese_characters", o.chinese_characters);
  made.set("lower_case", o.lower_case);
  made.set("strip_accents", o.strips_accents());
  made.set("special_tokens_in_text", o.special_tokens_in_text);
  made.set("max_word_characters", static_cast<double>(o.max_word_characters));
  const auto name = [&](std::int32_t id) { return tokens_[static_cast<std::size_t>(id)]; };
  made.set("unknown", name(word_piece_.unknown()));
  made.set("start", name(word_piece_.start()));
  made.set("separator", name(word_piece_.separator()));
  made.set("vocabulary", static_cast<double>(word_piece_.vocabulary().size()));
  std::vector<Json> in_text;
  for (const SpecialToken& special : word_piece_.special_tokens())
    in_text.push_back(
        Json::object().set("text", special.text).set("id", static_cast<double>(special.id)));
  made.set("in_text", Json::array(std::move(in_text)));
  return made.dump();
}

ESPALIER_COLD ESPALIER_INLINE std::shared_ptr<const TextTokenizer> WordPieceTokenizer::restore(
    const std::vector<std::string>& tokens, const std::string& settings) {
  const Json json = Json::parse(settings);
  WordPieceOptions o;
  o.clean_text = json.at("clean_text").as_bool();
  o.chinese_characters = json.at("chinese_characters").as_bool();
  o.lower_case = json.at("lower_case").as_bool();
  o.strip_accents = json.at("strip_accents").as_bool();
  o.special_tokens_in_text = json.at("special_tokens_in_text").as_bool();
  o.max_word_characters = static_cast<std::size_t>(json.at("max_word_characters").as_integer());
  // Tokens behind the vocabulary are found as special ones only.
  const std::int64_t size = json.at("vocabulary").as_integer();
  if (size < 1 || size > static_cast<std::int64_t>(tokens.size()))
    throw_error<DataError>({"tokenizer of the model: a vocabulary of ", static_cast<Index>(size),
                            " tokens, expected 1 to ", tokens.size()});
  TokenVocabulary vocabulary({tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(size)},
                             "tokenizer of the model");
  SpecialTokens special;
  special.unknown = json.at("unknown").as_string();
  special.start = json.at("start").as_string();
  special.separator = json.at("separator").as_string();
  for (const Json& one : json.at("in_text").items()) {
    const std::int64_t id = one.at("id").as_integer();
    if (id < 0 || id >= static_cast<std::int64_t>(tokens.size()))
      throw_error<DataError>({"tokenizer of the model: special token ", static_cast<Index>(id),
                              ", expected one below ", tokens.size()});
    special.in_text.push_back({one.at("text").as_string(), static_cast<std::int32_t>(id)});
  }
  return std::make_shared<const WordPieceTokenizer>(WordPiece(std::move(vocabulary), o, special));
}

}  // namespace espalier
