// SPDX-License-Identifier: Apache-2.0
// Where a data set's files are: --data, $ESPALIER_DATA, ./data, ../shared/data, ~/.cache/espalier; plain or .gz.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "espalier/core/error.hpp"

namespace examples {

/// The folders that are looked at, in order. `given` (from --data) may be a data set's own folder or the one above it.
inline std::vector<std::filesystem::path> data_folders(const std::string& given) {
  std::vector<std::filesystem::path> folders;
  if (!given.empty()) return {given};
  if (const char* env = std::getenv("ESPALIER_DATA"); env != nullptr && *env != '\0') folders.emplace_back(env);
  folders.emplace_back("data");
  folders.emplace_back("../shared/data");
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    folders.push_back(std::filesystem::path(home) / ".cache" / "espalier");
  }
  return folders;
}

/// `name` or `name.gz` below `folder`, if it is there.
inline std::optional<std::string> find_file(const std::filesystem::path& folder, const std::string& name) {
  for (const char* suffix : {"", ".gz"}) {
    const std::filesystem::path path = folder / (name + suffix);
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return path.string();
  }
  return std::nullopt;
}

/// The folder of data set `name` that holds `file` (or file.gz), in one of its `layouts` (sub-folders of the publisher's
/// archive). Nothing when it is nowhere. Throws espalier::ConfigError when --data was given but does not have it.
inline std::optional<std::filesystem::path> find_data(const std::string& given, const std::string& name,
                                                      const std::vector<std::string>& files,
                                                      const std::vector<std::string>& layouts = {}) {
  std::vector<std::string> places{name, ""};
  places.insert(places.end(), layouts.begin(), layouts.end());
  for (const std::filesystem::path& folder : data_folders(given)) {
    for (const std::string& place : places) {
      for (const std::string& file : files) {
        if (find_file(folder / place, file)) return folder / place;
      }
    }
  }
  if (!given.empty()) {
    throw espalier::ConfigError("--data " + given + ": no " + files[0] + " there nor in " + given + "/" + name +
                                "; scripts/fetch-data " + name + " downloads it");
  }
  return std::nullopt;
}

}  // namespace examples
