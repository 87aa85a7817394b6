// SPDX-License-Identifier: Apache-2.0
// Files: reading whole files or parts of them, folders, and atomic writes: a reader sees the old
// file or the new file, never a partial one.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

namespace espalier {

namespace file_detail {

struct Close {
  void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using Handle = std::unique_ptr<std::FILE, Close>;

/// `create` fails if the file exists.
enum class Open : std::uint8_t { read, append, create };

#if !defined(_WIN32)
/// ::open() with O_CLOEXEC. Never returns descriptor 0, 1 or 2: if standard input, output or error
/// is closed, output written to it would otherwise go into this file. Returns a negative value and
/// sets errno on failure.
[[nodiscard]] int open_descriptor(const std::string& path, int flags) noexcept;
#endif

/// Returns null and sets errno on failure.
[[nodiscard]] Handle open_file(const std::string& path, Open how) noexcept;

/// Throws IoError: "cannot <doing> <path>: <the system's reason>".
[[noreturn]] void fail(const std::string& doing, const std::string& path, int reason = errno);

/// The folder of a path, including the slash ("" if there is none), and the file name.
struct Parts {
  std::string folder, name;
};
[[nodiscard]] Parts split(const std::string& path);

}  // namespace file_detail

/// Replaces the part of `path` from its last '.' on with `ending`: "run/diagnosis.jsonl" and ".svg"
/// give "run/diagnosis.svg".
[[nodiscard]] std::string with_ending(const std::string& path, std::string_view ending);

/// A file open for reading; its size is read when it is opened. Not thread-safe.
class InputFile {
 public:
  /// Throws IoError if the file cannot be opened or is not a regular file.
  explicit InputFile(std::string path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  /// Fills `out` with the bytes from `offset` on. Throws IoError if there are fewer.
  void read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  [[noreturn]] void end_reached() const;

  std::string path_;
  file_detail::Handle file_;
  std::uint64_t size_ = 0;
};

/// Returns the content of a whole file. Throws IoError.
[[nodiscard]] std::string read_file(const std::string& path);

/// Returns whether `path` exists; follows symbolic links.
[[nodiscard]] bool file_exists(const std::string& path) noexcept;

/// Returns whether `path` is a folder; follows symbolic links.
[[nodiscard]] bool is_folder(const std::string& path) noexcept;

/// Creates a folder and its parent folders; existing folders are not an error. Throws IoError.
void make_folders(const std::string& path);

/// The output that write_file_atomically() passes to its caller.
class OutputFile {
 public:
  OutputFile(std::FILE* file, const std::string& path) : file_(file), path_(path) {}

  /// Appends. Throws IoError.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

 private:
  std::FILE* file_;
  const std::string& path_;
};

}  // namespace espalier

#include "espalier/core/atomic_file.hpp"

#if ESPALIER_DEFINE
#include "espalier/core/file_definitions.hpp"
#endif
