// SPDX-License-Identifier: Apache-2.0
// The columns that history inputs are computed from, and the values of one row in them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// The columns that history inputs are computed from, each listed once.
struct HistoryColumns {
  std::vector<std::string> keys, days, labels, items;
  std::string time{};  ///< empty if no input uses a time

  bool operator==(const HistoryColumns&) const = default;
};

/// The values of one row in these columns, in the same order.
struct RowKeys {
  /// hash_text() of the category keys; of the empty text if missing.
  std::vector<std::uint64_t> keys{};
  std::vector<double> days{};
  double time = 0;
  std::vector<std::string> items{};  ///< category keys; empty if missing
};

}  // namespace espalier
