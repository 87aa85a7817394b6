// SPDX-License-Identifier: Apache-2.0
// Definitions of tokenizer_file.hpp.
#pragma once

#include "espalier/text/tokenizer_file.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/text/json_member.hpp"
#include "espalier/text/token_vocabulary.hpp"
#include "espalier/text/word_piece.hpp"

namespace espalier {

namespace tokenizer_detail {

inline constexpr std::int64_t max_id = std::numeric_limits<std::int32_t>::max() - 1;

ESPALIER_COLD inline void require_text(const JsonMember& member, std::string_view expected) {
  if (!member.is(expected)) member.fail("\"" + std::string(expected) + "\"");
}

/// The tokens of model.vocab in the order of their ids, which must be 0, 1, ….
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> tokens_of(const JsonMember& member) {
  const Json& map = member.object();
  std::vector<std::string> tokens(map.size());
  std::vector<bool> taken(map.size(), false);
  for (std::size_t k = 0; k < map.size(); ++k) {
    const std::string& token = map.keys()[k];
    const Json& item = map.items()[k];
    const double id = item.is_number() ? item.as_number() : -1;
    // Not integer(): the name of each member would be made.
    if (!(id >= 0 && id < static_cast<double>(map.size())) || id != std::floor(id)) {
      member[token].fail(message({"an id from 0 to ", map.size() - 1, ", one for each token"}));
    }
    const auto at = static_cast<std::size_t>(id);
    if (taken[at]) member[token].fail("an id that " + in_quotes(tokens[at]) + " does not have");
    taken[at] = true;
    tokens[at] = token;
  }
  return tokens;
}

[[nodiscard]] ESPALIER_COLD inline WordPieceOptions options_of(const JsonMember& root) {
  WordPieceOptions options;
  const JsonMember normalizer = root["normalizer"];
  require_text(normalizer["type"], "BertNormalizer");
  options.clean_text = normalizer["clean_text"].boolean(true);
  options.chinese_characters = normalizer["handle_chinese_chars"].boolean(true);
  options.lower_case = normalizer["lowercase"].boolean(true);
  const JsonMember accents = normalizer["strip_accents"];
  if (!accents.missing()) options.strip_accents = accents.boolean();
  require_text(root["pre_tokenizer"]["type"], "BertPreTokenizer");
  const JsonMember most = root["model"]["max_input_chars_per_word"];
  if (!most.missing()) {
    options.max_word_characters = static_cast<std::size_t>(
        most.integer(1, static_cast<std::int64_t>(WordPiece::most_word_characters)));
  }
  return options;
}

/// Tokens that are found in texts.
[[nodiscard]] ESPALIER_COLD inline std::vector<SpecialToken> added_tokens(const JsonMember& added) {
  std::vector<SpecialToken> tokens;
  if (added.missing()) return tokens;
  for (std::size_t k = 0; k < added.array().size(); ++k) {
    const JsonMember token = added[k];
    for (const char* const option : {"single_word", "lstrip", "rstrip", "normalized"}) {
      if (token[option].boolean(false)) token[option].fail("false");
    }
    const std::string& text = token["content"].text();
    if (text.empty()) token["content"].fail("a token");
    tokens.push_back({text, static_cast<std::int32_t>(token["id"].integer(0, max_id))});
  }
  return tokens;
}

/// Reads one step of a template: a special token or a text, with its type id.
ESPALIER_COLD inline std::string template_step(const JsonMember& step, bool special,
                                               std::int64_t type) {
  const JsonMember item = step[special ? "SpecialToken" : "Sequence"];
  static_cast<void>(item.object());
  static_cast<void>(item["type_id"].integer(type, type));
  return item["id"].text();
}

/// Sets the names of [CLS] and [SEP]: those of "[CLS] A [SEP]" and "[CLS] A [SEP] B [SEP]".
ESPALIER_COLD inline void read_template(const JsonMember& processor, SpecialTokens& special) {
  const JsonMember single = processor["single"], pair = processor["pair"];
  if (single.array().size() != 3) single.fail("[CLS] A [SEP]");
  if (pair.array().size() != 5) pair.fail("[CLS] A [SEP] B [SEP]");
  special.start = template_step(single[0], true, 0);
  special.separator = template_step(single[2], true, 0);
  const auto require = [](const JsonMember& step, bool is_special, std::int64_t type,
                          std::string_view name) {
    if (template_step(step, is_special, type) != name) step.fail(name);
  };
  require(single[1], false, 0, "A");
  require(pair[0], true, 0, special.start);
  require(pair[1], false, 0, "A");
  require(pair[2], true, 0, special.separator);
  require(pair[3], false, 1, "B");
  require(pair[4], true, 1, special.separator);
}

/// Throws DataError unless the tokenizer knows the token under this id.
ESPALIER_COLD inline void require_id(const WordPiece& tokenizer, const std::string& token,
                                     const JsonMember& id) {
  const std::int64_t found = id.integer(0, max_id);
  if (tokenizer.find(token) != found) {
    id.fail(message({"the id of ", in_quotes(token), ", ", tokenizer.find(token)}));
  }
}

ESPALIER_COLD inline void require_ids(const WordPiece& tokenizer, const SpecialTokens& special,
                                      const JsonMember& processor) {
  if (processor["type"].is("BertProcessing")) {
    require_id(tokenizer, special.start, processor["cls"][1]);
    require_id(tokenizer, special.separator, processor["sep"][1]);
    return;
  }
  for (const std::string& token : {special.start, special.separator}) {
    const JsonMember ids = processor["special_tokens"][token]["ids"];
    if (ids.array().size() != 1) ids.fail("one id");
    require_id(tokenizer, token, ids[0]);
  }
}

[[nodiscard]] ESPALIER_COLD inline WordPiece make(const JsonMember& root, std::string_view what,
                                                  bool special_tokens_in_text) {
  const JsonMember model = root["model"], processor = root["post_processor"];
  require_text(model["type"], "WordPiece");
  WordPieceOptions options = options_of(root);
  options.special_tokens_in_text = special_tokens_in_text;
  require_text(model["continuing_subword_prefix"], "##");
  SpecialTokens special;
  special.unknown = model["unk_token"].text();
  if (processor["type"].is("BertProcessing")) {
    special.start = processor["cls"][0].text();
    special.separator = processor["sep"][0].text();
  } else {
    require_text(processor["type"], "TemplateProcessing");
    read_template(processor, special);
  }
  special.in_text = added_tokens(root["added_tokens"]);
  WordPiece made(TokenVocabulary(tokens_of(model["vocab"]), what), options, special);
  require_ids(made, special, processor);
  for (std::size_t k = 0; k < special.in_text.size(); ++k) {
    const SpecialToken& token = special.in_text[k];
    const std::int32_t known = made.vocabulary().find(token.text);
    const JsonMember id = root["added_tokens"][k]["id"];
    if (known >= 0 && known != token.id) {
      id.fail(message({"the id of ", in_quotes(token.text), " in model.vocab, ", known}));
    }
    if (known < 0 && static_cast<std::size_t>(token.id) < made.vocabulary().size()) {
      id.fail("an id that no token of model.vocab has");
    }
  }
  return made;
}

/// The settings of a vocab.txt.
[[nodiscard]] ESPALIER_COLD inline WordPieceOptions config_options(const std::string& path) {
  WordPieceOptions options;
  if (!file_exists(path)) return options;
  const Json root = Json::parse(read_file(path), path);
  const JsonMember config(path, root);
  static_cast<void>(config.object());
  options.lower_case = config["do_lower_case"].boolean(true);
  options.chinese_characters = config["tokenize_chinese_chars"].boolean(true);
  const JsonMember accents = config["strip_accents"];
  if (!accents.missing()) options.strip_accents = accents.boolean();
  return options;
}

}  // namespace tokenizer_detail

ESPALIER_COLD ESPALIER_INLINE WordPiece parse_tokenizer_json(std::string_view text,
                                                             std::string_view what,
                                                             bool special_tokens_in_text) {
  const Json root = Json::parse(text, what);
  const JsonMember file(what, root);
  static_cast<void>(file.object());
  return tokenizer_detail::make(file, what, special_tokens_in_text);
}

ESPALIER_COLD ESPALIER_INLINE WordPiece load_word_piece(const std::string& folder,
                                                        bool special_tokens_in_text) {
  const std::string json = folder + "/tokenizer.json", text = folder + "/vocab.txt";
  if (file_exists(json)) {
    const InputFile file(json);
    if (file.size() > TokenVocabulary::max_file_bytes) {
      throw_error<DataError>(
          {json, ": ", file.size(), " bytes, expected at most ", TokenVocabulary::max_file_bytes});
    }
    return parse_tokenizer_json(read_file(json), json, special_tokens_in_text);
  }
  if (!file_exists(text)) {
    throw_error<DataError>({folder, ": expected tokenizer.json or vocab.txt, found neither"});
  }
  WordPieceOptions options = tokenizer_detail::config_options(folder + "/tokenizer_config.json");
  options.special_tokens_in_text = special_tokens_in_text;
  return WordPiece(TokenVocabulary::read(text), options);
}

}  // namespace espalier
