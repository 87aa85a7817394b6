// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <type_traits>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"

using espalier::FixedString;

namespace {

template <FixedString name>
struct Named {
  static constexpr std::string_view value = name;
};

template <class... Ts>
using List = espalier::TypeList<Ts...>;

}  // namespace

TEST_CASE("a literal is a template argument and comes back whole") {
  CHECK(Named<"click">::value == "click");
  CHECK(Named<"">::value.empty());
  CHECK(Named<"watch time / s">::value.size() == 14);
  CHECK(Named<"später">::value == "später");  // any bytes, here UTF-8
  CHECK(std::string(FixedString("buy").view()) == "buy");
}

TEST_CASE("equal text is the same type, other text another") {
  static_assert(std::is_same_v<Named<"a">, Named<"a">>);
  static_assert(!std::is_same_v<Named<"a">, Named<"b">>);
  static_assert(!std::is_same_v<Named<"a">, Named<"aa">>);
  static_assert(!std::is_same_v<Named<"a\0b">, Named<"a">>);
  static constexpr char same[] = "click";
  CHECK(Named<"click">::value.data() != same);  // a copy: the address does not matter
  CHECK(Named<same>::value == "click");
  static_assert(std::is_same_v<Named<same>, Named<"click">>);
}

TEST_CASE("joined lists hold each type once, in order of first appearance") {
  using espalier::JoinUnique;
  static_assert(std::is_same_v<JoinUnique<>, List<>>);
  static_assert(std::is_same_v<JoinUnique<List<int, char>, List<>, List<char, float, int>>,
                               List<int, char, float>>);
  static_assert(std::is_same_v<JoinUnique<List<int, int>>, List<int>>);
  CHECK(std::is_same_v<JoinUnique<List<char>, List<int, char>>, List<char, int>>);
}
