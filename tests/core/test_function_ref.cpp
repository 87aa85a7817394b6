// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "espalier/core/function_ref.hpp"

using espalier::FunctionRef;

namespace {

int twice(int x) { return 2 * x; }
int apply(FunctionRef<int(int)> f, int x) { return f(x); }

}  // namespace

TEST_CASE("FunctionRef: calls what it refers to, in place") {
  int calls = 0;
  const auto count = [&](int x) {
    ++calls;
    return x + calls;
  };
  CHECK(apply(count, 10) == 11);
  CHECK(apply(count, 10) == 12);
  CHECK(calls == 2);
  CHECK(apply(&twice, 21) == 42);
}

TEST_CASE("FunctionRef: a copy refers to the same; references and const are kept") {
  std::string said;
  auto append = [n = 0](std::string& to) mutable { to += std::to_string(++n); };
  const FunctionRef<void(std::string&)> first = append;
  const FunctionRef<void(std::string&)> second = first;
  first(said);
  second(said);
  CHECK(said == "12");
}
