// SPDX-License-Identifier: Apache-2.0
// Columns with inferred kind: all, or the named ones; and why a column became text.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/data/csv.hpp"
#include "espalier/data/join.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;
using espalier_test::number;
using espalier_test::text;

namespace {

Table parse(std::string_view csv, const CsvOptions& options = {}) {
  return parse_csv(csv, "events.csv", options);
}

CsvColumn inferred(std::string name) { return {.name = std::move(name), .infer = true}; }

std::string not_numbers(const Table& table, const std::string& name) {
  return failure<DataError>([&] { static_cast<void>(table.numbers(name)); });
}

}  // namespace

TEST_CASE("CSV kinds: a named column can have its kind found out, beside others of given kinds") {
  CsvOptions options;
  options.columns = {text("id"), inferred("income"), inferred("age"), number("hours")};
  const Table table = parse("age,income,id,hours,rest\n31,>50K,7,40,x\n4.5,<=50K,8,1,y\n", options);
  CHECK(table.column("id").kind == ColumnKind::text);
  CHECK(table.column("income").kind == ColumnKind::text);
  CHECK(cells(table, "income") == ">50K <=50K");
  CHECK(table.column("age").kind == ColumnKind::number);
  CHECK(cells(table, "age") == "31 4.5");
  CHECK(cells(table, "hours") == "40 1");
  CHECK(table.columns().size() == 4);
}

TEST_CASE("CSV kinds: a named column that is text from a late row on is text as a whole") {
  CsvOptions options;
  options.columns = {inferred("a"), number("b")};
  std::string csv = "b,a\n";
  for (int i = 0; i < 3000; ++i)
    csv += std::to_string(i) + "," + (i == 2500 ? "x" : std::to_string(i % 10)) + "\n";
  const Table table = parse(csv, options);
  CHECK(table.rows() == 3000);
  CHECK(table.column("a").dictionary.size() == 11);
  CHECK(table.column("a").at(2500) == "x");
  CHECK(table.numbers("b")[2999] == 2999);
  CHECK(
      not_numbers(table, "a") ==
      "events.csv: column 'a' holds text, expected numbers; events.csv:2502: 'x' is not a number");
}

TEST_CASE(
    "CSV kinds: a column that became text names the first value to blame when numbers are wanted") {
  const Table table = parse(
      "age,code,id,far,plain\n"
      "31,7,12,1,x\n"
      "n/a,007,1234567890123456789,1e999,y\n"
      "?,+5,x,z,1\n");
  CHECK(
      not_numbers(table, "age") ==
      "events.csv: column 'age' holds text, expected numbers; events.csv:3: 'n/a' is not a number");
  CHECK(not_numbers(table, "code") ==
        "events.csv: column 'code' holds text, expected numbers; events.csv:3: '007' says more "
        "than the number 7");
  CHECK(not_numbers(table, "id") ==
        "events.csv: column 'id' holds text, expected numbers; events.csv:3: "
        "'1234567890123456789' says more than the number 1234567890123456768");
  CHECK(not_numbers(table, "far") ==
        "events.csv: column 'far' holds text, expected numbers; events.csv:3: '1e999' is beyond "
        "the range of a double");
  CHECK(
      not_numbers(table, "plain") ==
      "events.csv: column 'plain' holds text, expected numbers; events.csv:2: 'x' is not a number");
  CsvOptions asked;
  asked.columns = {text("age")};
  CHECK(not_numbers(parse("age\nn/a\n", asked), "age") ==
        "events.csv: column 'age' holds text, expected numbers");
}

TEST_CASE("CSV kinds: why a column became text goes along with it") {
  const Table users = parse("user,age\nu1,31\nu2,n/a\n");
  const std::vector<std::int32_t> second{1};
  const std::string because = "; events.csv:3: 'n/a' is not a number";
  CHECK(not_numbers(users.take(second), "age").ends_with(because));
  Table log = parse_csv("user\nu2\n", "log.csv");
  join(log, users, "user");
  CHECK(not_numbers(log, "age") == "log.csv: column 'age' holds text, expected numbers" + because);
}

TEST_CASE("CSV kinds: a row that is skipped is not to blame") {
  CsvOptions options;
  options.max_bad_rows = 1;
  CHECK(not_numbers(parse("a,b\nx,1,2\n1,2\ny,3\n", options), "a") ==
        "events.csv: column 'a' holds text, expected numbers; events.csv:4: 'y' is not a number");
}

TEST_CASE("CSV kinds: a remedy stands behind the error about a value") {
  CsvOptions options;
  options.columns = {{.name = "income",
                      .kind = ColumnKind::number,
                      .remedy = "a label made of text is Label<\"income\", Equals<\">50K\">>"}};
  CHECK(failure<DataError>([&] { static_cast<void>(parse("income\n1\n>50K\n", options)); }) ==
        "events.csv:3: column 'income': '>50K' is not a number, expected one or nothing; a label "
        "made of text is "
        "Label<\"income\", Equals<\">50K\">>");
}
