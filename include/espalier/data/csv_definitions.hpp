// SPDX-License-Identifier: Apache-2.0
// Definitions of the functions of csv.hpp.
#pragma once

#include "espalier/data/csv.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_reader.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE Table parse_csv(std::string_view text, const std::string& name,
                                              const CsvOptions& options) {
  return csv_detail::Reader(options).read(
      {{name, [text] { return std::make_unique<TextSource>(text); }}});
}

ESPALIER_COLD ESPALIER_INLINE Table read_csv(const std::vector<std::string>& paths,
                                             const CsvOptions& options) {
  std::vector<csv_detail::Input> inputs;
  inputs.reserve(paths.size());
  for (const std::string& path : paths)
    inputs.push_back({path, [path] { return open_source(path); }});
  return csv_detail::Reader(options).read(inputs);
}

}  // namespace espalier
