// SPDX-License-Identifier: Apache-2.0
// Stores a RowHistory (what is known of earlier rows) in a tensor file.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/daily_totals.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/model/safetensors.hpp"

namespace espalier {

// Metadata "history":
// {"version": 1, "last": …, "daily": [{"about": …, "closed": day or null, "open": [days]}, …],
//  "sessions": [{"about": …}, …]}
// With past items, the version is 2, and there is "items": [{"about": …}, …]; their tensors are
// described in item_history_file.hpp.
// Tensors of daily group 0: "history/daily0/keys" (U64) and "history/daily0/values" (F64), the sums
// over all closed days, for all keys. Its first open day has the same two under
// "history/daily0/open0/", for the keys with a non-zero sum. Tensors of session group 0:
// "history/sessions0/…".

namespace history_detail {

[[nodiscard]] std::string join_names(const std::vector<std::string>& names,
                                     const std::vector<std::size_t>& places);

void add_totals(SafetensorsWriter& writer, const std::string& name, const KeyTotals& totals);

/// Throws CheckpointError if the keys are not distinct or the values have another width.
[[nodiscard]] KeyTotals read_totals(const SafetensorsFile& file, const std::string& name,
                                    std::size_t width);

}  // namespace history_detail

/// `writer` keeps references to the session totals in `history`, which must not change until
/// write() returns.
void add_history(SafetensorsWriter& writer, const RowHistory& history);

/// Restores `history`, which must not have seen any rows, from the file. Throws CheckpointError if
/// the file was written for other inputs or is malformed.
void read_history(const SafetensorsFile& file, RowHistory& history);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/row_history_file_definitions.hpp"
#endif
