// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "espalier/core/random.hpp"
#include "espalier/data/csv_words.hpp"

using namespace espalier;
using namespace espalier::csv_detail;

namespace {

/// Reads digits, a point, digits, one byte at a time.
ShortNumber read_slowly(std::string_view text) {
  ShortNumber number;
  std::size_t at = 0, digits = 0;
  const auto run = [&] {
    const std::size_t begin = at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
      number.digits = 10 * number.digits + static_cast<std::uint64_t>(text[at] - '0');
    }
    return static_cast<unsigned>(at - begin);
  };
  run();
  if (at < text.size() && text[at] == '.') {
    ++at;
    number.decimals = run();
  }
  if (digits == 0) return {};
  number.length = static_cast<unsigned>(at);
  return number;
}

}  // namespace

TEST_CASE("CSV words: short numbers are read in one go, whatever stands behind") {
  if (!has_words) return;
  Random random(9);
  int read = 0, longer = 0;
  static constexpr char others[] = {',',  '\n',   '.',    '-',    'x',    '/', ':',
                                    '\0', '\x80', '\xFF', '\xB0', '\xB9', ' '};
  for (int round = 0; round < 100000; ++round) {
    std::string text;
    while (text.size() < 8) {
      text += random.bernoulli(0.75) ? static_cast<char>('0' + random.below(10))
                                     : others[random.below(sizeof others)];
    }
    INFO(text);
    const ShortNumber fast = short_number(text.data()), slow = read_slowly(text);
    const bool fits = slow.length > 0 &&
                      slow.length - (text.find('.') < slow.length ? 1 : 0) <= 7 &&
                      !(slow.length == 8 && text.find('.') == std::string::npos);
    REQUIRE(fast.length == (fits ? slow.length : 0));
    if (fits) {
      REQUIRE(fast.digits == slow.digits);
      REQUIRE(fast.decimals == slow.decimals);
    }
    ++(fits ? read : longer);
  }
  CHECK(read > 10000);
  CHECK(longer > 1000);
}

TEST_CASE("CSV words: a field ends at the first separator, quote, line end or NUL") {
  if (!has_words) return;
  Random random(10);
  for (const char separator : {',', '\t', '\x01', '\xA7', '\x80'}) {
    for (const char quote : {'"', '\'', '\0'}) {
      const Stops stops(separator, quote);
      const std::string ends{separator, quote, '\n', '\r', '\0'};
      for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (auto n = random.below(30); n > 0; --n) {
          // Neighbours of the end characters are the bytes that a wrong test confuses with them.
          const auto near = static_cast<unsigned char>(ends[random.below(ends.size())]);
          text += static_cast<char>(random.bernoulli(0.5) ? random.below(256)
                                                          : near + random.below(3) - 1);
        }
        const std::size_t expected = (std::min)(text.find_first_of(ends), text.size());
        const std::string padded = text + std::string(16, '\0');
        REQUIRE(static_cast<std::size_t>(stops.find(padded.data()) - padded.data()) == expected);
      }
    }
  }
}
