// SPDX-License-Identifier: Apache-2.0
// Reads CSV files (RFC 4180) strictly: malformed input is an error that names file, line, column
// and value.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_options.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// A table from CSV text: UTF-8 with or without a byte order mark. Lines end in LF or CR LF; the
/// last line need not. A value may be in quotes: it may then have line ends, and quotes in it are
/// doubled. Every row has as many values as the header. Throws DataError for more malformed rows
/// than options.max_bad_rows; skipped rows are counted in Table::notes. `name` starts error
/// messages. Throws ConfigError for contradictory options.
[[nodiscard]] Table parse_csv(std::string_view text, const std::string& name,
                              const CsvOptions& options = {});

/// Reads several files with the same columns, in any order of columns, one after the other into one
/// table. Files are read in blocks: memory is only needed for the columns. Plain or .gz (see
/// espalier/data/gzip.hpp). Throws IoError, DataError, ConfigError.
[[nodiscard]] Table read_csv(const std::vector<std::string>& paths, const CsvOptions& options = {});

[[nodiscard]] inline Table read_csv(std::initializer_list<std::string> paths,
                                    const CsvOptions& options = {}) {
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
