// SPDX-License-Identifier: Apache-2.0
// Finds the files of a data set, plain or .gz: --data, $ESPALIER_DATA, ./data, ../shared/data,
// ~/.cache/espalier.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#if !defined(_WIN32)
#include <unistd.h>
#endif

#include "espalier/core/error.hpp"

namespace examples {

/// $ESPALIER_DATA; empty if not set.
inline std::string data_variable() {
  const char* const value = std::getenv("ESPALIER_DATA");
  return value == nullptr ? "" : value;
}

/// The folders to search, in order. `given` (from --data) may be a data set's own folder or its
/// parent.
inline std::vector<std::filesystem::path> data_folders(const std::string& given) {
  std::vector<std::filesystem::path> folders;
  if (!given.empty()) return {given};
  if (const std::string folder = data_variable(); !folder.empty()) folders.emplace_back(folder);
  folders.emplace_back("data");
  folders.emplace_back("../shared/data");
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    folders.push_back(std::filesystem::path(home) / ".cache" / "espalier");
  }
  return folders;
}

/// The path of `name` or `name.gz` in `folder`; nullopt if there is neither.
inline std::optional<std::string> find_file(const std::filesystem::path& folder,
                                            const std::string& name) {
  for (const char* suffix : {"", ".gz"}) {
    const std::filesystem::path path = folder / (name + suffix);
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) return path.string();
  }
  return std::nullopt;
}

/// The folder of data set `name` that has one of `files` (or that file + .gz), possibly in one of
/// its `layouts` (sub-folders of the publisher's archive). Returns nullopt if it is not found.
/// Throws espalier::ConfigError if --data was given but does not have it; `where_from` ends its
/// message, for data that scripts/fetch-data does not know.
inline std::optional<std::filesystem::path> find_data(const std::string& given,
                                                      const std::string& name,
                                                      const std::vector<std::string>& files,
                                                      const std::vector<std::string>& layouts = {},
                                                      const std::string& where_from = {}) {
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
    throw espalier::ConfigError("--data " + given + ": no " + files[0] + " there nor in " + given +
                                "/" + name + "; " +
                                (where_from.empty() ? "scripts/fetch-data " + name +
                                                          " downloads it to where it is found "
                                                          "without --data"
                                                    : where_from));
  }
  return std::nullopt;
}

/// Asks on a terminal; returns true if the answer is yes or empty. Returns false if there is no
/// terminal.
inline bool says_yes(const std::string& question) {
#if defined(_WIN32)
  return false;
#else
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return false;
  std::cerr << question << " [Y/n] ";
  std::string answer;
  return std::getline(std::cin, answer) && (answer.empty() || answer[0] == 'y' || answer[0] == 'Y');
#endif
}

/// Like find_data; if the data set is not found, downloads it from its publisher if the user agrees
/// (`download`, or asked on a terminal). Returns nullopt if it is not available.
inline std::optional<std::filesystem::path> find_or_fetch(const std::string& given,
                                                          const std::string& name,
                                                          const std::vector<std::string>& files,
                                                          const std::vector<std::string>& layouts,
                                                          bool download) {
  auto folder = find_data(given, name, files, layouts);
  if (folder) return folder;
  std::error_code ignored;
  if (const std::string variable = data_variable();
      !download && !variable.empty() && !std::filesystem::is_directory(variable, ignored)) {
    throw espalier::ConfigError("ESPALIER_DATA is '" + variable +
                                "', which is no folder, and the data set " + name +
                                " is nowhere else");
  }
  if (!download &&
      !says_yes("The data set " + name + " is not here. Download it from its publisher?"))
    return folder;
  const std::string command = std::string("\"") + EXAMPLES_SCRIPTS + "/fetch-data\" " + name;
  if (std::system(command.c_str()) != 0) std::cerr << name << " could not be downloaded\n";
  return find_data(given, name, files, layouts);
}

}  // namespace examples
