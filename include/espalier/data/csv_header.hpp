// SPDX-License-Identifier: Apache-2.0
// The columns of a CSV file: what they are called, and where those asked for are.
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

/// The place of the first value that stood before, and that of the earlier one; {size, size} when all differ.
[[nodiscard]] ESPALIER_COLD inline std::pair<std::size_t, std::size_t> twins(
    const std::vector<std::string>& names) {
  std::unordered_map<std::string_view, std::size_t> known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto [at, fresh] = known.emplace(names[i], i);
    if (!fresh) return {at->second, i};
  }
  return {names.size(), names.size()};
}

/// Throws ConfigError for options that contradict one another.
ESPALIER_COLD inline void check(const CsvOptions& options) {
  const auto ends_line = [](char c) { return c == '\n' || c == '\r'; };
  if (options.separator == options.quote || ends_line(options.separator) || ends_line(options.quote) ||
      options.separator == '\0') {
    throw ConfigError("CSV: separator and quote must differ, and neither may be NUL or end a line");
  }
  for (const char c : {options.separator, options.quote}) {
    if (c != '\0' && std::string_view("0123456789+-.eE").find(c) != std::string_view::npos) {
      throw_error<ConfigError>({"CSV: the ", c == options.quote ? "quote" : "separator", " '",
                                std::string(1, c), "' is part of numbers"});
    }
  }
  if (options.header && !options.names.empty()) {
    throw ConfigError("CSV: names are for files without a header line; set header = false");
  }
  if (options.max_bad_rows < 0) {
    throw_error<ConfigError>({"CSV: max_bad_rows is ", options.max_bad_rows, ", expected 0 or more"});
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

/// The values of the row that begins here. Throws DataError.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> row_texts(Scanner& scanner) {
  std::vector<std::string> texts;
  std::string_view field;
  bool quoted = false;
  static_cast<void>(scanner.begin_row());
  for (End end = End::separator; end == End::separator;) {
    end = scanner.field(field, quoted);
    if (end == End::more && scanner.retry_row()) {
      texts.clear();
      end = End::separator;
      continue;
    }
    if (end == End::more || end == End::error) throw_error<DataError>({scanner.where(scanner.error_line()), scanner.error()});
    texts.emplace_back(field);
  }
  return texts;
}

/// The names of a file's columns: those in its first line, those given, or "0", "1", … for as many as the first row has, or
/// as the file before had (`known`, 0 if there is none). The first row cannot be skipped then. Throws DataError.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> file_columns(Scanner& scanner,
                                                                         const CsvOptions& options,
                                                                         std::size_t known) {
  if (!options.header && !options.names.empty()) return options.names;
  std::vector<std::string> names;
  if (options.header) {
    names = row_texts(scanner);
    const auto [one, other] = twins(names);
    if (other < names.size()) {
      throw_error<DataError>({scanner.where(1), "columns ", one + 1, " and ", other + 1, " are both called '",
                              shown(names[one]), "', expected different names"});
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (is_text(names[i])) continue;
      throw_error<DataError>({scanner.where(1), "the name of column ", i + 1, ", '", shown(names[i]),
                              "', is not UTF-8, expected the file in UTF-8"});
    }
    return names;
  }
  if (known > 0 && options.columns.empty()) {
    names.resize(known);
  } else {
    names = row_texts(scanner);
    scanner.rewind_row();
  }
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = std::to_string(i);
  return names;
}

/// Where a column is in a file. Throws DataError when it is not there.
[[nodiscard]] ESPALIER_COLD inline std::size_t place_of(const std::string& name,
                                                        const std::vector<std::string>& names,
                                                        const Scanner& scanner,
                                                        const CsvOptions& options) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  constexpr std::size_t most = 60;
  std::string listed;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) listed += (i > 0 ? ", '" : "'") + shown(names[i]) + "'";
  if (names.size() > most) listed += " and " + std::to_string(names.size() - most) + " more";
  throw_error<DataError>({(options.header ? scanner.where(1) : scanner.name() + ": "), "no column '",
                          shown(name), "', expected it among ", listed});
}

}  // namespace espalier::csv_detail
