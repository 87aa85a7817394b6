// SPDX-License-Identifier: Apache-2.0
// Reading CSV files (RFC 4180), strictly: what does not fit is an error that names file, line, column and value.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_options.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// A table from CSV text: UTF-8 with or without a byte order mark; lines end in LF or CR LF, the last one need not; values
/// may stand in quotes, those in them doubled, and hold line ends then. Every row has as many values as the header.
/// Malformed rows beyond options.max_bad_rows throw DataError; those skipped are counted in a line of Table::notes.
/// `name` begins messages. Throws ConfigError for contradicting options.
[[nodiscard]] Table parse_csv(std::string_view text, const std::string& name,
                              const CsvOptions& options = {});

/// Several files with the same columns, in any order, one behind the other. Files are read in blocks, so memory is what the
/// columns need. Plain or .gz (see espalier/data/gzip.hpp). Throws IoError, DataError, ConfigError.
[[nodiscard]] Table read_csv(const std::vector<std::string>& paths, const CsvOptions& options = {});

[[nodiscard]] inline Table read_csv(std::initializer_list<std::string> paths, const CsvOptions& options = {}) {
  return read_csv(std::vector<std::string>(paths), options);
}

/// A table from a CSV file.
[[nodiscard]] inline Table read_csv(const std::string& path, const CsvOptions& options = {}) {
  return read_csv(std::vector<std::string>{path}, options);
}

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/csv_definitions.hpp"
#endif
