// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/random.hpp"
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

Table parse(std::string_view csv, const CsvOptions& options = {}) {
  return parse_csv(csv, "f.csv", options);
}

CsvOptions no_header() {
  CsvOptions options;
  options.header = false;
  return options;
}

bool is_number(const Table& table, std::string_view name) {
  return table.column(name).kind == ColumnKind::number;
}

}  // namespace

TEST_CASE("CSV: header, numbers and texts") {
  const Table table = parse("user,age,city\nann,31,Ulm\nbob,4.5,Köln\ncid,-2,\"\"\n");
  CHECK(table.source == "f.csv");
  REQUIRE(table.columns().size() == 3);
  CHECK(table.columns()[1].name == "age");
  CHECK(table.rows() == 3);
  CHECK(cells(table, "user") == "ann bob cid");
  CHECK(is_number(table, "age"));
  CHECK(cells(table, "age") == "31 4.5 -2");
  CHECK(cells(table, "city") == "Ulm Köln ");
  CHECK(table.column("city").dictionary == std::vector<std::string>{"Ulm", "Köln", ""});
  CHECK(table.notes.empty());
}

TEST_CASE("CSV: the last line need not end, and lines end in LF or CR LF") {
  for (const char* csv : {"a,b\n1,x\n2,y", "a,b\n1,x\n2,y\n", "a,b\r\n1,x\r\n2,y\r\n",
                          "a,b\r\n1,x\n2,y", "a,b\n\"1\",\"x\"\r\n2,\"y\""}) {
    INFO(csv);
    const Table table = parse(csv);
    CHECK(cells(table, "a") == "1 2");
    CHECK(cells(table, "b") == "x y");
  }
  CHECK(parse("a,b").rows() == 0);
  CHECK(parse("a,b\n").rows() == 0);
  CHECK(parse("a,b\n").columns().size() == 2);
}

TEST_CASE("CSV: separators and quotes") {
  for (const char separator : {';', '\t', '|', ' ', ':', '\x01'}) {
    CsvOptions options;
    options.separator = separator;
    std::string csv = "a,b\n1.5,'x,y'\n";
    csv[1] = csv[7] = separator;
    options.quote = '\'';
    const Table table = parse(csv, options);
    CHECK(cells(table, "a") == "1.5");
    CHECK(cells(table, "b") == "x,y");
  }
  CsvOptions none;
  none.quote = '\0';
  CHECK(cells(parse("a,b\n\"x,6\"\" tall\n", none), "a") == "\"x");
  CHECK(cells(parse("a,b\n\"x,6\"\" tall\n", none), "b") == "6\"\" tall");
}

TEST_CASE("CSV: what stands in quotes") {
  const Table table = parse(
      "a,b\n\"x,y\",1\n\"he said "
      "\"\"no\"\"\",2\n\"two\nlines\",3\n\"\"\"\",4\n\"\",5\n\"a\r\nb\",6\n");
  CHECK(table.column("a").dictionary ==
        std::vector<std::string>{"x,y", "he said \"no\"", "two\nlines", "\"", "", "a\r\nb"});
  CHECK(cells(table, "b") == "1 2 3 4 5 6");
  CHECK(parse("\"a,b\",\"c\"\"d\"\n1,2\n").columns()[0].name == "a,b");
  CHECK(parse("\"a,b\",\"c\"\"d\"\n1,2\n").columns()[1].name == "c\"d");
  CHECK(is_number(parse("a\n\"1\"\n\"2\"\n"), "a"));  // quoted numbers are numbers
}

TEST_CASE("CSV: a row knows its file and line, over line ends in quotes too") {
  const Table table = parse("a,b\nx,1\n\"p\n\nq\",2\nz,3\n");
  CHECK(table.where(0) == "f.csv:2");
  CHECK(table.where(1) == "f.csv:3");
  CHECK(table.where(2) == "f.csv:6");
}

TEST_CASE("CSV: rows that are taken know their file and line still") {
  const Table table = parse("a\n1\n2\n3\n\"4\n\"\n5\n");
  const std::vector<std::int32_t> chosen{4, 0, 1, 2, 2, 3};
  const Table taken = table.take(chosen);
  for (std::size_t i = 0; i < chosen.size(); ++i)
    CHECK(taken.where(static_cast<Index>(i)) == table.where(chosen[i]));
  CHECK(taken.where(0) == "f.csv:7");
  CHECK(taken.take(std::vector<std::int32_t>{5, 1}).where(0) == "f.csv:5");
  Table both = table;
  both.append(taken);
  CHECK(both.where(5) == "f.csv:7");
  Table known_later;  // made here, so that its rows have no line
  known_later.add(Column::text("a", {"9"}));
  known_later.append(parse("a\nx\n"));
  const Table mixed = known_later.take(std::vector<std::int32_t>{1, 0, 1});
  CHECK(mixed.where(0) == "f.csv:2");
  CHECK(mixed.where(1) == "table, row 2");
  CHECK(mixed.where(2) == "f.csv:2");
}

TEST_CASE("CSV: a byte order mark is skipped") {
  CHECK(parse("\xEF\xBB\xBF"
              "a,b\n1,2\n")
            .columns()[0]
            .name == "a");
  CHECK(cells(parse("\xEF\xBB\xBF\"a\",b\n1,2\n"), "a") == "1");
  CHECK(cells(parse("\xEF\xBB\xBF"
                    "1,2\n",
                    no_header()),
              "0") == "1");
}

TEST_CASE("CSV: without a header, columns are numbered or named") {
  CHECK(cells(parse("1,x\n2,y\n", no_header()), "1") == "x y");
  CsvOptions named = no_header();
  named.names = {"n", "t"};
  CHECK(cells(parse("1,x\n2,y\n", named), "t") == "x y");
  CsvOptions chosen = no_header();
  chosen.columns = {text("2")};
  const Table table = parse("1,x,5\n2,y,6\n", chosen);
  CHECK(table.columns().size() == 1);
  CHECK(cells(table, "2") == "5 6");
  CHECK(table.where(1) == "f.csv:2");
}

TEST_CASE("CSV: missing values") {
  const Table table = parse("a,b\n1,x\n,\nNA,NA\nNaN,nan\nnull,NULL\n5,\"NA\"\n");
  CHECK(cells(table, "a") == "1 – – – – 5");
  CHECK(cells(table, "b") == "x – – – – NA");  // quoted: a text
  CsvOptions own;
  own.missing = {"?", "-999", "Not in universe"};
  // In addition to the default spellings.
  const Table more = parse("a,b,c\n1,?,?\n-999,x,Not in universe\n,,NA\n", own);
  CHECK(cells(more, "a") == "1 – –");
  CHECK(cells(more, "b") == "– x –");
  CHECK(cells(more, "c") == "– – –");
  own.default_missing = false;
  const Table other = parse("a,b,c\n1,?,?\n-999,x,Not in universe\n-99,,y\n", own);
  CHECK(cells(other, "a") == "1 – -99");
  CHECK(cells(other, "b") == "– x ");
  CHECK(cells(other, "c") == "– – y");
  own.columns = {number("a"), text("b")};
  CHECK(cells(parse("a,b\n?,-999\n7,7\n", own), "a") == "– 7");
  CHECK(cells(parse("a,b\n?,-999\n7,7\n", own), "b") == "– 7");
  own.missing = {};
  CHECK(cells(parse("b,a\n,1\nNA,2\n", own), "b") == " NA");
  own.columns = {};
  own.missing = {""};  // countries: NA is Namibia
  CHECK(cells(parse("country,n\nNA,1\n,2\nDE,3\n", own), "country") == "NA – DE");
}

TEST_CASE(
    "CSV: chosen columns come in the order asked for, of the kind asked for; the rest is not "
    "looked at") {
  CsvOptions options;
  options.columns = {text("c"), number("a")};
  const Table table = parse("a,b,c\n1,\xFF,007\n2,y,8\n", options);
  REQUIRE(table.columns().size() == 2);
  CHECK(table.columns()[0].name == "c");
  CHECK(cells(table, "c") == "007 8");
  CHECK(cells(table, "a") == "1 2");
}

TEST_CASE("CSV: a column is of numbers when all its values are, and say no more than the number") {
  const Table table = parse(
      "int,real,exp,code,long,word,plus,none,minus\n"
      "1,0.5,1e3,7,9007199254740991,1,1,,-1\n"
      "2,.5,1E-3,007,9007199254740992,x,+1,NA,-0.25\n");
  CHECK(is_number(table, "int"));
  CHECK(cells(table, "real") == "0.5 0.5");
  CHECK(cells(table, "exp") == "1000 0.001");
  CHECK_FALSE(is_number(table, "code"));
  CHECK(cells(table, "code") == "7 007");
  CHECK_FALSE(is_number(table, "long"));
  CHECK(cells(table, "long") == "9007199254740991 9007199254740992");
  CHECK(is_number(parse("a\n9007199254740991\n-1234567890123456.0\n"), "a"));
  CHECK(cells(table, "word") == "1 x");
  CHECK_FALSE(is_number(table, "plus"));
  CHECK(is_number(table, "none"));
  CHECK(cells(table, "minus") == "-1 -0.25");
  CHECK_FALSE(is_number(parse("a\ninf\n"), "a"));
  CHECK_FALSE(is_number(parse("a\n0x10\n"), "a"));
  CHECK_FALSE(is_number(parse("a\n1 \n"), "a"));
}

TEST_CASE("CSV: a column may turn out to be text late, whatever the block, and in any file") {
  std::string csv = "a,b,c\n";
  for (int i = 0; i < 3000; ++i) {
    csv += std::to_string(i) + "," + (i == 1500 ? "x" : std::to_string(i % 10)) + "," +
           (i == 2999 ? "001" : "1") + "\n";
  }
  const Table table = parse(csv);
  CHECK(is_number(table, "a"));
  CHECK(table.column("b").dictionary.size() == 11);
  CHECK(table.column("b").at(1500) == "x");
  CHECK(table.column("b").at(2) == "2");
  CHECK(table.column("c").dictionary == std::vector<std::string>{"1", "001"});
  CHECK(table.rows() == 3000);
}

TEST_CASE("CSV: numbers are those of strtod, to the bit") {
  Random random(5);
  CsvOptions options;
  options.columns = {number("a")};
  std::vector<std::string> texts{"0",
                                 "-0",
                                 "0.0",
                                 "1.",
                                 ".5",
                                 "-.5",
                                 "00012",
                                 "123456789012345",
                                 "1234567890123456",
                                 "0.1",
                                 "9007199254740993",
                                 "999999999999999",
                                 "1e22",
                                 "1e23",
                                 "1.7976931348623157e308",
                                 "5e-324",
                                 "+3",
                                 "+.25",
                                 "0.000000000000001",
                                 "00000000000000000001",
                                 "12345.678901234",
                                 "8388607.5",
                                 "1e-400",
                                 "-1e-400",
                                 "4e-324",
                                 "2e-324",
                                 "1e-99999999999999999999",
                                 "0.001e-330",
                                 "1000e-330",
                                 "0e999",
                                 "0." + std::string(400, '0') + "1",
                                 "1" + std::string(300, '0') + "e-700",
                                 "0." + std::string(400, '0') + "1e410"};
  for (int i = 0; i < 4000; ++i) {
    std::string text = random.bernoulli(0.3) ? "-" : "";
    const auto digits = [&](std::uint64_t n) {
      for (std::uint64_t k = 0; k < n; ++k) text += static_cast<char>('0' + random.below(10));
    };
    digits(1 + random.below(random.bernoulli(0.8) ? 7 : 20));
    if (random.bernoulli(0.6)) {
      text += '.';
      digits(random.below(random.bernoulli(0.8) ? 7 : 20));
    }
    if (random.bernoulli(0.1))
      text += "e" + std::to_string(static_cast<int>(random.below(40)) - 20);
    texts.push_back(text);
  }
  std::string csv = "a";
  for (const std::string& text : texts) csv += (random.bernoulli(0.5) ? "\r\n" : "\n") + text;
  const std::vector<double> values = parse(csv, options).numbers("a");
  REQUIRE(values.size() == texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    INFO(texts[i]);
    const double expected = std::strtod(texts[i].c_str(), nullptr);
    CHECK(values[i] == expected);
    CHECK(std::signbit(values[i]) == std::signbit(expected));
  }
}

TEST_CASE("CSV: blanks around values are dropped on request") {
  CsvOptions options;
  options.trim = true;
  const Table table = parse(" a ,\tb\n 1 , x y \n  2,\t\"  z \"  \n3\t, NA \n", options);
  CHECK(is_number(table, "a"));
  CHECK(cells(table, "a") == "1 2 3");
  CHECK(table.column("b").dictionary == std::vector<std::string>{"x y", "  z "});
  CHECK(cells(table, "b") == "x y   z  –");
  CHECK(cells(parse("a,b\n1, x\n"), "b") == " x");
  options.separator = '\t';
  CHECK(cells(parse("a\tb\n 1\t x \n", options), "b") == "x");
  CHECK(cells(parse("a\tb\n\tx\n", options), "a") == "–");
}

TEST_CASE("CSV: rows of every number, around the chunks in which they are stored") {
  for (int rows = 0; rows <= 100; ++rows) {
    std::string csv = "n,t\n", numbers, texts;
    for (int i = 0; i < rows; ++i) {
      csv += std::to_string(i) + ",t" + std::to_string(i * i % 7) + "\n";
      numbers += (i > 0 ? " " : "") + std::to_string(i);
      texts += (i > 0 ? " t" : "t") + std::to_string(i * i % 7);
    }
    const Table table = parse(csv);
    CHECK(table.rows() == rows);
    CHECK(cells(table, "n") == numbers);
    if (rows > 0) CHECK(cells(table, "t") == texts);
  }
}

TEST_CASE("CSV: one column, where an empty line is a missing value") {
  CHECK(cells(parse("a\n1\n\n3\n"), "a") == "1 – 3");
}

TEST_CASE("CSV: thousands of columns") {
  std::string header, row;
  for (int c = 0; c < 5000; ++c) {
    header += (c > 0 ? ",c" : "c") + std::to_string(c);
    row += (c > 0 ? "," : "") + std::to_string(c);
  }
  const Table table = parse(header + "\n" + row + "\n" + row + "\n");
  CHECK(table.columns().size() == 5000);
  CHECK(cells(table, "c4999") == "4999 4999");
}

TEST_CASE("CSV: several files, columns in any order, are read one behind the other") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "1.csv", "a,b\n1,x\n2,y\n");
  write_file_atomically(folder / "2.csv",
                        "\xEF\xBB\xBF"
                        "b,a\r\ny,3\r\nz,4");
  const Table table = read_csv({folder / "1.csv", folder / "2.csv"});
  CHECK(table.source == folder / "1.csv");
  CHECK(cells(table, "a") == "1 2 3 4");
  CHECK(cells(table, "b") == "x y y z");
  CHECK(table.where(1) == (folder / "1.csv") + ":3");
  CHECK(table.where(2) == (folder / "2.csv") + ":2");
  CHECK(table.where(3) == (folder / "2.csv") + ":3");
  CsvOptions options;
  options.columns = {text("b")};
  write_file_atomically(folder / "3.csv", "c,b\n5,w\n");
  CHECK(cells(read_csv({folder / "3.csv", folder / "1.csv"}, options), "b") == "w x y");
  CHECK(cells(read_csv(folder / "1.csv"), "b") == "x y");
}

TEST_CASE("CSV: malformed rows are skipped up to a limit, counted and told of") {
  CsvOptions options;
  options.columns = {number("a"), text("b")};
  options.max_bad_rows = 4;
  const Table table = parse(
      "a,b\n"
      "1,first\n"
      "two,lost\n"  // not a number
      "3\n"         // too few values
      "4,kept\n"
      "5,x,y\n"     // too many values
      "6,\"q\"z\n"  // text after a closing quote
      "7,last\n",
      options);
  CHECK(cells(table, "a") == "1 4 7");
  CHECK(cells(table, "b") == "first kept last");
  // The dictionary has no values of the bad rows.
  CHECK(table.column("b").dictionary == std::vector<std::string>{"first", "kept", "last"});
  CHECK(table.where(0) == "f.csv:2");
  CHECK(table.where(1) == "f.csv:5");
  CHECK(table.where(2) == "f.csv:8");
  REQUIRE(table.notes.size() == 1);
  CHECK(table.notes[0] ==
        "f.csv: skipped 4 malformed rows, first: f.csv:3: column 'a': 'two' is not a number, "
        "expected one or nothing; "
        "f.csv:4: 1 value, expected 2; none for column 'b'; f.csv:6: 3 values, expected 2");
  options.max_bad_rows = 3;
  CHECK(failure<DataError>([&] { static_cast<void>(parse("a,b\nx,1\n\ny,\"\nz,1\n", options)); }) ==
        "f.csv:5: column 'a': 'z' is not a number, expected one or nothing (malformed row number "
        "4, at most 3 are skipped)");
}

TEST_CASE("CSV: after a quote without an end, reading goes on at the line behind") {
  CsvOptions options;
  options.max_bad_rows = 1;
  const Table table = parse("a,b\n1,x\n2,\"open\n3,y\n4,z\n", options);
  CHECK(cells(table, "a") == "1 3 4");
  CHECK(cells(table, "b") == "x y z");
  CHECK(
      table.notes[0] ==
      "f.csv: skipped 1 malformed row, first: f.csv:3: column 'b': a quoted value without an end, "
      "expected a closing '\"'");
}

TEST_CASE("CSV: a row that is skipped leaves no trace in what kind its columns are") {
  CsvOptions options;
  options.max_bad_rows = 1;
  const Table table = parse("x,y\n1,1\n\xFF,1\n3,1\n", options);
  CHECK(table.column("x").kind == ColumnKind::number);
  CHECK(cells(table, "x") == "1 3");
}

TEST_CASE("CSV: a row that is too long is skipped as others are") {
  CsvOptions options;
  options.max_bad_rows = 1;
  std::string csv = "a,b\n1,\"open\n";
  while (csv.size() < (std::size_t{66} << 20U))
    csv += "2,0123456789012345678901234567890123456789012345678901234567890123456789\n";
  const Table table = parse(csv, options);
  CHECK(table.column("a").numbers.front() == 2);
  CHECK(table.where(0) == "f.csv:3");
  REQUIRE(table.notes.size() == 1);
  CHECK(table.notes[0] ==
        "f.csv: skipped 1 malformed row, first: f.csv:2: a row longer than 64 MiB, expected a "
        "quote to be closed or a line to end");
}

TEST_CASE("CSV: the 64 MiB of a row are a row's, not a block's") {
  CsvOptions options;
  std::string csv = "a,b\n1,\"";
  csv.append((std::size_t{64} << 20U) - 8, 'x');
  csv += "\"\n2,y\n";
  const Table table = parse(csv, options);
  CHECK(table.rows() == 2);
  CHECK(table.column("b").dictionary[0].size() == (std::size_t{64} << 20U) - 8);
}
