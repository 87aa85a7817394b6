// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/dictionary.hpp"

using namespace espalier;

TEST_CASE("the hash of a text is for good") {  // golden values from tests/golden/hash_text.py
  struct Golden {
    const char* text;
    std::uint64_t hash;
  };
  const Golden golden[] = {{"", 0x6E789E6AA1B965F4U},         {"a", 0xC305B55273F09A3DU},
                           {"ab", 0x12E4A842276F7364U},       {"abc", 0x367602ACB14D659DU},
                           {"abcd", 0xF1A3ED4371944888U},     {"abcdefg", 0x6D89E4F604564B9AU},
                           {"abcdefgh", 0x4F27E0ACEBC21690U}, {"abcdefghi", 0x3BBECC60BD6DFE84U},
                           {"Köln", 0x5A3902FE75A897E0U},     {"user_27284", 0x9C51CEC4447BBE7FU}};
  for (const Golden& g : golden) {
    INFO(g.text);
    CHECK(hash_text(g.text) == g.hash);
  }
  CHECK(hash_text(std::string(100, 'x')) == 0xA81A9D5A8EB986E6U);
}

TEST_CASE("a dictionary gives codes in order of appearance") {
  Dictionary dictionary;
  CHECK(dictionary.find("a") == -1);
  CHECK(dictionary.code("b") == 0);
  CHECK(dictionary.code("a") == 1);
  CHECK(dictionary.code("b") == 0);
  CHECK(dictionary.code("") == 2);
  CHECK(dictionary.find("a") == 1);
  CHECK(dictionary.find("c") == -1);
  CHECK(dictionary.size() == 3);
  CHECK(dictionary.values() == std::vector<std::string>{"b", "a", ""});
  CHECK(dictionary.take() == std::vector<std::string>{"b", "a", ""});
  CHECK(dictionary.size() == 0);
  CHECK(dictionary.find("a") == -1);
  CHECK(dictionary.code("z") == 0);
}

TEST_CASE("texts that differ in length, in a zero byte or in one bit are different") {
  Dictionary dictionary;
  std::vector<std::string> texts;
  for (std::size_t length = 0; length <= 40; ++length) {
    texts.emplace_back(length, '\0');
    texts.emplace_back(length, 'x');
    for (std::size_t at = 0; at < length; ++at) {
      texts.emplace_back(length, 'x');
      texts.back()[at] = 'y';
    }
  }
  texts.erase(texts.begin());  // removes the duplicate of the empty text
  for (std::size_t i = 0; i < texts.size(); ++i)
    CHECK(dictionary.code(texts[i]) == static_cast<std::int32_t>(i));
  for (std::size_t i = 0; i < texts.size(); ++i)
    CHECK(dictionary.find(texts[i]) == static_cast<std::int32_t>(i));
}

TEST_CASE("texts of one hash and length are different") {
  // The second word cancels the change that the first one makes.
  const auto word = [](const std::string& text, std::size_t at) {
    std::uint64_t w = 0;
    for (unsigned k = 0; k < 8; ++k)
      w |= std::uint64_t{static_cast<unsigned char>(text[at + k])} << (8 * k);
    return w;
  };
  const std::uint64_t start = 0x9E3779B97F4A7C15ULL ^ 16;
  const std::string one = "0123456789abcdef";
  std::string other = "twin----........";
  const std::uint64_t second =
      mix(start ^ word(other, 0)) ^ mix(start ^ word(one, 0)) ^ word(one, 8);
  for (unsigned k = 0; k < 8; ++k) other[8 + k] = static_cast<char>(second >> (8 * k));
  REQUIRE(hash_text(one) == hash_text(other));
  Dictionary dictionary;
  CHECK(dictionary.code(one) == 0);
  CHECK(dictionary.find(other) == -1);
  CHECK(dictionary.code(other) == 1);
  CHECK(dictionary.find(one) == 0);
}

TEST_CASE("a text is the same whatever stands behind it") {
  Random random(3);
  for (std::size_t length = 0; length <= 30; ++length) {
    std::string text(length, ' ');
    for (char& c : text) c = static_cast<char>(random.below(256));
    for (int round = 0; round < 20; ++round) {
      std::string padded = text;
      for (std::size_t i = 0; i < Dictionary::padding; ++i)
        padded += static_cast<char>(random.below(256));
      const Dictionary::Key one = Dictionary::key(text);
      const Dictionary::Key other =
          Dictionary::padded_key(std::string_view(padded).substr(0, length));
      CHECK(one.first == other.first);
      CHECK(one.second == other.second);
      CHECK(one.hash == other.hash);
    }
  }
}

TEST_CASE("a dictionary does as an unordered map does") {
  Random random(4);
  Dictionary dictionary;
  std::unordered_map<std::string, std::int32_t> map;
  for (int i = 0; i < 200000; ++i) {
    std::string text = std::to_string(random.below(30000));
    if (random.bernoulli(0.3)) text = "a longer text " + text;
    const auto [at, fresh] = map.try_emplace(text, static_cast<std::int32_t>(map.size()));
    if (random.bernoulli(0.2)) {
      REQUIRE(dictionary.find(text) == (fresh ? -1 : at->second));
    }
    const Dictionary::Key key = Dictionary::key(text);
    if (random.bernoulli(0.5)) dictionary.prefetch(key);
    REQUIRE(dictionary.code(text, key) == at->second);
  }
  CHECK(dictionary.size() == map.size());
}
