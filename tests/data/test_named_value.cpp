// SPDX-License-Identifier: Apache-2.0
// Named values of a row to predict: all forms of a number or a text, and who owns the text.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/data/named_value.hpp"

using namespace espalier;
using espalier_test::failure;

TEST_CASE("named value: name and text are its own, whatever becomes of the strings") {
  std::vector<NamedValue> row;
  std::string name, value;
  for (const char* const key :
       {"city", "a name of more letters than a string keeps within itself"}) {
    for (const char* const text :
         {"Ulm", "a value of more letters than a string keeps within itself"}) {
      name = key;
      value = text;
      row.push_back({name, value});
    }
  }
  name = "overwritten";
  value = "overwritten";
  REQUIRE(row.size() == 4);
  CHECK(row[0].name == "city");
  CHECK(row[0].text == "Ulm");
  CHECK(row[1].text == "a value of more letters than a string keeps within itself");
  CHECK(row[2].name == "a name of more letters than a string keeps within itself");
  CHECK(row[2].text == "Ulm");
  const NamedValue temporary(std::string("u") + "ser", std::string("u1") + "7");
  CHECK(temporary.name == "user");
  CHECK(temporary.text == "u17");
}

TEST_CASE("named value: a text is a text however it is spelled") {
  const std::string string = "u17";
  const std::string_view view = string;
  const char* const pointer = string.c_str();
  char letters[] = "u17";
  for (const NamedValue& v :
       {NamedValue("user", string), NamedValue("user", view), NamedValue("user", pointer),
        NamedValue("user", letters), NamedValue("user", "u17"),
        NamedValue(std::string_view("user"), &letters[0]),
        NamedValue(std::string("user"), std::optional(string)),
        NamedValue("user", std::optional(view))}) {
    CHECK(v.name == "user");
    CHECK(v.is_text);
    CHECK(v.as_text() == "u17");
    CHECK_FALSE(v.missing());
  }
  CHECK(NamedValue("user", "").is_text);
  CHECK(NamedValue("user", std::string("a\0b", 3)).as_text().size() == 3);
}

TEST_CASE("named value: numbers of any width, and what is missing") {
  CHECK(NamedValue("age", 31).number == 31);
  CHECK(NamedValue("age", 31.5F).number == 31.5);
  CHECK(NamedValue("age", std::uint8_t{65}).as_text() == "65");
  CHECK(NamedValue("age", std::int8_t{-65}).as_text() == "-65");
  CHECK(NamedValue("age", std::optional(31)).as_text() == "31");
  CHECK(NamedValue("age", (std::numeric_limits<std::int64_t>::min)()).as_text() ==
        "-9223372036854775808");
  for (const NamedValue& v : {NamedValue("age", std::nan("")), NamedValue("age", std::nullopt),
                              NamedValue("age", std::optional<double>()),
                              NamedValue("age", std::optional<std::string>())}) {
    CHECK(v.missing());
    CHECK_FALSE(v.is_text);
    CHECK(std::isnan(v.number));
  }
}

TEST_CASE("named value: a null pointer is no text") {
  const char* const nothing = nullptr;
  const std::string expected =
      "input 'user' is a null pointer, expected a text; what is missing is left out, or "
      "std::nullopt";
  CHECK(failure<ConfigError>([&] { NamedValue("user", nothing); }) == expected);
  CHECK(failure<ConfigError>([&] { NamedValue("user", std::optional(nothing)); }) == expected);
}
