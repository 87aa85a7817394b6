// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/text/tokenizer_file.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::message_of;
using espalier_test::TemporaryFolder;

namespace {

/// A tokenizer.json of the form that `tokenizers` writes.
Json good() {
  return Json::parse(R"({"version":"1.0",
    "truncation":{"max_length":4,"strategy":"LongestFirst","stride":0},
    "padding":{"strategy":{"Fixed":128},"pad_id":0,"pad_type_id":0,"pad_token":"[PAD]"},
    "added_tokens":[
      {"id":2,"content":"[CLS]","single_word":false,"lstrip":false,"rstrip":false,
       "normalized":false,"special":true},
      {"id":3,"content":"[SEP]","normalized":false}],
    "normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,
      "strip_accents":null,"lowercase":true},
    "pre_tokenizer":{"type":"BertPreTokenizer"},
    "post_processor":{"type":"TemplateProcessing",
      "single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
        {"SpecialToken":{"id":"[SEP]","type_id":0}}],
      "pair":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}},
        {"SpecialToken":{"id":"[SEP]","type_id":0}},{"Sequence":{"id":"B","type_id":1}},
        {"SpecialToken":{"id":"[SEP]","type_id":1}}],
      "special_tokens":{"[CLS]":{"id":"[CLS]","ids":[2],"tokens":["[CLS]"]},
        "[SEP]":{"id":"[SEP]","ids":[3],"tokens":["[SEP]"]}}},
    "decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
    "model":{"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##",
      "max_input_chars_per_word":100,
      "vocab":{"the":4,"[PAD]":0,"[UNK]":1,"##s":5,"[CLS]":2,"[SEP]":3}}})");
}

/// Sets a member, given by the keys to it.
Json with(const std::vector<std::string_view>& keys, const Json& value, const Json& in = good(),
          std::size_t at = 0) {
  if (at == keys.size()) return value;
  Json changed = in;
  const Json* inner = in.find(keys[at]);
  return changed.set(keys[at], with(keys, value, inner == nullptr ? Json() : *inner, at + 1));
}

std::string error(const Json& json) {
  return message_of([&] { static_cast<void>(parse_tokenizer_json(json.dump(), "t.json")); });
}

std::vector<std::int32_t> ids(const WordPiece& tokenizer, std::string_view text) {
  TokenIds out;
  tokenizer.encode(text, 100, out);
  return out.ids;
}

}  // namespace

TEST_CASE(
    "a tokenizer.json gives vocabulary, settings and special tokens, without its truncation") {
  const WordPiece t = parse_tokenizer_json(good().dump(), "t.json");
  CHECK(t.options() == WordPieceOptions{});
  CHECK(ids(t, "The thes [SEP] x the the") == std::vector<std::int32_t>{2, 4, 4, 5, 3, 1, 4, 4, 3});
  CHECK(ids(t, "[PAD]") == std::vector<std::int32_t>{2, 1, 1, 1, 3});  // not an added token
  CHECK(t.special_tokens().size() == 2);
  CHECK(ids(parse_tokenizer_json(good().dump(), "t.json", false), "[SEP]") ==
        std::vector<std::int32_t>{2, 1, 1, 1, 3});
  const WordPiece cased = parse_tokenizer_json(
      with({"normalizer"}, Json::parse(R"({"type":"BertNormalizer","clean_text":false,
        "handle_chinese_chars":false,"strip_accents":true,"lowercase":false})"))
          .dump(),
      "t.json");
  CHECK(cased.options() == WordPieceOptions{false, false, false, true, true, 100});
  const Json processing =
      Json::parse(R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]})");
  CHECK(ids(parse_tokenizer_json(with({"post_processor"}, processing).dump(), "t"), "the") ==
        std::vector<std::int32_t>{2, 4, 3});
  CHECK(parse_tokenizer_json(with({"model", "max_input_chars_per_word"}, 7).dump(), "t")
            .options()
            .max_word_characters == 7);
  const Json added = Json::parse(R"([{"id":9,"content":"<x>"}])");
  CHECK(ids(parse_tokenizer_json(with({"added_tokens"}, added).dump(), "t"), "a<x>") ==
        std::vector<std::int32_t>{2, 1, 9, 3});
}

TEST_CASE("other tokenizers are refused, naming what was found") {
  CHECK(error(with({"model", "type"}, "BPE")) ==
        "t.json: model.type: expected \"WordPiece\", found \"BPE\"");
  CHECK(error(with({"model"}, Json())) == "t.json: model.type: expected \"WordPiece\", found none");
  CHECK(error(with({"normalizer"}, Json::parse(R"({"type":"Sequence","normalizers":[]})"))) ==
        "t.json: normalizer.type: expected \"BertNormalizer\", found \"Sequence\"");
  CHECK(error(with({"normalizer"}, Json())) ==
        "t.json: normalizer.type: expected \"BertNormalizer\", found none");
  CHECK(error(with({"normalizer", "lowercase"}, 1)) ==
        "t.json: normalizer.lowercase: expected true or false, found 1");
  CHECK(error(with({"pre_tokenizer", "type"}, "Whitespace")) ==
        "t.json: pre_tokenizer.type: expected \"BertPreTokenizer\", found \"Whitespace\"");
  CHECK(error(with({"model", "continuing_subword_prefix"}, "@@")) ==
        "t.json: model.continuing_subword_prefix: expected \"##\", found \"@@\"");
  CHECK(error(with({"model", "max_input_chars_per_word"}, 1e9)) ==
        "t.json: model.max_input_chars_per_word: expected an integer from 1 to 1000, found "
        "1000000000");
  CHECK(
      error(with({"post_processor", "type"}, "RobertaProcessing")) ==
      "t.json: post_processor.type: expected \"TemplateProcessing\", found \"RobertaProcessing\"");
  CHECK(error(with({"post_processor", "single"}, Json::array())) ==
        "t.json: post_processor.single: expected [CLS] A [SEP], found []");
  Json pair = good().at("post_processor").at("pair");
  pair = Json::array(
      {pair.items()[0], pair.items()[1], pair.items()[2], pair.items()[1], pair.items()[4]});
  CHECK(
      error(with({"post_processor", "pair"}, pair)) ==
      "t.json: post_processor.pair[3].Sequence.type_id: expected an integer from 1 to 1, found 0");
  CHECK(error(with({"added_tokens"}, Json::parse(R"([{"id":3,"content":"x","lstrip":true}])"))) ==
        "t.json: added_tokens[0].lstrip: expected false, found true");
  CHECK(error(Json::array()) == "t.json: expected an object, found []");
}

TEST_CASE("ids that do not fit each other are refused, naming the token") {
  CHECK(error(with({"model", "vocab", "the"}, 5)) ==
        "t.json: model.vocab.##s: expected an id that \"the\" does not have, found 5");
  for (const Json& wrong : {Json(6), Json(-1), Json(0.5), Json("4"), Json(1e300)}) {
    CHECK(error(with({"model", "vocab", "the"}, wrong)) ==
          "t.json: model.vocab.the: expected an id from 0 to 5, one for each token, found " +
              wrong.dump());
  }
  CHECK(error(with({"model", "vocab", "two\nlines"}, 4)).find('\n') == std::string::npos);
  CHECK(error(with({"model", "vocab"}, Json::array())) ==
        "t.json: model.vocab: expected an object, found []");
  CHECK(error(with({"model", "unk_token"}, "<unk>")) ==
        "t.json: expected the special token \"<unk>\", found none");
  CHECK(error(with({"post_processor", "special_tokens", "[CLS]", "ids"}, Json::array({3}))) ==
        "t.json: post_processor.special_tokens.[CLS].ids[0]: expected the id of \"[CLS]\", 2, "
        "found 3");
  CHECK(error(with({"added_tokens"}, Json::parse(R"([{"id":1,"content":"the"}])"))) ==
        "t.json: added_tokens[0].id: expected the id of \"the\" in model.vocab, 4, found 1");
  CHECK(error(with({"added_tokens"}, Json::parse(R"([{"id":1,"content":"<x>"}])"))) ==
        "t.json: added_tokens[0].id: expected an id that no token of model.vocab has, found 1");
  CHECK(
      error(with({"added_tokens"}, Json::parse(R"([{"id":1e12,"content":"<x>"}])"))) ==
      "t.json: added_tokens[0].id: expected an integer from 0 to 2147483646, found 1000000000000");
  CHECK(message_of([] {
          static_cast<void>(parse_tokenizer_json("{\"a\":\"\xFF\"}", "t.json"));
        }).starts_with("t.json: byte 6: "));
  CHECK(message_of([] {
          static_cast<void>(parse_tokenizer_json(R"({"a":1,"a":2})", "t.json"));
        }).starts_with("t.json: byte 7: "));
}

TEST_CASE("the tokenizer of a folder is tokenizer.json, or vocab.txt with its settings") {
  const TemporaryFolder folder;
  CHECK(message_of([&] { static_cast<void>(load_word_piece(folder.path())); }) ==
        folder.path() + ": expected tokenizer.json or vocab.txt, found neither");
  write_file_atomically(folder / "vocab.txt", "[UNK]\n[CLS]\n[SEP]\nThe\nthe\n");
  CHECK(ids(load_word_piece(folder.path()), "The") == std::vector<std::int32_t>{1, 4, 2});
  write_file_atomically(folder / "tokenizer_config.json",
                        R"({"do_lower_case":false,"strip_accents":true})");
  CHECK(ids(load_word_piece(folder.path()), "Th\u00E9") == std::vector<std::int32_t>{1, 3, 2});
  CHECK(load_word_piece(folder.path()).options().chinese_characters);
  write_file_atomically(folder / "tokenizer_config.json", R"({"do_lower_case":"no"})");
  CHECK(message_of([&] { static_cast<void>(load_word_piece(folder.path())); }) ==
        folder / "tokenizer_config.json" + ": do_lower_case: expected true or false, found \"no\"");
  write_file_atomically(folder / "tokenizer.json", good().dump());
  CHECK(ids(load_word_piece(folder.path()), "The") == std::vector<std::int32_t>{2, 4, 3});
}
