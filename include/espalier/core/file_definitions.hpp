// SPDX-License-Identifier: Apache-2.0
// Definitions of file.hpp.
#pragma once

#include "espalier/core/file.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>

#include <filesystem>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace espalier {

namespace file_detail {

#if !defined(_WIN32)
ESPALIER_COLD ESPALIER_INLINE int open_descriptor(const std::string& path, int flags) noexcept {
  const int file = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  if (file < 0 || file > STDERR_FILENO) return file;
  const int above = ::fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int reason = errno;
  ::close(file);
  errno = reason;
  return above;
}
#endif

ESPALIER_COLD ESPALIER_INLINE Handle open_file(const std::string& path, Open how) noexcept {
#if defined(_WIN32)
  return Handle(std::fopen(path.c_str(), how == Open::read     ? "rb"
                                         : how == Open::append ? "ab"
                                                               : "wbx"));
#else
  // O_NONBLOCK for reading: opening a FIFO that has no writer would block. InputFile rejects it
  // later, because it is not a regular file.
  const int flags = how == Open::read
                        ? O_RDONLY | O_NONBLOCK
                        : O_WRONLY | O_CREAT | (how == Open::append ? O_APPEND : O_EXCL);
  const int file = open_descriptor(path, flags);
  if (file < 0) return nullptr;
  Handle stream(::fdopen(file, how == Open::read ? "rb" : how == Open::append ? "ab" : "wb"));
  if (!stream) ::close(file);
  return stream;
#endif
}

ESPALIER_INLINE void fail(const std::string& doing, const std::string& path, int reason) {
  throw_error<IoError>({"cannot ", doing, " ", path, ": ",
                        (reason == 0 ? "unknown reason" : std::strerror(reason))});
}

ESPALIER_INLINE Parts split(const std::string& path) {
#if defined(_WIN32)
  const std::size_t slash = path.find_last_of("/\\");
#else
  const std::size_t slash = path.rfind('/');
#endif
  const std::size_t cut = slash == std::string::npos ? 0 : slash + 1;
  return {path.substr(0, cut), path.substr(cut)};
}

}  // namespace file_detail

ESPALIER_INLINE std::string with_ending(const std::string& path, std::string_view ending) {
  const std::size_t dot = path.rfind('.'), folder = path.find_last_of("/\\");
  const bool has_ending = dot != path.npos && (folder == path.npos || dot > folder);
  return path.substr(0, has_ending ? dot : path.npos).append(ending);
}

ESPALIER_COLD ESPALIER_INLINE InputFile::InputFile(std::string path) : path_(std::move(path)) {
  file_ = file_detail::open_file(path_, file_detail::Open::read);
  if (!file_) file_detail::fail("open", path_);
  // Reads are large: no buffer, which would copy them.
  static_cast<void>(std::setvbuf(file_.get(), nullptr, _IONBF, 0));
#if defined(_WIN32)
  const std::int64_t end = _fseeki64(file_.get(), 0, SEEK_END) == 0 ? _ftelli64(file_.get()) : -1;
  if (end < 0) file_detail::fail("read", path_);
  size_ = static_cast<std::uint64_t>(end);
#else
  struct stat status {};
  if (::fstat(::fileno(file_.get()), &status) != 0) file_detail::fail("read", path_);
  if (S_ISDIR(status.st_mode)) file_detail::fail("read", path_, EISDIR);
  if (!S_ISREG(status.st_mode))
    throw_error<IoError>({"cannot read ", path_, ": not a regular file"});
  size_ = static_cast<std::uint64_t>(status.st_size);
#endif
}

ESPALIER_COLD ESPALIER_INLINE void InputFile::read(std::uint64_t offset,
                                                   std::span<std::byte> out) const {
  if (out.empty()) return;
  if (offset > size_ || out.size() > size_ - offset) end_reached();
#if defined(_WIN32)
  if (_fseeki64(file_.get(), static_cast<std::int64_t>(offset), SEEK_SET) != 0) {
#else
  if (::fseeko(file_.get(), static_cast<off_t>(offset), SEEK_SET) != 0) {
#endif
    file_detail::fail("read", path_);
  }
  if (std::fread(out.data(), 1, out.size(), file_.get()) == out.size()) return;
  if (std::ferror(file_.get()) != 0) file_detail::fail("read", path_);
  end_reached();
}

ESPALIER_INLINE void InputFile::end_reached() const {
  throw_error<IoError>({"cannot read ", path_, ": it ends before it should"});
}

ESPALIER_INLINE std::string read_file(const std::string& path) {
  const InputFile file(path);
  std::string bytes(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

ESPALIER_INLINE bool file_exists(const std::string& path) noexcept {
#if defined(_WIN32)
  return _access(path.c_str(), 0) == 0;
#else
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
#endif
}

ESPALIER_INLINE bool is_folder(const std::string& path) noexcept {
#if defined(_WIN32)
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
#else
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
#endif
}

ESPALIER_COLD ESPALIER_INLINE void make_folders(const std::string& path) {
#if defined(_WIN32)
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw_error<IoError>({"cannot make folder ", path, ": ", error.message()});
#else
  for (std::size_t slash = 0; slash != std::string::npos;) {
    slash = path.find('/', slash + 1);
    const std::string folder = path.substr(0, slash);
    if (folder.empty() || ::mkdir(folder.c_str(), 0777) == 0) continue;
    const int reason = errno;
    if (is_folder(folder)) continue;
    file_detail::fail("make folder", folder, file_exists(folder) ? ENOTDIR : reason);
  }
#endif
}

ESPALIER_INLINE void OutputFile::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) {
    file_detail::fail("write", path_);
  }
}

}  // namespace espalier
