// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/text/word_piece.hpp"
#include "support/allocations.hpp"
#include "support/message_of.hpp"

using namespace espalier;
using espalier_test::message_of;

namespace {

using Ids = std::vector<std::int32_t>;

const std::vector<std::string>& tokens() {
  static const std::vector<std::string> all{"[PAD]", "[UNK]",     "[CLS]", "[SEP]", "[MASK]", "un",
                                            "##aff", "##able",    "the",   "cafe",  "!",      "[",
                                            "]",     "a",         "##a",   "b",     "##b",    "sep",
                                            "cls",   "caf\u00E9", "Cafe",  "\u6F22"};
  return all;
}

WordPiece tokenizer(WordPieceOptions options = {}) {
  return WordPiece(TokenVocabulary(tokens()), options);
}

/// The tokens of a text, separated by spaces.
std::string pieces(const WordPiece& t, std::string_view text, std::size_t most = 1000) {
  Ids ids;
  t.append(text, most, ids);
  std::string out;
  for (const std::int32_t id : ids) {
    if (!out.empty()) out += ' ';
    out += tokens()[static_cast<std::size_t>(id)];
  }
  return out;
}

}  // namespace

TEST_CASE("words become the longest tokens from their start on") {
  const WordPiece t = tokenizer();
  CHECK(pieces(t, "unaffable") == "un ##aff ##able");
  CHECK(pieces(t, "Unaffable THE") == "un ##aff ##able the");
  CHECK(pieces(t, "unaffablex") == "[UNK]");
  CHECK(pieces(t, "") == "");
  CHECK(pieces(t, " \t\n") == "");
  CHECK(pieces(t, "the!the") == "the ! the");
  CHECK(pieces(t, "aab bba") == "a ##a ##b b ##b ##a");
  CHECK(pieces(t, "a?") == "a [UNK]");
}

TEST_CASE("accents, case, Chinese and control characters follow the options") {
  CHECK(pieces(tokenizer(), "CAF\u00C9 cafe\u0301") == "cafe cafe");
  CHECK(pieces(tokenizer({.lower_case = false}), "Cafe CAFE caf\u00E9") == "Cafe [UNK] caf\u00E9");
  CHECK(pieces(tokenizer({.strip_accents = false}), "Caf\u00C9 cafe") == "caf\u00E9 cafe");
  CHECK(pieces(tokenizer({.lower_case = false, .strip_accents = true}), "Caf\u00E9") == "Cafe");
  CHECK(pieces(tokenizer(), "a\u6F22b") == "a \u6F22 b");
  CHECK(pieces(tokenizer({.chinese_characters = false}), "a\u6F22b") == "[UNK]");
  CHECK(pieces(tokenizer(), "a\u200Da \u00ADa a\u3000b") == "a ##a a a b");
  CHECK(pieces(tokenizer({.clean_text = false}), "a\u200Da") == "[UNK]");
  CHECK(pieces(tokenizer({.clean_text = false}), "a\u3000b") == "a b");
  CHECK(tokenizer().options().strips_accents());
}

TEST_CASE("malformed UTF-8 is removed and never throws") {
  using namespace std::string_literals;
  const WordPiece t = tokenizer();
  CHECK(pieces(t,
               "a\xFF"
               "a") == "a ##a");
  CHECK(pieces(t, "a\xC3") == "a");
  CHECK(pieces(t,
               "\xED\xA0\x80"
               "a\xF0\x9F") == "a");
  CHECK(pieces(t, "a\0a\uFFFD"s) == "a ##a");
  for (std::uint32_t first = 0; first < 256; ++first) {
    for (std::uint32_t second = 0; second < 256; ++second) {
      const char bytes[] = {'a', static_cast<char>(first), static_cast<char>(second), 'a'};
      Ids ids;
      t.append({bytes, 4}, 10, ids);
      REQUIRE_FALSE(ids.empty());
    }
  }
}

TEST_CASE("a word of more than 100 characters is unknown") {
  const WordPiece t = tokenizer();
  Ids ids;
  t.append(std::string(100, 'a'), 1000, ids);
  CHECK(ids.size() == 100);
  CHECK(pieces(t, std::string(101, 'a')) == "[UNK]");
  CHECK(pieces(t, std::string(1'000'000, 'a') + " a") == "[UNK] a");
  std::string accents;  // removed before characters are counted
  for (int k = 0; k < 100; ++k) accents += "a\u0301\u0302";
  ids.clear();
  t.append(accents, 1000, ids);
  CHECK(ids.size() == 100);
  CHECK(pieces(tokenizer({.max_word_characters = 2}), "aa aaa") == "a ##a [UNK]");
  std::string longest;
  for (int k = 0; k < 1000; ++k) longest += "\U0001F600";
  CHECK(pieces(tokenizer({.max_word_characters = 1000}), longest + " " + longest + "a") ==
        "[UNK] [UNK]");
  for (const std::size_t wrong : {std::size_t{0}, std::size_t{1001}}) {
    CHECK(message_of([&] { static_cast<void>(tokenizer({.max_word_characters = wrong})); }) ==
          "max_word_characters = " + std::to_string(wrong) + ", expected 1 to 1000");
  }
}

TEST_CASE("special tokens in texts are tokens, or words like others") {
  CHECK(pieces(tokenizer(), "a[SEP]b [MASK]") == "a [SEP] b [MASK]");
  CHECK(pieces(tokenizer(), "[sep][CLS") == "[ sep ] [ cls");
  CHECK(pieces(tokenizer({.special_tokens_in_text = false}), "a[SEP]b") == "a [ sep ] b");
}

TEST_CASE("a text is cut after its first tokens, a pair where it is longer") {
  const WordPiece t = tokenizer();
  TokenIds out;
  t.encode("a the", 100, out);
  CHECK(out == TokenIds{{2, 13, 8, 3}, {0, 0, 0, 0}});
  t.encode("unaffable the", 4, out);
  CHECK(out == TokenIds{{2, 5, 6, 3}, {0, 0, 0, 0}});
  t.encode("the", 2, out);
  CHECK(out == TokenIds{{2, 3}, {0, 0}});
  t.encode("a", "b b", 100, out);
  CHECK(out == TokenIds{{2, 13, 3, 15, 15, 3}, {0, 0, 0, 1, 1, 1}});
  t.encode("a", "b b b b", 6, out);
  CHECK(out == TokenIds{{2, 13, 3, 15, 15, 3}, {0, 0, 0, 1, 1, 1}});
  t.encode("a a a a", "b", 6, out);
  CHECK(out == TokenIds{{2, 13, 13, 3, 15, 3}, {0, 0, 0, 0, 1, 1}});
  t.encode("a a a a", "b b b", 6, out);  // the odd token is the longer text's
  CHECK(out == TokenIds{{2, 13, 13, 3, 15, 3}, {0, 0, 0, 0, 1, 1}});
  t.encode("a a a", "b b b", 6, out);  // or the second's
  CHECK(out == TokenIds{{2, 13, 3, 15, 15, 3}, {0, 0, 0, 1, 1, 1}});
  t.encode("", "", 3, out);
  CHECK(out == TokenIds{{2, 3, 3}, {0, 0, 1}});
  CHECK(message_of([&] { t.encode("a", 1, out); }) == "length = 1, expected at least 2 tokens");
  CHECK(message_of([&] { t.encode("a", "b", 2, out); }) ==
        "length = 2, expected at least 3 tokens");
  CHECK(pieces(t, "unaffable the", 2) == "un ##aff");
  CHECK(pieces(t, "a!!", 2) == "a !");
  CHECK(pieces(t, "the", 0) == "");
}

TEST_CASE("a vocabulary without special tokens is refused, naming the first") {
  const auto error = [](const std::vector<std::string>& all, SpecialTokens special = {}) {
    return message_of(
        [&] { static_cast<void>(WordPiece(TokenVocabulary(all, "v.txt"), {}, special)); });
  };
  CHECK(error({"a", "[CLS]", "[SEP]"}) ==
        "v.txt: expected the special token \"[UNK]\", found none");
  CHECK(error({"[UNK]", "[SEP]"}) == "v.txt: expected the special token \"[CLS]\", found none");
  CHECK(error({"[UNK]", "[CLS]"}) == "v.txt: expected the special token \"[SEP]\", found none");
  CHECK(error({"[UNK]", "[CLS]", "[SEP]"}) == "accepted");
  CHECK(error({"[UNK]", "[CLS]", "[SEP]"}, {"[UNK]", "[CLS]", "[SEP]", {{"x", -1}}}) ==
        "special token \"x\", id -1: expected a text and an id from 0");
  CHECK(error({"<unk>", "<s>", "</s>"}, {"<unk>", "<s>", "</s>", {}}) == "accepted");
}

TEST_CASE("special tokens may be outside of the vocabulary") {
  const WordPiece t(TokenVocabulary({"[UNK]", "[CLS]", "[SEP]", "new"}), {},
                    {"[UNK]", "[CLS]", "[SEP]", {{"<new>", 9}, {"<new>er", 7}}});
  Ids ids;
  t.append("new<new>new<new>er NEW <NEW>", 100, ids);
  CHECK(ids == Ids{3, 9, 3, 7, 3, 0, 3, 0});
  CHECK(t.rows() == 10);
  CHECK(t.find("<new>") == 9);
  CHECK(t.find("[PAD]") == -1);
  CHECK(tokenizer().rows() == tokens().size());
}

TEST_CASE("tokenizing allocates only to grow its result") {
  const WordPiece t = tokenizer();
  std::string text = "unaffable [SEP] a\u6F22b \u00C9\u0301! " + std::string(500, 'x') + " ";
  for (int k = 0; k < 5; ++k) text += text;
  TokenIds out;
  t.encode(text, text, 100'000, out);
  const long before = allocations();
  t.encode(text, text, 100'000, out);
  t.encode(text, text, 128, out);
  t.encode(text, 100'000, out);
  CHECK(allocations() - before == 0);
}
