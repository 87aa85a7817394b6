// SPDX-License-Identifier: Apache-2.0
// Malformed CSV: each error has one line with file, line, column, value and what was expected.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>

#include "data/helpers.hpp"
#include "espalier/core/file.hpp"
#include "espalier/data/csv.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::failure;
using espalier_test::number;
using espalier_test::TemporaryFolder;
using espalier_test::text;
using namespace std::string_view_literals;

namespace {

/// The error for this text; the same from memory and from a file.
std::string refusal(std::string_view csv, const CsvOptions& options = {}) {
  const std::string message =
      failure<DataError>([&] { static_cast<void>(parse_csv(csv, "events.csv", options)); });
  const TemporaryFolder folder;
  write_file_atomically(folder / "events.csv", csv);
  const std::string of_file =
      failure<DataError>([&] { static_cast<void>(read_csv(folder / "events.csv", options)); });
  if (message != "no error") CHECK(of_file == folder.path() + "/" + message);
  return message;
}

std::string option_refusal(const CsvOptions& options) {
  return failure<ConfigError>([&] { static_cast<void>(parse_csv("a,b\n1,2\n", "f", options)); });
}

CsvOptions numbers_and_text() {
  CsvOptions options;
  options.columns = {number("age"), text("city")};
  return options;
}

}  // namespace

TEST_CASE("CSV errors: a value that is not a number") {
  CHECK(refusal("age,city\n31,Ulm\nthirty,Ulm\n", numbers_and_text()) ==
        "events.csv:3: column 'age': 'thirty' is not a number, expected one or nothing");
  CHECK(refusal("age,city\n\"1,5\",Ulm\n", numbers_and_text()) ==
        "events.csv:2: column 'age': '1,5' is not a number, expected one or nothing");
  for (const char* value : {"1x", "--1", "1.2.3", "+-1", "0x1F", "inf", "-nan", "1e", "e5", ".",
                            "-", "1 ", " 1", "1_000"}) {
    INFO(value);
    CHECK(refusal(std::string("age,city\n") + value + ",Ulm\n", numbers_and_text()) ==
          "events.csv:2: column 'age': '" + std::string(value) +
              "' is not a number, expected one or nothing");
  }
}

TEST_CASE("CSV errors: a number that no double holds") {
  CHECK(refusal("age,city\n1e999,Ulm\n", numbers_and_text()) ==
        "events.csv:2: column 'age': '1e999' is beyond the range of a double, expected a number or "
        "nothing");
  for (const char* value :
       {"1e400", "-1e400", "1e99999999999999999999", "0.001e400", "1000000000000e300"}) {
    CHECK(refusal(std::string("age,city\n") + value + ",Ulm\n", numbers_and_text()) ==
          "events.csv:2: column 'age': '" + std::string(value) +
              "' is beyond the range of a double, expected a number or nothing");
  }
}

TEST_CASE("CSV errors: too few or too many values, an empty line") {
  CHECK(refusal("age,city\n31,Ulm\n4\n") ==
        "events.csv:3: 1 value, expected 2; none for column 'city'");
  CHECK(refusal("a,b,c\n1,2\n") == "events.csv:2: 2 values, expected 3; none for column 'c'");
  CHECK(refusal("age,city\n31,Ulm,x\n") == "events.csv:2: 3 values, expected 2");
  CHECK(refusal("age,city\n31,Ulm,\n") == "events.csv:2: 3 values, expected 2");
  CHECK(refusal("age,city\n31,Ulm\n\n4,Ulm\n") == "events.csv:3: an empty line, expected 2 values");
}

TEST_CASE("CSV errors: quotes") {
  CHECK(refusal("age,city\n31,\"Ulm\"x\n") ==
        "events.csv:2: column 'city': 'x' after a closing quote, expected ',' or the end of the "
        "line");
  CHECK(refusal("age,city\n\"31\"七,Ulm\n") ==
        "events.csv:2: column 'age': '七' after a closing quote, expected ',' or the end of the "
        "line");
  CHECK(refusal("age,city\n31,Ul\"m\n") ==
        "events.csv:2: column 'city': a quote inside the unquoted value 'Ul\"', expected the whole "
        "value in quotes and those "
        "in it doubled");
  CHECK(refusal("age,city\n31,\"Ulm\n4,Ulm\n5,Ulm\n") ==
        "events.csv:2: column 'city': a quoted value without an end, expected a closing '\"'");
  CsvOptions tabs;
  tabs.separator = '\t';
  CHECK(refusal("age\tcity\n31\t\"Ulm\" \n", tabs) ==
        "events.csv:2: column 'city': ' ' after a closing quote, expected a tab or the end of the "
        "line");
  // Names the line of the unclosed quote, not the last line.
  CHECK(refusal("age,city\n31,\"a\nb\"\n5,\"c\nd\n") ==
        "events.csv:4: column 'city': a quoted value without an end, expected a closing '\"'");
}

TEST_CASE("CSV errors: line ends, NUL bytes and other encodings") {
  CHECK(
      refusal("age,city\r31,Ulm\r") ==
      "events.csv:1: a carriage return without a line feed, expected lines to end in LF or CR LF");
  CHECK(refusal("age,city\n31,Ulm\r") ==
        "events.csv:2: column 'city': a carriage return without a line feed, expected "
        "lines to end in LF or CR LF");
  CHECK(refusal("age,city\n31,U\0lm\n"sv) ==
        "events.csv:2: column 'city': a NUL byte at byte 13, expected text");
  CHECK(refusal("age,city\n31,\"U\0lm\"\n"sv) ==
        "events.csv:2: column 'city': a NUL byte at byte 14, expected text");
  CHECK(refusal("city\n\"U\nl\0m\"\n"sv) ==
        "events.csv:3: column 'city': a NUL byte at byte 9, expected text");
  CHECK(refusal("\xFF\xFE"
                "a\0,\0b\0\n\0"sv) == "events.csv: the file is UTF-16, expected UTF-8");
  CHECK(refusal("a\0,\0b\0\n\0"sv) == "events.csv:1: a NUL byte at byte 1, expected text");
  CHECK(refusal("age,city\n31,K\xF6ln\n") ==
        "events.csv:2: column 'city': 'K?ln' is not UTF-8, expected the file in UTF-8, or its "
        "encoding said "
        "(.encoding = CsvEncoding::latin1)");
  CHECK(refusal("age,K\xF6ln\n31,x\n") ==
        "events.csv:1: the name of column 2, 'K?ln', is not UTF-8, expected the file in UTF-8, or "
        "its encoding said "
        "(.encoding = CsvEncoding::latin1)");
}

TEST_CASE("CSV errors: an empty file") {
  CHECK(refusal("") == "events.csv: the file is empty, expected a line that names the columns");
  CHECK(refusal("\xEF\xBB\xBF") ==
        "events.csv: the file is empty, expected a line that names the columns");
  CsvOptions options;
  options.header = false;
  CHECK(refusal("", options) == "events.csv: the file is empty, expected rows");
}

TEST_CASE("CSV errors: columns") {
  CHECK(refusal("age,town\n31,Ulm\n", numbers_and_text()) ==
        "events.csv:1: no column 'city', expected it among 'age', 'town'");
  CHECK(refusal("age,city,age\n31,Ulm,4\n") ==
        "events.csv:1: columns 1 and 3 are both called 'age', expected different names");
  CsvOptions options;
  options.header = false;
  options.columns = {number("2")};
  CHECK(refusal("31,Ulm\n", options) == "events.csv: no column '2', expected it among '0', '1'");
  std::string wide = "c0";
  for (int i = 1; i < 100; ++i) wide += ",c" + std::to_string(i);
  const std::string message = refusal(wide + "\n", numbers_and_text());
  CHECK(message.ends_with("'c59' and 40 more"));
}

TEST_CASE("CSV errors: a row that does not end") {
  std::string csv = "a,b\n1,\"";
  csv.append(std::size_t{65} << 20U, 'x');
  CHECK(failure<DataError>([&] { static_cast<void>(parse_csv(csv, "events.csv")); }) ==
        "events.csv:2: a row longer than 64 MiB, expected a quote to be closed or a line to end");
}

TEST_CASE("CSV errors: files that do not go together, or are not there") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "1.csv", "a,b\n1,2\n");
  write_file_atomically(folder / "2.csv", "a,c\n1,2\n");
  write_file_atomically(folder / "3.csv", "a,b,c\n1,2,3\n");
  write_file_atomically(folder / "4.csv", "a,b\n1,2\nx\n");
  const auto message = [&](const std::string& second) {
    return failure<DataError>([&] {
      static_cast<void>(read_csv({folder / "1.csv", folder / second}));
    });
  };
  CHECK(message("2.csv") == (folder / "2.csv") + ":1: no column 'b', expected it among 'a', 'c'");
  CHECK(message("3.csv") ==
        (folder / "3.csv") + ":1: column 'c', which the first file does not have");
  CHECK(message("4.csv") == (folder / "4.csv") + ":3: 1 value, expected 2; none for column 'b'");
  CHECK(failure<IoError>([&] { static_cast<void>(read_csv(folder / "none.csv")); }) ==
        "cannot open " + (folder / "none.csv") + ": No such file or directory");
  CHECK(failure<IoError>([&] { static_cast<void>(read_csv(folder.path())); }) ==
        "cannot read " + folder.path() + ": Is a directory");
  for (const std::string& pipe : {folder / "pipe.csv", folder / "pipe.csv.gz"}) {
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(failure<IoError>([&] { static_cast<void>(read_csv(pipe)); }) ==
          "cannot read " + pipe + ": not a regular file");
  }
  CHECK(failure<ConfigError>([] { static_cast<void>(read_csv(std::vector<std::string>{})); }) ==
        "CSV: no file to read");
}

TEST_CASE("CSV errors: a long or strange value is shown short and in one line") {
  CHECK(refusal("age,city\n\"" + std::string(100, '7') + "\nx\",Ulm\n", numbers_and_text()) ==
        "events.csv:2: column 'age': '" + std::string(40, '7') +
            "…' is not a number, expected one or nothing");
  CHECK(refusal("age,city\n\"a\n\tb\x7F\",Ulm\n", numbers_and_text()) ==
        "events.csv:2: column 'age': 'a??b?' is not a number, expected one or nothing");
}

TEST_CASE("CSV errors: options that contradict one another") {
  CsvOptions options;
  options.separator = '"';
  CHECK(option_refusal(options) ==
        "CSV: separator and quote must differ, and neither may be NUL or end a line");
  options.separator = '\n';
  CHECK(option_refusal(options) ==
        "CSV: separator and quote must differ, and neither may be NUL or end a line");
  options.separator = '.';
  CHECK(option_refusal(options) == "CSV: the separator '.' is part of numbers");
  options = {};
  options.quote = '0';
  CHECK(option_refusal(options) == "CSV: the quote '0' is part of numbers");
  options = {};
  options.names = {"a"};
  CHECK(option_refusal(options) ==
        "CSV: names are for files without a header line; set header = false");
  options.header = false;
  options.names = {"a", "b", "a"};
  CHECK(option_refusal(options) ==
        "CSV: two columns are called 'a' in names, expected different names");
  options = {};
  options.columns = {text("a"), number("a")};
  CHECK(option_refusal(options) == "CSV: column 'a' is asked for twice");
  options = {};
  options.comment = ',';
  CHECK(option_refusal(options) ==
        "CSV: the comment must differ from separator and quote, and not end a line");
  options.comment = '-';
  CHECK(option_refusal(options) == "CSV: the comment '-' is part of numbers");
  options = {};
  options.skip_rows = -1;
  CHECK(option_refusal(options) == "CSV: skip_rows is -1, expected 0 or more");
  options = {};
  options.encoding = CsvEncoding::latin1;
  options.separator = '\xA7';
  CHECK(option_refusal(options) ==
        "CSV: separator, quote and comment of a latin1 file must be ASCII");
  options = {};
  options.max_bad_rows = -1;
  CHECK(option_refusal(options) == "CSV: max_bad_rows is -1, expected 0 or more");
}
