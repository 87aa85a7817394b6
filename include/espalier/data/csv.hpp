// SPDX-License-Identifier: Apache-2.0
// Reading CSV files (RFC 4180), strictly: what does not fit is an error that names file, line, column and value.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_reader.hpp"

namespace espalier {

/// A table from CSV text: UTF-8 with or without a byte order mark; lines end in LF or CR LF, the last one need not; values
/// may stand in quotes, those in them doubled, and hold line ends then. Every row has as many values as the header.
/// Malformed rows beyond options.max_bad_rows throw DataError; those skipped are counted in a line of Table::notes.
/// `name` begins messages. Throws ConfigError for contradicting options.
[[nodiscard]] inline Table parse_csv(std::string_view text, const std::string& name,
                                     const CsvOptions& options = {}) {
  return csv_detail::Reader(options).read({{name, [text] { return std::make_unique<TextSource>(text); }}});
}

/// Several files with the same columns, in any order, one behind the other. Files are read in blocks, so memory is what the
/// columns need. Plain or .gz (see espalier/data/gzip.hpp). Throws IoError, DataError, ConfigError.
[[nodiscard]] ESPALIER_COLD inline Table read_csv(const std::vector<std::string>& paths,
                                                  const CsvOptions& options = {}) {
  std::vector<csv_detail::Input> inputs;
  inputs.reserve(paths.size());
  for (const std::string& path : paths) inputs.push_back({path, [path] { return open_source(path); }});
  return csv_detail::Reader(options).read(inputs);
}

[[nodiscard]] inline Table read_csv(std::initializer_list<std::string> paths, const CsvOptions& options = {}) {
  return read_csv(std::vector<std::string>(paths), options);
}

/// A table from a CSV file.
[[nodiscard]] inline Table read_csv(const std::string& path, const CsvOptions& options = {}) {
  return read_csv(std::vector<std::string>{path}, options);
}

}  // namespace espalier
