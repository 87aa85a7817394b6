// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/data/table.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

Table people() {
  Table table;
  table.source = "people";
  table.add("name", std::vector<std::string>{"ann", "bob", "", "ann"});
  table.add("age", std::vector<int>{31, 4, 7, 60});
  return table;
}

}  // namespace

TEST_CASE("a column is made from vectors, arrays and spans of any number or text type") {
  Table table;
  const float floats[] = {1.5F, -2.0F};
  table.add("float", std::span<const float>(floats));
  table.add("double", std::vector<double>{0.1, missing});
  table.add("int", std::array<std::int64_t, 2>{1, -5});
  table.add("byte", std::vector<std::uint8_t>{0, 255});
  table.add("bool", std::vector<bool>{true, false});
  const std::string_view views[] = {"x", ""};
  table.add("view", std::span<const std::string_view>(views));
  table.add("chars", std::array<const char*, 2>{"p", "q"});
  table.add(Column::text("braces", {"y", "y"}));
  table.add(Column::number("numbers", {3, 4}));
  CHECK(cells(table, "float") == "1.5 -2");
  CHECK(cells(table, "double") == "0.1 –");
  CHECK(cells(table, "int") == "1 -5");
  CHECK(cells(table, "byte") == "0 255");
  CHECK(cells(table, "bool") == "1 0");
  CHECK(cells(table, "view") == "x –");
  CHECK(cells(table, "chars") == "p q");
  CHECK(cells(table, "braces") == "y y");
  CHECK(cells(table, "numbers") == "3 4");
  CHECK(table.rows() == 2);
}

TEST_CASE("whole numbers that doubles do not tell apart are refused") {
  const auto refused = [](auto value) {
    return failure<DataError>([&] {
      static_cast<void>(Column::number("user", std::vector<decltype(value)>{1, value}));
    });
  };
  const std::int64_t most = 9007199254740992;
  CHECK(refused(most) == "no error");
  CHECK(refused(-most) == "no error");
  CHECK(refused(most + 1) ==
        "column 'user', row 2: 9007199254740993 is beyond ±2^53, what numbers are exact to; "
        "expected ids of so many "
        "digits as text");
  CHECK(refused(-most - 1).find("row 2: -9007199254740993 is beyond") != std::string::npos);
  CHECK(refused(static_cast<std::uint64_t>(most)) == "no error");
  CHECK(refused((std::numeric_limits<std::uint64_t>::max)()).find("18446744073709551615") !=
        std::string::npos);
  CHECK(refused((std::numeric_limits<std::int64_t>::min)()).find("-9223372036854775808") !=
        std::string::npos);
  CHECK(refused(1e300) == "no error");
}

TEST_CASE("columns are of one length and of different names, texts within their dictionary") {
  Table table = people();
  CHECK(failure<DataError>([&] {
          table.add("age", std::vector<int>{1, 2, 3, 4});
        }) == "people: there already is a column 'age'");
  CHECK(failure<DataError>([&] {
          table.add("x", std::vector<int>{1, 2, 3});
        }) == "people: column 'x' has 3 rows, expected 4");
  Column codes;
  codes.name = "c";
  codes.kind = ColumnKind::text;
  codes.codes = {0, 1, -1, 0};
  codes.dictionary = {"only"};
  CHECK(failure<DataError>([&] { table.add(codes); }) ==
        "people: column 'c' has the code 1, expected −1 (missing) to 0");
  codes.codes = {0, -2, -1, 0};
  CHECK(failure<DataError>([&] { table.add(codes); }) ==
        "people: column 'c' has the code -2, expected −1 (missing) to 0");
  codes.codes = {0, 1, -1, 0};
  codes.dictionary = {"same", "same"};
  CHECK(failure<DataError>([&] { table.add(codes); }) ==
        "people: column 'c' has 'same' twice in its dictionary, expected once");
  CHECK(table.columns().size() == 2);
}

TEST_CASE("columns are found by name, and asked for as what they are") {
  const Table table = people();
  CHECK(table.has("age"));
  CHECK_FALSE(table.has("Age"));
  CHECK(table.numbers("age") == std::vector<double>{31, 4, 7, 60});
  CHECK(failure<DataError>([&] { static_cast<void>(table.numbers("name")); }) ==
        "people: column 'name' holds text, expected numbers");
  CHECK(failure<DataError>([&] { static_cast<void>(table.column("x")); }) ==
        "people: no column 'x'; there are 'name', 'age'");
  CHECK(failure<DataError>([&] { static_cast<void>(Table().column("x")); }) ==
        "table: no column 'x'; there are none");
}

TEST_CASE("numbers as text: whole ones in digits, others at their shortest, read back the same") {
  CHECK(number_text(3) == "3");
  CHECK(number_text(-0.0) == "0");
  CHECK(number_text(100000) == "100000");
  CHECK(number_text(20220425) == "20220425");
  CHECK(number_text(999999999999999) == "999999999999999");
  CHECK(number_text(2e15) == "2000000000000000");
  CHECK(number_text(9007199254740992) == "9007199254740992");
  CHECK(number_text(-9007199254740992) == "-9007199254740992");
  CHECK(number_text(9007199254740994) == "9007199254740994");
  CHECK(number_text(1e16) == "10000000000000000");
  CHECK(number_text(-9223372036854774784.0) == "-9223372036854774784");
  CHECK(number_text(1e19) == "1e+19");
  CHECK(number_text(1e20) == "1e+20");
  CHECK(number_text(0.5) == "0.5");
  CHECK(number_text(-1.25) == "-1.25");
  CHECK(number_text(0.1 + 0.2) == "0.30000000000000004");
  CHECK(number_text(std::numeric_limits<double>::infinity()) == "inf");
  Table table;
  std::vector<double> many{missing, -0.0, 0.0, 100000, 0.5, missing};
  for (int i = 0; i < 5000; ++i) many.push_back(i % 3000);
  table.add("x", many);
  const Column text = table.as_text("x");
  CHECK(text.kind == ColumnKind::text);
  CHECK(text.dictionary.size() == 3002);
  for (std::size_t i = 0; i < many.size(); ++i) {
    CHECK(text.at(static_cast<Index>(i)) == (std::isnan(many[i]) ? "" : number_text(many[i])));
  }
  Column made;
  CHECK(&people().as_text("age", made) == &made);
  const Table names = people();
  CHECK(&names.as_text("name", made) == &names.column("name"));
}

TEST_CASE("columns are derived, chosen, renamed, removed") {
  Table table = people();
  table.derive("twice",
               [&](Index row) { return 2 * table.numbers("age")[static_cast<std::size_t>(row)]; });
  CHECK(cells(table, "twice") == "62 8 14 120");
  const Table chosen = table.select({"twice", "name"});
  CHECK(chosen.columns().size() == 2);
  CHECK(chosen.columns()[0].name == "twice");
  CHECK(chosen.source == "people");
  table.rename("twice", "double");
  table.rename("double", "double");
  CHECK(cells(table, "double") == "62 8 14 120");
  CHECK(failure<DataError>([&] { table.rename("double", "age"); }) ==
        "people: there already is a column 'age'");
  CHECK(failure<DataError>([&] { table.rename("none", "x"); }) ==
        "people: no column 'none'; there are 'name', 'age', 'double'");
  table.remove("age");
  CHECK_FALSE(table.has("age"));
  CHECK(table.columns().size() == 2);
  CHECK_THROWS_AS(table.remove("age"), DataError);
}

TEST_CASE("rows are taken by number, in any order, more than once") {
  const std::vector<std::int32_t> rows{3, 0, 0, 2};
  const Table taken = people().take(rows);
  CHECK(cells(taken, "name") == "ann ann ann –");
  CHECK(cells(taken, "age") == "60 31 31 7");
  CHECK(people().take({}).rows() == 0);
  const std::vector<std::int32_t> wrong{4}, negative{-1};
  CHECK(failure<DataError>([&] { static_cast<void>(people().take(wrong)); }) ==
        "people: no row 5, expected 1 to 4");
  CHECK_THROWS_AS(static_cast<void>(people().take(negative)), DataError);
}

TEST_CASE("tables of the same columns are put one behind the other") {
  Table table = people();
  Table more;
  more.source = "more";
  more.notes = {"a note"};
  more.add("age", std::vector<int>{1, 2});
  more.add("name", std::vector<std::string>{"cid", "bob"});
  table.append(more);
  CHECK(cells(table, "name") == "ann bob – ann cid bob");
  CHECK(cells(table, "age") == "31 4 7 60 1 2");
  CHECK(table.column("name").dictionary == std::vector<std::string>{"ann", "bob", "cid"});
  CHECK(table.notes == std::vector<std::string>{"a note"});
  table.append(table);
  CHECK(table.rows() == 12);
  CHECK(cells(table, "age") == "31 4 7 60 1 2 31 4 7 60 1 2");
  Table empty;
  empty.append(more);
  CHECK(cells(empty, "name") == "cid bob");
}

TEST_CASE("tables that do not go together are refused, and nothing is changed") {
  Table table = people();
  Table other;
  other.source = "other";
  other.notes = {"of the other"};
  other.add("name", std::vector<std::string>{"x"});
  CHECK(failure<DataError>([&] { table.append(other); }) ==
        "other: 1 columns, expected 2 as in people");
  other.add("age", std::vector<std::string>{"old"});
  CHECK(failure<DataError>([&] { table.append(other); }) ==
        "other: column 'age' is of another kind than in people");
  other.rename("age", "ages");
  CHECK(failure<DataError>([&] { table.append(other); }) ==
        "other: no column 'age'; there are 'name', 'ages'");
  CHECK(cells(table, "name") == "ann bob – ann");
  CHECK(cells(table, "age") == "31 4 7 60");
  CHECK(table.notes.empty());
}

TEST_CASE("a row says where it is from, over tables put together too") {
  Table table = people();
  CHECK(table.where(0) == "people, row 1");
  Table file = parse_csv("name,age\ncid,5\n\"d\nd\",6\nee,7\n", "f.csv");
  Table all = file;
  all.append(table);
  all.append(file);
  CHECK(all.where(0) == "f.csv:2");
  CHECK(all.where(2) == "f.csv:5");
  CHECK(all.where(3) == "f.csv, row 4");
  CHECK(all.where(6) == "f.csv, row 7");
  CHECK(all.where(7) == "f.csv:2");
  CHECK(all.where(9) == "f.csv:5");
  table.append(file);
  CHECK(table.where(3) == "people, row 4");
  CHECK(table.where(4) == "f.csv:2");
  CHECK(table.select({"age"}).where(4) == "f.csv:2");
  file.append(parse_csv("age,name\n8,x\n", "g.csv"));
  CHECK(file.where(2) == "f.csv:5");
  CHECK(file.where(3) == "g.csv:2");
}
