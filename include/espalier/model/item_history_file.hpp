// SPDX-License-Identifier: Apache-2.0
// Stores an ItemHistory (the items of earlier rows) in a tensor file.
#pragma once

#include <string>

#include "espalier/core/config.hpp"
#include "espalier/data/item_history.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/model/safetensors.hpp"

namespace espalier::history_detail {

// Tensors of group 0, called "history/items0/…":
//   keys (U64), and for each the number of its rows in `rows` (I32), 1 or more
//   times (F64), items (I32) and, if there is a condition, counts (I32, 0: not known yet) of all
//   rows, key by key, in the order in which they are kept
//   texts (U8): the items one behind the other; ends (U64): where each ends

/// What the group goes by, as text.
[[nodiscard]] std::string about(const HistoryColumns& columns, const ItemHistory& group);

void add_items(SafetensorsWriter& writer, const std::string& name, const ItemHistory& group);

/// Restores `group`, which must not know any rows. Throws CheckpointError, naming a tensor, if they
/// do not fit each other or could not be what add_items() wrote.
void read_items(const SafetensorsFile& file, const std::string& name, ItemHistory& group);

}  // namespace espalier::history_detail

#if ESPALIER_DEFINE
#include "espalier/model/item_history_file_definitions.hpp"
#endif
