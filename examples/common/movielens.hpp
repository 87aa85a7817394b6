// SPDX-License-Identifier: Apache-2.0
// Where the files of MovieLens latest-small are.
#pragma once

#include <filesystem>
#include <string>

#include "common/find_data.hpp"
#include "common/options.hpp"
#include "espalier/core/error.hpp"

namespace examples {

/// The folder, downloaded if the user agrees. Throws espalier::IoError if it is nowhere.
[[nodiscard]] inline std::filesystem::path movielens_folder(const Options& o) {
  const auto folder =
      find_or_fetch(o.data, "movielens-latest-small", {"ratings.csv"},
                    {"ml-latest-small", "movielens-latest-small/ml-latest-small"}, o.download);
  if (!folder)
    throw espalier::IoError(
        "MovieLens is not here; scripts/fetch-data movielens-latest-small downloads it");
  return *folder;
}

/// The path of a file in it. Throws espalier::IoError if it is not there.
[[nodiscard]] inline std::string movielens_file(const std::filesystem::path& folder,
                                                const std::string& name) {
  const auto found = find_file(folder, name);
  if (!found) throw espalier::IoError(folder.string() + ": no " + name);
  return *found;
}

}  // namespace examples
