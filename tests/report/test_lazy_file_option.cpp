// SPDX-License-Identifier: Apache-2.0
#include "espalier/report/lazy_file_option.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

namespace {

struct Functions {
  int number = 0;
  static const Functions& all() {
    static constexpr Functions functions{7};
    return functions;
  }
};
using Option = espalier::LazyFileOption<Functions>;

TEST_CASE("text option: nothing is behind one that is not set") {
  CHECK(Option().functions() == nullptr);
  CHECK(Option().empty());
  CHECK(Option("").functions() == nullptr);
  Option option = "x";
  option.clear();
  CHECK(option.functions() == nullptr);
}

TEST_CASE("text option: set from what is a text, it brings the functions; copies keep them") {
  Option option;
  option = "a.svg";
  REQUIRE(option.functions() != nullptr);
  CHECK(option.functions()->number == 7);
  CHECK(option.text() == "a.svg");
  const Option copy = option;
  CHECK(copy.functions() == option.functions());
  option = std::string("b.svg");
  CHECK(option.text() == "b.svg");
  option = std::filesystem::path("c") / "d.svg";
  CHECK(option.text() == "c/d.svg");
  const std::string& reads_as_text = option;
  CHECK(reads_as_text == "c/d.svg");
}

}  // namespace
