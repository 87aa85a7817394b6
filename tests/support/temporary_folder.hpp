// SPDX-License-Identifier: Apache-2.0
// A folder for one test; the destructor deletes it and its files.
#pragma once

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

namespace espalier_test {

class TemporaryFolder {
 public:
  enum class Where { on_disk, in_memory };  ///< in_memory (/dev/shm, if present): fsync is fast

  explicit TemporaryFolder(Where where = Where::on_disk) {
    static std::atomic<int> counter{0};
    const std::filesystem::path memory = "/dev/shm";
    const bool quick = where == Where::in_memory && std::filesystem::is_directory(memory);
    folder_ = (quick ? memory : std::filesystem::temp_directory_path()) /
              ("espalier_test_" + std::to_string(::getpid()) + "_" + std::to_string(counter++));
    std::filesystem::create_directories(folder_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] std::string path() const { return folder_.string(); }
  /// The path of file `name` in the folder.
  [[nodiscard]] std::string operator/(const std::string& name) const {
    return (folder_ / name).string();
  }
  /// The names in the folder, sorted.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      out.push_back(entry.path().filename().string());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace espalier_test
