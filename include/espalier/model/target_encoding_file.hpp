// SPDX-License-Identifier: Apache-2.0
// Stores target encodings (label means over the training split) in a tensor file.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/data/target_encoding.hpp"
#include "espalier/model/safetensors.hpp"

namespace espalier {

// Metadata "targets": {"version": 1, "groups": [{"about": …}, …]}. Tensors of group 0:
// "targets/0/keys" (U64) and "targets/0/values" (F64), the sums for each key; key 0 stands for all
// rows.

/// `writer` keeps references to the sums in `targets`, which must not change until write() returns.
void add_targets(SafetensorsWriter& writer, const TargetEncoding& targets);

/// Restores `targets`, which must not have learnt anything yet, from the file. Throws
/// CheckpointError if the file was written for other inputs or is malformed.
void read_targets(const SafetensorsFile& file, TargetEncoding& targets);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/target_encoding_file_definitions.hpp"
#endif
