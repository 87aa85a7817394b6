// SPDX-License-Identifier: Apache-2.0
// `write_csv`: writes CSV files (RFC 4180) that read_csv() reads back unchanged.
#pragma once

#include <string>

#include "espalier/core/config.hpp"
#include "espalier/data/table.hpp"

namespace espalier {

/// Writes a table as CSV, either completely or not at all: RFC 4180 in UTF-8, lines end in '\n',
/// column names first. A missing value is an empty cell (NA in a table of one column); an empty
/// text is "" in quotes. read_csv() with the columns' kinds in CsvOptions::columns returns the same
/// cells. Throws IoError; DataError for an infinite number, and for a text that is not UTF-8 or has
/// a NUL byte; ConfigError for a table without columns.
void write_csv(const std::string& path, const Table& table);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/csv_writer_definitions.hpp"
#endif
