// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/file.hpp"
#include "espalier/text/token_vocabulary.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::message_of;
using espalier_test::TemporaryFolder;

namespace {

std::string parse_message(std::string_view text) {
  return message_of([&] { static_cast<void>(TokenVocabulary::parse(text, "v.txt")); });
}

}  // namespace

TEST_CASE("a vocabulary has a token a line, white space at the end of lines ignored") {
  for (const std::string_view text :
       {"[PAD]\nthe\n##r\n\xE6\xBC\xA2\n", "[PAD]\r\nthe\t \r\n##r\n\xE6\xBC\xA2",
        "\xEF\xBB\xBF[PAD]\nthe\xC2\xA0\n##r\xE3\x80\x80\n\xE6\xBC\xA2"}) {
    const TokenVocabulary vocabulary = TokenVocabulary::parse(text, "v.txt");
    REQUIRE(vocabulary.size() == 4);
    CHECK(vocabulary.find("[PAD]") == 0);
    CHECK(vocabulary.find("the") == 1);
    CHECK(vocabulary.find("##r") == 2);
    CHECK(vocabulary.find("\xE6\xBC\xA2") == 3);
    CHECK(vocabulary.find("r") == -1);
    CHECK(vocabulary.longest() == 5);
    CHECK(vocabulary.what() == "v.txt");
    CHECK(vocabulary.tokens()[2] == "##r");
  }
}

TEST_CASE("a vocabulary that is none is refused, with file and line") {
  CHECK(parse_message("") == "v.txt: expected a token a line, found none");
  CHECK(parse_message("a\nb\n\nc") == "v.txt:3: expected a token, found none");
  CHECK(parse_message("a\n \t\n") == "v.txt:2: expected a token, found none");
  CHECK(parse_message("a\nb\na\n") == "v.txt:3: the token \"a\" is there already, in line 1");
  CHECK(parse_message("a\rb\na\rb\n") ==
        "v.txt:2: the token \"a\\rb\" is there already, in line 1");
  const std::string large(900, 'x');
  CHECK(parse_message(large + "\n" + large) ==
        "v.txt:2: the token \"" + large.substr(0, 40) + "\"... is there already, in line 1");
  CHECK(parse_message("a\nb\n\xFF\n") == "v.txt:3: expected UTF-8");
  CHECK(parse_message("\xED\xA0\x80") == "v.txt:1: expected UTF-8");
  CHECK(parse_message("a\n" + std::string(1001, 'b')) ==
        "v.txt:2: a token of 1001 bytes, expected at most 1000");
  std::string many;
  for (std::size_t k = 0; k <= TokenVocabulary::max_tokens; ++k) many += std::to_string(k) + "\n";
  CHECK(parse_message(many) == "v.txt:4194305: expected at most 4194304 tokens");
}

TEST_CASE("tokens of one's own are checked too, by number") {
  CHECK(TokenVocabulary({"a", "b"}).what() == "vocabulary");
  CHECK(message_of([] { static_cast<void>(TokenVocabulary(std::vector<std::string>{})); }) ==
        "vocabulary: expected tokens, found none");
  CHECK(message_of([] {
          static_cast<void>(TokenVocabulary({"a", "a"}, "f"));
        }) == "f: token 1: the token \"a\" is there already, as token 0");
  CHECK(message_of([] {
          static_cast<void>(TokenVocabulary({"a", ""}, "f"));
        }) == "f: token 1: expected a token, found none");
}

TEST_CASE("a vocabulary is read from a file") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "vocab.txt", "x\ny\n");
  CHECK(TokenVocabulary::read(folder / "vocab.txt").size() == 2);
  CHECK_THROWS_AS(static_cast<void>(TokenVocabulary::read(folder / "none.txt")), IoError);
}
