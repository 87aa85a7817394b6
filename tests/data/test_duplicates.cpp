// SPDX-License-Identifier: Apache-2.0
#include "espalier/data/duplicates.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "espalier/data/table.hpp"
#include "helpers.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;

TEST_CASE("drop_duplicates: of equal rows the first") {
  Table t;
  t.add("k", std::vector<std::string>{"a", "a", "", "", "b"});
  t.add("x", std::vector<double>{1, 1, std::nan(""), std::nan(""), 1});
  t.add("n", std::vector<double>{0, 1, 2, 3, 4});
  Table other = t;
  CHECK(drop_duplicates(t, {"k", "x"}) == 2);
  CHECK(cells(t, "n") == "0 2 4");
  CHECK(drop_duplicates(other, {"k", "x", "n"}) == 0);
  CHECK(other.rows() == 5);
  CHECK(failure<ConfigError>([&] { static_cast<void>(drop_duplicates(other, {})); }) ==
        "drop_duplicates: no column is named, expected those that copies have in common");
  Table codes;
  codes.add("id", std::vector<std::string>{"17", "17.0", "017"});
  CHECK(drop_duplicates(codes, {"id"}) == 1);
  CHECK(cells(codes, "id") == "17 017");
}
