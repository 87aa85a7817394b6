// SPDX-License-Identifier: Apache-2.0
// Definitions of atomic_file.hpp.
#pragma once

#include "espalier/core/atomic_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"

#if defined(_WIN32)
#include <io.h>
#include <process.h>

#include <filesystem>
#else
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace espalier {

namespace file_detail {

constexpr std::string_view temporary_mark = ".tmp-";

ESPALIER_COLD ESPALIER_INLINE std::string temporary_name(const std::string& target) {
  static std::atomic<unsigned> counter{0};
#if defined(_WIN32)
  const auto process = static_cast<unsigned long>(_getpid());
#else
  const auto process = static_cast<unsigned long>(::getpid());
#endif
  return target + std::string(temporary_mark) + std::to_string(process) + "-" +
         std::to_string(counter.fetch_add(1));
}

/// Removes the file on destruction unless released.
class Temporary {
 public:
  Temporary() = default;
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  ~Temporary() {
    if (!path_.empty()) std::remove(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  void take(std::string path) noexcept { path_ = std::move(path); }
  void release() noexcept { path_.clear(); }

 private:
  std::string path_;
};

#if defined(_WIN32)

[[nodiscard]] inline std::string resolve(const std::string& path) { return path; }
inline void remove_stale(const std::string&) {}
[[nodiscard]] inline Handle create(const std::string& path) {
  return open_file(path, Open::create);
}
inline void sync(std::FILE* file, const std::string& path) {
  if (std::fflush(file) != 0 || _commit(_fileno(file)) != 0) fail("write", path);
}
inline void replace(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  if (error) throw_error<IoError>({"cannot replace ", to, ": ", error.message()});
}
inline void keep_mode(std::FILE*, const std::string&) {}

#else

/// Follows up to 40 symbolic links to the target, which need not exist, so that links stay links.
[[nodiscard]] ESPALIER_COLD inline std::string resolve(std::string path) {
  for (int followed = 0; followed < 40; ++followed) {
    char to[PATH_MAX];
    const ::ssize_t length = ::readlink(path.c_str(), to, sizeof to);
    if (length <= 0 || length == static_cast<::ssize_t>(sizeof to)) break;  // not a link
    const std::string target(to, static_cast<std::size_t>(length));
    path = target.front() == '/' ? target : split(path).folder + target;
  }
  return path;
}

/// Returns whether `name` has the form that temporary_name() gives for `target`.
[[nodiscard]] ESPALIER_COLD inline bool is_temporary_of(std::string_view name,
                                                        std::string_view target) {
  if (!name.starts_with(target)) return false;
  name.remove_prefix(target.size());
  if (!name.starts_with(temporary_mark)) return false;
  name.remove_prefix(temporary_mark.size());
  const std::size_t dash = name.find('-');
  constexpr std::string_view digits = "0123456789";
  return dash != std::string_view::npos && dash > 0 && dash + 1 < name.size() &&
         name.substr(0, dash).find_first_not_of(digits) == std::string_view::npos &&
         name.substr(dash + 1).find_first_not_of(digits) == std::string_view::npos;
}

/// Removes the temporary files of writers that died. A running writer holds a lock on its file, so
/// a file that can be locked is abandoned. Errors are ignored.
ESPALIER_COLD inline void remove_stale(const std::string& target) {
  const Parts parts = split(target);
  const int opened =
      open_descriptor(parts.folder.empty() ? "." : parts.folder, O_RDONLY | O_DIRECTORY);
  if (opened < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(opened), &::closedir);
  if (!folder) {
    ::close(opened);
    return;
  }
  while (const dirent* entry = ::readdir(folder.get())) {
    if (!is_temporary_of(entry->d_name, parts.name)) continue;
    const std::string path = parts.folder + entry->d_name;
    const int file = open_descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) continue;
    if (::flock(file, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
    ::close(file);
  }
}

/// Creates and locks a new file. Returns null on failure, with errno EEXIST if the name is taken.
[[nodiscard]] ESPALIER_COLD inline Handle create(const std::string& path) {
  Handle file = open_file(path, Open::create);
  if (!file) return nullptr;
  const int descriptor = ::fileno(file.get());
  const bool contested = ::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  struct stat status {};
  // Another writer removed the file before it was locked, or is about to.
  if (contested || ::fstat(descriptor, &status) != 0 || status.st_nlink == 0) {
    file.reset();
    errno = EEXIST;
  }
  return file;
}

inline void sync(std::FILE* file, const std::string& path) {
  if (std::fflush(file) != 0 || ::fsync(::fileno(file)) != 0) fail("write", path);
}

ESPALIER_COLD inline void replace(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) fail("replace", to);
  const Parts parts = split(to);
  const std::string folder = parts.folder.empty() ? "." : parts.folder;
  const int handle = open_descriptor(folder, O_RDONLY);
  // The folder cannot be opened, so it is not synced; the new file is in place.
  if (handle < 0) return;
  const bool failed = ::fsync(handle) != 0 && errno != EINVAL && errno != ENOTSUP;
  const int reason = errno;
  ::close(handle);
  if (failed) fail("sync folder", folder, reason);
}

/// Returns whether a file system is mounted at `path` itself, as containers do with single files:
/// rename() over it fails then. False if the system cannot tell.
[[nodiscard]] ESPALIER_COLD inline bool is_mount_point(const std::string& path) noexcept {
#if defined(STATX_ATTR_MOUNT_ROOT)
  struct statx status {};
  return ::statx(AT_FDCWD, path.c_str(), 0, STATX_TYPE, &status) == 0 &&
         (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
#else
  static_cast<void>(path);
  return false;
#endif
}

/// Gives the new file the permissions of the old one. Throws IoError if the old one is not a
/// regular file or is a mount point.
ESPALIER_COLD inline void keep_mode(std::FILE* file, const std::string& target) {
  struct stat status {};
  if (::stat(target.c_str(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) fail("replace", target, EISDIR);
  if (!S_ISREG(status.st_mode))
    throw_error<IoError>({"cannot replace ", target, ": not a regular file"});
  if (is_mount_point(target)) {
    throw_error<IoError>({"cannot replace ", target,
                          ": the file itself is a mount point; mount its folder instead"});
  }
  static_cast<void>(::fchmod(::fileno(file), status.st_mode & 07777U));
}

#endif

/// Creates a new file next to `target` that is ready to replace it. Throws IoError if that is
/// impossible; the message names `path`, or `target` if the existing file cannot be replaced.
[[nodiscard]] ESPALIER_COLD inline Handle create_beside(const std::string& target,
                                                        const std::string& path,
                                                        Temporary& temporary) {
  Handle file;
  for (int attempt = 0; !file; ++attempt) {
    const std::string name = temporary_name(target);
    file = create(name);
    if (!file && (errno != EEXIST || attempt >= 1000)) fail("write", path);
    if (file) temporary.take(name);
  }
  keep_mode(file.get(), target);
  return file;
}

}  // namespace file_detail

ESPALIER_COLD ESPALIER_INLINE void require_writable(const std::string& path) {
  file_detail::Temporary temporary;
  static_cast<void>(file_detail::create_beside(file_detail::resolve(path), path, temporary));
}

ESPALIER_COLD ESPALIER_INLINE void write_file_atomically(
    const std::string& path, const std::function<void(OutputFile&)>& writer) {
  using namespace file_detail;
  const std::string target = resolve(path);
  remove_stale(target);
  Temporary temporary;
  Handle file = create_beside(target, path, temporary);  // closed before it is removed
  OutputFile out(file.get(), path);
  writer(out);
  sync(file.get(), path);
#if defined(_WIN32)
  file.reset();  // Windows cannot rename an open file
#endif
  replace(temporary.path(), target);
  temporary.release();
}

ESPALIER_INLINE void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, [text](OutputFile& out) { out.write(text); });
}

}  // namespace espalier
