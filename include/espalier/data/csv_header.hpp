// SPDX-License-Identifier: Apache-2.0
// The header of a CSV file: checks of options, column names, and hints for error messages.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_scanner.hpp"

namespace espalier::csv_detail {

/// Indices of the first name that repeats an earlier one: {earlier, later}; {size, size} if all
/// names differ.
[[nodiscard]] ESPALIER_COLD inline std::pair<std::size_t, std::size_t> twins(
    const std::vector<std::string>& names) {
  std::unordered_map<std::string_view, std::size_t> known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [at, fresh] = known.emplace(names[i], i);
    if (!fresh) return {at->second, i};
  }
  return {names.size(), names.size()};
}

/// Throws ConfigError if options are invalid or contradict each other.
ESPALIER_COLD inline void check(const CsvOptions& options) {
  const auto ends_line = [](char c) { return c == '\n' || c == '\r'; };
  if (options.separator == options.quote || ends_line(options.separator) ||
      ends_line(options.quote) || options.separator == '\0') {
    throw ConfigError("CSV: separator and quote must differ, and neither may be NUL or end a line");
  }
  for (const char c : {options.separator, options.quote, options.comment}) {
    if (c != '\0' && std::string_view("0123456789+-.eE").find(c) != std::string_view::npos) {
      const char* const what = c == options.quote       ? "quote"
                               : c == options.separator ? "separator"
                                                        : "comment";
      throw_error<ConfigError>(
          {"CSV: the ", what, " '", std::string(1, c), "' is part of numbers"});
    }
  }
  if (options.header && !options.names.empty()) {
    throw ConfigError("CSV: names are for files without a header line; set header = false");
  }
  const char comment = options.comment;
  if (comment != '\0' &&
      (comment == options.separator || comment == options.quote || ends_line(comment))) {
    throw ConfigError("CSV: the comment must differ from separator and quote, and not end a line");
  }
  for (const char c : {options.separator, options.quote, comment}) {
    if (options.encoding == CsvEncoding::latin1 && static_cast<unsigned char>(c) >= 0x80) {
      throw ConfigError("CSV: separator, quote and comment of a latin1 file must be ASCII");
    }
  }
  if (options.skip_rows < 0) {
    throw_error<ConfigError>({"CSV: skip_rows is ", options.skip_rows, ", expected 0 or more"});
  }
  if (options.max_bad_rows < 0) {
    throw_error<ConfigError>(
        {"CSV: max_bad_rows is ", options.max_bad_rows, ", expected 0 or more"});
  }
  std::vector<std::string> wanted;
  for (const CsvColumn& column : options.columns) wanted.push_back(column.name);
  if (const auto place = twins(wanted).second; place < wanted.size()) {
    throw_error<ConfigError>({"CSV: column '", wanted[place], "' is asked for twice"});
  }
  if (const auto place = twins(options.names).second; place < options.names.size()) {
    throw_error<ConfigError>({"CSV: two columns are called '", options.names[place],
                              "' in names, expected different names"});
  }
}

/// Hint, as a clause of an error message, which other separator a line that parsed as one value may
/// have. Empty if there is none.
[[nodiscard]] ESPALIER_COLD inline std::string suspected_separator(std::string_view line,
                                                                   const CsvOptions& options) {
  char most = '\0';
  std::ptrdiff_t times = 0;
  for (const char c : {',', ';', '\t', '|'}) {
    const std::ptrdiff_t count =
        c == options.separator ? 0 : std::count(line.begin(), line.end(), c);
    if (count > times) {
      times = count;
      most = c;
    }
  }
  if (times == 0) return {};
  const std::string written = most == '\t' ? "'\\t'" : "'" + std::string(1, most) + "'";
  return "; the line '" + shown(line) + "' has " + written +
         (times > 1 ? " " + std::to_string(times) + " times" : "") +
         ": is .separator = " + written + " meant?";
}

/// Hint, as a clause of an error message, what may be wrong with a whole file of such columns:
/// undeclared comments, another separator, no header line, or a header on a later line. Empty if
/// nothing looks wrong.
[[nodiscard]] ESPALIER_COLD inline std::string suspicion(const std::vector<std::string>& names,
                                                         const CsvOptions& options) {
  if (!options.header) return {};
  if (options.comment == '\0' && names[0].starts_with('#')) {
    return "; '" + shown(names[0]) + "' looks like a comment: is .comment = '#' meant?";
  }
  if (names.size() == 1) {
    const std::string separator = suspected_separator(names[0], options);
    return separator.empty() ? "; do the names stand on a later line (.skip_rows)?" : separator;
  }
  bool numbered = true;  // 0, 1, 2, …: what data frames write for columns without names
  for (std::size_t i = 0; i < names.size(); ++i)
    numbered = numbered && names[i] == std::to_string(i);
  if (numbered) return {};
  for (const std::string& name : names) {
    double ignored = 0;
    if (to_number(name, ignored) == std::errc::invalid_argument) continue;
    return "; '" + shown(name) +
           "' looks like a value: is there no line of names (.header = false, .names = {…})?";
  }
  return {};
}

/// Reads the values of the row that starts here. Throws DataError.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> row_texts(Scanner& scanner,
                                                                      const CsvOptions& options) {
  std::vector<std::string> texts;
  std::string_view field;
  bool quoted = false;
  if (!scanner.begin_row()) {
    throw_error<DataError>({scanner.name(),
                            ": nothing behind the lines that are skipped, expected ",
                            (options.header ? "a line that names the columns" : "rows")});
  }
  for (End end = End::separator; end == End::separator;) {
    end = scanner.field(field, quoted);
    if (end == End::more && scanner.retry_row()) {
      texts.clear();
      end = End::separator;
      continue;
    }
    if (end == End::more || end == End::error)
      throw_error<DataError>({scanner.where(scanner.error_line()), scanner.error()});
    texts.emplace_back(field);
  }
  return texts;
}

/// The column names of a file: those in the first line that is not skipped, those in `options`, or
/// "0", "1", and so on. In the last case, their number is that of the previous file (`known`, 0 if
/// there is none) if options.columns is empty, otherwise that of the first row, which then cannot
/// be skipped as malformed. Throws DataError.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> file_columns(Scanner& scanner,
                                                                         const CsvOptions& options,
                                                                         std::size_t known) {
  if (!options.header && !options.names.empty()) return options.names;
  std::vector<std::string> names;
  if (options.header) {
    names = row_texts(scanner, options);
    const auto [one, other] = twins(names);
    if (other < names.size()) {
      throw_error<DataError>({scanner.where(scanner.row_line()), "columns ", one + 1, " and ",
                              other + 1, " are both called '", shown(names[one]),
                              "', expected different names", suspicion(names, options)});
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (is_text(names[i])) continue;
      throw_error<DataError>({scanner.where(scanner.row_line()), "the name of column ", i + 1,
                              ", '", shown(names[i]), "', ", not_utf8});
    }
    return names;
  }
  if (known > 0 && options.columns.empty()) {
    names.resize(known);
  } else {
    names = row_texts(scanner, options);
    scanner.rewind_row();
  }
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = std::to_string(i);
  return names;
}

/// Throws the error that a file with these columns has no column `name`.
[[noreturn]] ESPALIER_COLD inline void refuse_column(const std::string& name,
                                                     const std::vector<std::string>& names,
                                                     const Scanner& scanner,
                                                     const CsvOptions& options) {
  constexpr std::size_t most = 60;
  std::string listed;
  for (std::size_t i = 0; i < names.size() && i < most; ++i)
    listed += (i > 0 ? ", '" : "'") + shown(names[i]) + "'";
  if (names.size() > most) listed += " and " + std::to_string(names.size() - most) + " more";
  throw_error<DataError>(
      {(options.header ? scanner.where(scanner.row_line()) : scanner.name() + ": "), "no column '",
       shown(name), "', expected it among ", listed, suspicion(names, options)});
}

}  // namespace espalier::csv_detail
