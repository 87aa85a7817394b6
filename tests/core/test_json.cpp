// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

#include "espalier/core/json.hpp"
#include "espalier/core/random.hpp"
#include "espalier/core/utf8.hpp"

using namespace espalier;

namespace {

std::string message(std::string_view text) {
  try {
    static_cast<void>(Json::parse(text, "f"));
  } catch (const DataError& error) {
    return error.what();
  }
  return "accepted";
}

std::string again(std::string_view text) { return Json::parse(text).dump(); }

}  // namespace

TEST_CASE("JSON of every kind is read and written") {
  const Json value = Json::parse(
      " { \"a\" : [ 1 , -2.5e3, true, false, null ] , \"\" : {}, \"z\":\"x\", \"b\":[] }\r\n\t");
  CHECK(value.dump() == R"({"a":[1,-2500,true,false,null],"":{},"z":"x","b":[]})");
  CHECK(value.size() == 4);
  CHECK(value.keys()[2] == "z");
  CHECK(value.at("a").items()[1].as_integer() == -2500);
  CHECK(value.at("a").items()[2].as_bool());
  CHECK_FALSE(value.at("a").items()[3].as_bool());
  CHECK(value.at("z").as_string() == "x");
  CHECK(value.find("c") == nullptr);
  CHECK(Json::parse(value.dump()) == value);
  CHECK(Json() == Json(nullptr));
  CHECK(Json("1") != Json(1));
}

TEST_CASE("JSON is built piece by piece, an object keeping its order") {
  Json value;
  value.set("b", 1).set("a", Json().push("x").push(false)).set("b", 2.5F);
  CHECK(value.dump() == R"({"b":2.5,"a":["x",false]})");
  CHECK(Json::array({1, "two"}).dump() == R"([1,"two"])");
  CHECK(Json::array().dump() == "[]");
  CHECK(Json::object().dump() == "{}");
  CHECK_THROWS_WITH_AS(value.push(1), "JSON: expected an array, found an object", DataError);
  CHECK_THROWS_WITH_AS(Json(1).set("a", 1), "JSON: expected an object, found a number", DataError);
}

TEST_CASE("JSON numbers come back the same, as few digits as do it") {
  CHECK(again("0") == "0");
  CHECK(again("-0") == "-0");
  CHECK(again("100000") == "100000");
  CHECK(again("0.1") == "0.1");
  CHECK(again("1E+2") == "100");
  CHECK(again("9007199254740992") == "9007199254740992");
  CHECK(again("-9007199254740991") == "-9007199254740991");
  CHECK(again("5e-324") == "5e-324");
  CHECK(again("1.7976931348623157e308") == "1.7976931348623157e+308");
  CHECK(Json(std::numeric_limits<double>::quiet_NaN()).dump() == "null");
  CHECK(Json(-std::numeric_limits<double>::infinity()).dump() == "null");
  Random random(7);
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<double>(random.bits());
    if (!std::isfinite(value)) continue;
    CHECK(std::bit_cast<std::uint64_t>(Json::parse(Json(value).dump()).as_number()) ==
          std::bit_cast<std::uint64_t>(value));
  }
  CHECK(Json(std::int64_t{1} << 53).as_integer() == (std::int64_t{1} << 53));
  CHECK_THROWS_AS(Json((std::uint64_t{1} << 63) + 1), ConfigError);
  CHECK_THROWS_AS(Json((std::int64_t{1} << 53) + 1), ConfigError);
  CHECK_THROWS_AS(Json(-(std::int64_t{1} << 53) - 1), ConfigError);
  CHECK_THROWS_AS(Json(std::int64_t{-1} - std::numeric_limits<std::int64_t>::max()), ConfigError);
  CHECK_THROWS_AS(static_cast<void>(Json(0.5).as_integer()), DataError);
  CHECK_THROWS_AS(static_cast<void>(Json(1e300).as_integer()), DataError);
}

TEST_CASE("JSON strings: escapes, surrogates, UTF-8") {
  CHECK(Json::parse(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00")").as_string() ==
        "\"\\/\b\f\n\r\tAé€😀");
  CHECK(Json("\"\\/\b\f\n\r\t\x01\x1f\x7f é😀").dump() ==
        "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f é😀\"");
  const std::string with_zero("a\0b", 3);
  CHECK(Json(with_zero).dump() == R"("a\u0000b")");
  CHECK(Json::parse(R"("a\u0000b")").as_string() == with_zero);
  CHECK(Json("a\xFF z\xC3").dump() == "\"a\uFFFD z\uFFFD\"");
}

TEST_CASE("what is not JSON is refused, with the byte") {
  CHECK(message("") == "f: byte 0: expected a value, found the end");
  CHECK(message("[1,]") == "f: byte 3: expected a value, found ']'");
  CHECK(message("[1 2]") == "f: byte 3: expected ',' or ']', found '2'");
  CHECK(message("{\"a\" 1}") == "f: byte 5: expected ':', found '1'");
  CHECK(message("{a:1}") == "f: byte 1: expected a key in quotes, found 'a'");
  CHECK(message("{\"a\":1,}") == "f: byte 7: expected a key in quotes, found '}'");
  CHECK(message("{\"a\":1") == "f: byte 6: expected ',' or '}', found the end");
  CHECK(message("1 1") == "f: byte 2: expected the end, found '1'");
  CHECK(message("01") == "f: byte 1: expected the end, found '1'");
  CHECK(message("1.") == "f: byte 2: expected a digit, found the end");
  CHECK(message(".5") == "f: byte 0: expected a value, found '.'");
  CHECK(message("+1") == "f: byte 0: expected a value, found '+'");
  CHECK(message("-") == "f: byte 1: expected a digit, found the end");
  CHECK(message("1e") == "f: byte 2: expected a digit, found the end");
  CHECK(message("1e999") == "f: byte 0: number '1e999' is outside the range of a double");
  CHECK(message("NaN") == "f: byte 0: expected a value, found 'N'");
  CHECK(message("nul") == "f: byte 0: expected a value, found 'n'");
  CHECK(message("\"a") == "f: byte 0: string without a closing quote");
  CHECK(message("\"a\nb\"") == "f: byte 2: control character in a string, byte 10");
  CHECK(message("\"\\x\"") == "f: byte 2: unknown escape, 'x'");
  CHECK(message("\"\\u12g4\"") ==
        "f: byte 5: expected four hexadecimal digits after \\u, found 'g'");
  CHECK(message("\"\\ud800\"") == "f: byte 1: high surrogate without a low one");
  CHECK(message("\"\\ud800\\u0041\"") == "f: byte 1: high surrogate without a low one");
  CHECK(message("\"\\ude00\"") == "f: byte 1: low surrogate without a high one");
  CHECK(message("{\"a\":1,\"b\":2,\"a\":3}") == "f: byte 13: key \"a\" appears twice");
  CHECK(message("{\"a\":1,\"\\u0061\":3}") == "f: byte 7: key \"a\" appears twice");
  CHECK(message("\xEF\xBB\xBF{}") == "f: byte 0: expected a value, found '\xEF\xBB\xBF'");
  for (const char* bad : {"\"\x80\"", "\"\xC0\x80\"", "\"\xE0\x80\x80\"", "\"\xED\xA0\x80\"",
                          "\"\xF4\x90\x80\x80\"", "\"\xC3\"", "\"\xF0\x9F\x98\""}) {
    CHECK(message(bad).find("byte 1: malformed UTF-8") != std::string::npos);
  }
}

TEST_CASE("JSON has a depth") {
  const auto nested = [](int levels) {
    const auto n = static_cast<std::size_t>(levels);
    return std::string(n, '[') + std::string(n, ']');
  };
  CHECK(message(nested(Json::max_depth)) == "accepted");
  CHECK(message(nested(Json::max_depth + 1)) == "f: byte 64: nested deeper than 64 levels");
  const std::string full(static_cast<std::size_t>(Json::max_depth), '[');
  CHECK(message(full + "1" + std::string(full.size(), ']')) == "accepted");
  CHECK(message(std::string(1000000, '[')) == "f: byte 64: nested deeper than 64 levels");
}

TEST_CASE("asking JSON for another kind says so") {
  const Json value = Json::parse(R"({"a":1})");
  CHECK_THROWS_WITH_AS(static_cast<void>(value.at("b")), "JSON: expected a member 'b', found none",
                       DataError);
  CHECK_THROWS_WITH_AS(static_cast<void>(value.at("a").as_string()),
                       "JSON: expected a string, found a number", DataError);
  CHECK_THROWS_WITH_AS(static_cast<void>(value.as_bool()), "JSON: expected a bool, found an object",
                       DataError);
  CHECK_THROWS_WITH_AS(static_cast<void>(Json("x").at("a")),
                       "JSON: expected an object, found a string", DataError);
}

TEST_CASE("UTF-8 is counted and cut by characters") {
  CHECK(utf8_count("aé€😀") == 4);
  CHECK(utf8_count("\xFF\xC3") == 2);
  CHECK(utf8_prefix("aé€😀", 3) == "aé€");
  CHECK(utf8_prefix("aé", 9) == "aé");
  CHECK(is_utf8("aé€😀"));
  CHECK_FALSE(is_utf8("a\xE9"));
}

TEST_CASE("json: of a temporary, what is inside is given by value") {
  const auto read = [] {
    return Json::parse(
        R"({"name": "a text of more letters than a string keeps within itself", "of": [1, 2, {"x": 3}]})");
  };
  const Json& of = read().at("of");
  CHECK(of.items()[2].at("x").as_integer() == 3);
  const std::string& name = read().at("name").as_string();
  CHECK(name == "a text of more letters than a string keeps within itself");
  double sum = 0;
  for (const Json& item : read().at("of").items()) sum += item.is_number() ? item.as_number() : 0;
  CHECK(sum == 3);
  std::string keys;
  for (const std::string& key : read().keys()) keys += key + " ";
  CHECK(keys == "name of ");
}
