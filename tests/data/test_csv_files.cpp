// SPDX-License-Identifier: Apache-2.0
// Real-world CSV files: lines before the header, comments, empty lines, other encodings; hints in
// the messages about files that do not fit.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/file.hpp"
#include "espalier/data/csv.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::dump;
using espalier_test::failure;
using espalier_test::number;
using espalier_test::TemporaryFolder;
using espalier_test::text;

namespace {

/// Parses with every block size.
Table parse(std::string_view csv, CsvOptions options = {}) {
  const Table whole = parse_csv(csv, "f.csv", options);
  for (Index block = 16; block < 40; ++block) {
    options.block_bytes = block;
    CHECK(dump(parse_csv(csv, "f.csv", options)) == dump(whole));
  }
  return whole;
}

std::string refusal(std::string_view csv, const CsvOptions& options = {}) {
  return failure<DataError>([&] { static_cast<void>(parse_csv(csv, "f.csv", options)); });
}

}  // namespace

TEST_CASE("CSV files: empty lines at the end are nothing, in the middle they are malformed rows") {
  for (const char* end : {"\n", "\n\n\n", "\r\n\r\n", "\n\r\n\n"}) {
    const Table table = parse("a,b\n1,x\n2,y\n" + std::string(end));
    CHECK(cells(table, "a") == "1 2");
    CHECK(cells(table, "b") == "x y");
    CHECK(table.notes.empty());
  }
  CHECK(parse("a,b\n\n\n").rows() == 0);
  CHECK(refusal("a,b\n1,x\n\n\n2,y\n\n") == "f.csv:3: an empty line, expected 2 values");
  CsvOptions options;
  options.max_bad_rows = 3;
  const Table table = parse("a,b\n1,x\n\n\n2,y\nz\n3,z\n\n\n", options);
  CHECK(cells(table, "a") == "1 2 3");
  CHECK(table.notes[0] ==
        "f.csv: skipped 3 malformed rows, first: f.csv:3: an empty line, expected 2 values; "
        "f.csv:4: an "
        "empty line, expected 2 values; f.csv:6: 1 value, expected 2; none for column 'b'");
  options.max_bad_rows = 1;
  CHECK(
      refusal("a,b\n\n\n2,y\n", options) ==
      "f.csv:3: an empty line, expected 2 values (malformed row number 2, at most 1 are skipped)");
  // A line of blanks is not an empty line, unless blanks are trimmed.
  CHECK(refusal("a,b\n1,x\n  \n") == "f.csv:3: 1 value, expected 2; none for column 'b'");
  options.trim = true;
  CHECK(parse("a,b\n1,x\n  \n\t\n", options).rows() == 1);
  // A quoted empty text is a value. In a file with one column an empty line is a missing value.
  CHECK(refusal("a,b\n1,x\n\"\"\n") == "f.csv:3: 1 value, expected 2; none for column 'b'");
  CHECK(cells(parse("a\n1\n\n\n"), "a") == "1 – –");
  // Each of several files may end with empty lines.
  const TemporaryFolder folder;
  write_file_atomically(folder / "1.csv", "a,b\n1,x\n\n");
  write_file_atomically(folder / "2.csv", "a,b\n2,y\n\n\n");
  CHECK(cells(read_csv({folder / "1.csv", folder / "2.csv"}), "a") == "1 2");
}

TEST_CASE("CSV files: lines before the header are skipped, whatever they hold") {
  CsvOptions options;
  options.skip_rows = 3;
  const Table table = parse(
      "\xEF\xBB\xBF"
      "An \"export, of\n\n;;;\na,b\n1,x\n\n",
      options);
  CHECK(cells(table, "a") == "1");
  CHECK(table.where(0) == "f.csv:5");
  CHECK(refusal("x\ny\nz\na,b\n1\n", options) ==
        "f.csv:5: 1 value, expected 2; none for column 'b'");
  CHECK(refusal("x\ny\nz\na,a\n", options) ==
        "f.csv:4: columns 1 and 2 are both called 'a', expected different names");
  CHECK(refusal("a,b\n1,2\n", options) ==
        "f.csv: nothing behind the lines that are skipped, expected a line that names the columns");
  options.header = false;
  CHECK(refusal("a,b\n1,2\n3,4", options) ==
        "f.csv: nothing behind the lines that are skipped, expected rows");
  CHECK(cells(parse("\n\n\n1,2\n3,4", options), "1") == "2 4");
  // In every file.
  options.header = true;
  const TemporaryFolder folder;
  write_file_atomically(folder / "1.csv", "x\ny\nz\na,b\n1,x\n");
  CHECK(cells(read_csv({folder / "1.csv", folder / "1.csv"}, options), "a") == "1 1");
}

TEST_CASE("CSV files: lines that begin with the comment character are skipped") {
  CsvOptions options;
  options.comment = '#';
  const Table table = parse(
      "# made by, \"x\n#\na,b\n# 7,7\n1,x#y\n\"#2\",\"p\n# no comment\"\n\n# end, after an empty "
      "line\n\n#",
      options);
  CHECK(cells(table, "a") == "1 #2");
  CHECK(table.column("b").dictionary == std::vector<std::string>{"x#y", "p\n# no comment"});
  CHECK(table.where(0) == "f.csv:5");
  CHECK(table.where(1) == "f.csv:6");
  CHECK(refusal("a,b\n 1,2\n#\n3\n", options) ==
        "f.csv:4: 1 value, expected 2; none for column 'b'");
  CHECK(refusal("# a\n# b", options) ==
        "f.csv: nothing behind the lines that are skipped, expected a line that names the columns");
  CHECK(parse("#a,b\n1,2\n").columns()[0].name == "#a");
}

TEST_CASE("CSV files: latin1 becomes UTF-8") {
  CsvOptions options;
  options.encoding = CsvEncoding::latin1;
  std::string csv =
      "stra\xDF"
      "e,n\nK\xF6ln,1\n\"\xC4,\xFF\x80\",2\n";
  const Table table = parse(csv, options);
  CHECK(table.columns()[0].name == "straße");
  CHECK(table.column("straße").dictionary == std::vector<std::string>{"Köln", "Ä,ÿ\xC2\x80"});
  CHECK(refusal("n\nK\xF6ln,1\n", options) ==
        "f.csv:2: 2 values, expected 1; do the names stand on a later line (.skip_rows)?");
  const TemporaryFolder folder;
  write_file_atomically(folder / "latin1.csv", csv);
  const Table read = read_csv(folder / "latin1.csv", options);
  CHECK(read.column("straße").at(0) == "Köln");
  // A value longer than the conversion buffer, at every offset.
  for (std::size_t shift = 0; shift < 3; ++shift) {
    std::string expected;
    std::string of_file = "x\n" + std::string(shift, 'a');
    for (int i = 0; i < 20000; ++i) of_file += i % 3 == 0 ? 'b' : '\xE9';
    expected = std::string(shift, 'a');
    for (int i = 0; i < 20000; ++i) expected += i % 3 == 0 ? "b" : "é";
    CHECK(parse_csv(of_file, "f.csv", options).column("x").dictionary[0] == expected);
  }
}

TEST_CASE("CSV files: another separator is suspected where there is one column, or one value") {
  CsvOptions wanted;
  wanted.columns = {number("age"), text("city")};
  CHECK(refusal("age;city;n\n31;Ulm;1\n", wanted) ==
        "f.csv:1: no column 'age', expected it among 'age;city;n'; the line 'age;city;n' has ';' 2 "
        "times: is .separator = ';' meant?");
  CHECK(refusal("age\tcity\n31\tUlm\n", wanted) ==
        "f.csv:1: no column 'age', expected it among 'age?city'; the line 'age?city' has '\\t': is "
        ".separator = '\\t' meant?");
  CHECK(refusal("age;city\n31,5;Ulm\n") ==
        "f.csv:2: 2 values, expected 1; the line 'age;city' has ';': is .separator = ';' meant?");
  wanted.header = false;
  wanted.names = {"age", "city", "n"};
  CHECK(refusal("31|Ulm|1\n", wanted) ==
        "f.csv:1: 1 value, expected 3; none for column 'city'; the line '31|Ulm|1' has '|' 2 "
        "times: is .separator = '|' meant?");
  CsvOptions semicolon;
  semicolon.separator = ';';
  semicolon.columns = {number("age")};
  CHECK(refusal("age,city\n31,Ulm\n", semicolon)
            .ends_with("the line 'age,city' has ',': is .separator = ',' meant?"));
  // Reading gives no error; the message comes when a column is requested.
  CHECK(failure<DataError>(
            [] { static_cast<void>(parse_csv("age;city\n31;Ulm\n", "f.csv").numbers("age")); }) ==
        "f.csv: no column 'age'; there are 'age;city' (read were those that the model and "
        "CsvOptions::columns name); the line "
        "'age;city' has ';': is .separator = ';' meant?");
  CHECK(failure<DataError>([] {
          static_cast<void>(parse_csv("age\n31\n", "f.csv").numbers("x"));
        }).ends_with("CsvOptions::columns name)"));
}

TEST_CASE("CSV files: a missing line of names is suspected where a name looks like a value") {
  CsvOptions wanted;
  wanted.columns = {number("age")};
  const std::string clause =
      "; '39' looks like a value: is there no line of names (.header = false, .names = {…})?";
  CHECK(refusal("39,State-gov,77516\n50,Private,83311\n", wanted) ==
        "f.csv:1: no column 'age', expected it among '39', 'State-gov', '77516'" + clause);
  CHECK(refusal("39,5,5\n1,2,3\n") ==
        "f.csv:1: columns 2 and 3 are both called '5', expected different names" + clause);
  CHECK(failure<DataError>([] {
          static_cast<void>(parse_csv("39,5\n1,2\n", "f.csv").numbers("age"));
        }).ends_with(clause));
  // Column numbers of a data frame are not values.
  CHECK(refusal("0,1\n5,6\n", wanted) == "f.csv:1: no column 'age', expected it among '0', '1'");
  CHECK(refusal("a,b\n5,6\n", wanted) == "f.csv:1: no column 'age', expected it among 'a', 'b'");
}

TEST_CASE("CSV files: a title above the header is suspected") {
  CsvOptions wanted;
  wanted.columns = {number("age")};
  CHECK(refusal("# people, 2024\nage,city\n1,x\n", wanted) ==
        "f.csv:1: no column 'age', expected it among '# people', ' 2024'; '# people' looks like a "
        "comment: is .comment = '#' meant?");
  const std::string clause = "; do the names stand on a later line (.skip_rows)?";
  CHECK(refusal("People\nage,city\n1,x\n", wanted) ==
        "f.csv:1: no column 'age', expected it among 'People'" + clause);
  CHECK(refusal("\nage,city\n1,x\n") == "f.csv:2: 2 values, expected 1" + clause);
}

TEST_CASE("CSV files: a few of many columns, in another order than the file's") {
  constexpr int many = 50000;
  std::string header, row;
  CsvOptions options;
  for (int c = 0; c < many; ++c) {
    header += (c > 0 ? ",c" : "c") + std::to_string(c);
    row += (c > 0 ? "," : "") + std::to_string(c);
  }
  for (int c = many - 1; c >= many - 100; --c)
    options.columns.push_back(number("c" + std::to_string(c)));
  const Table table = parse_csv(header + "\n" + row + "\n", "f.csv", options);
  CHECK(table.numbers("c49999")[0] == 49999);
  CHECK(table.columns()[99].name == "c49900");
}
