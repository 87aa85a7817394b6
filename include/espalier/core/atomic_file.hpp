// SPDX-License-Identifier: Apache-2.0
// `write_file_atomically`: writes a temporary file next to the target, syncs it, renames it over
// the target and syncs the folder.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"

namespace espalier {

namespace file_detail {

/// Temporary files are named <name>.tmp-<process>-<number>.
[[nodiscard]] std::string temporary_name(const std::string& target);

}  // namespace file_detail

/// Throws the IoError that write_file_atomically(path, …) would throw before it writes the first
/// byte. Creates and removes the temporary file, because permissions alone do not tell (read-only
/// mounts, quotas, administrators).
void require_writable(const std::string& path);

/// Replaces the file `path` with what `writer` writes, completely or not at all: a reader finds the
/// complete old file or the complete new file at any moment, also after a crash or power loss.
/// Needs disk space for both. Removes temporary files that killed writers left behind. Throws
/// IoError, and any exception of `writer`; then the old file is unchanged and the temporary file is
/// removed. (Exception: if syncing the folder fails, the new file is already in place.)
void write_file_atomically(const std::string& path, const std::function<void(OutputFile&)>& writer);

/// Replaces the file `path` with `text`.
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/core/atomic_file_definitions.hpp"
#endif
