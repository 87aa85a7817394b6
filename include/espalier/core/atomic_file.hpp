// SPDX-License-Identifier: Apache-2.0
// `write_file_atomically`: a temporary file beside the target, synced, renamed over it, the folder synced.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"

namespace espalier {

namespace file_detail {

/// Temporaries are called <name>.tmp-<process>-<number>.
constexpr std::string_view temporary_mark = ".tmp-";

[[nodiscard]] ESPALIER_COLD inline std::string temporary_name(const std::string& target) {
  static std::atomic<unsigned> counter{0};
#if defined(_WIN32)
  const auto process = static_cast<unsigned long>(_getpid());
#else
  const auto process = static_cast<unsigned long>(::getpid());
#endif
  return target + std::string(temporary_mark) + std::to_string(process) + "-" +
         std::to_string(counter.fetch_add(1));
}

/// Removes its file unless released.
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
[[nodiscard]] inline Handle create(const std::string& path) { return open_file(path, Open::create); }
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

/// Through symbolic links to what they point at, there or not yet, so that links stay links.
[[nodiscard]] ESPALIER_COLD inline std::string resolve(std::string path) {
  for (int followed = 0; followed < 40; ++followed) {
    char to[PATH_MAX];
    const ::ssize_t length = ::readlink(path.c_str(), to, sizeof to);
    if (length <= 0 || length == static_cast<::ssize_t>(sizeof to)) break;  // no link
    const std::string target(to, static_cast<std::size_t>(length));
    path = target.front() == '/' ? target : split(path).folder + target;
  }
  return path;
}

/// Whether `name` is what temporary_name() makes for `target`.
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

/// Removes the temporaries of writers that died. A living one holds a lock on its file;
/// so one whose lock can be had is nobody's. Failing to clean up is no reason to fail.
ESPALIER_COLD inline void remove_stale(const std::string& target) {
  const Parts parts = split(target);
  const int opened = open_descriptor(parts.folder.empty() ? "." : parts.folder, O_RDONLY | O_DIRECTORY);
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

/// A new file, locked; null when the name is taken.
[[nodiscard]] ESPALIER_COLD inline Handle create(const std::string& path) {
  Handle file = open_file(path, Open::create);
  if (!file) return nullptr;
  const int descriptor = ::fileno(file.get());
  const bool contested = ::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  struct stat status {};
  // Another writer cleaned it up before it was locked, or is about to.
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
  if (handle < 0) return;  // a folder that cannot be read: the file is in place, which is what can be had
  const bool failed = ::fsync(handle) != 0 && errno != EINVAL && errno != ENOTSUP;
  const int reason = errno;
  ::close(handle);
  if (failed) fail("sync folder", folder, reason);
}

/// Whether a file system is mounted at the very path, as a container's is on one file: rename() over it fails then.
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

/// The new file gets the permissions of the old one. Refuses to replace what is no regular file, or cannot be replaced.
ESPALIER_COLD inline void keep_mode(std::FILE* file, const std::string& target) {
  struct stat status {};
  if (::stat(target.c_str(), &status) != 0) return;
  if (S_ISDIR(status.st_mode)) fail("replace", target, EISDIR);
  if (!S_ISREG(status.st_mode)) throw_error<IoError>({"cannot replace ", target, ": not a regular file"});
  if (is_mount_point(target)) {
    throw_error<IoError>({"cannot replace ", target, ": the file itself is a mount point; mount its folder instead"});
  }
  static_cast<void>(::fchmod(::fileno(file), status.st_mode & 07777U));
}

#endif

/// A new file beside `target`, ready to take its place. Throws IoError, naming `path`, when there can be none.
[[nodiscard]] ESPALIER_COLD inline Handle create_beside(const std::string& target, const std::string& path,
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

/// Throws the IoError that write_file_atomically(path, …) would throw before it writes a byte: found by making the
/// temporary file and removing it, as permissions alone do not tell (read-only mounts, quotas, administrators).
ESPALIER_COLD inline void require_writable(const std::string& path) {
  file_detail::Temporary temporary;
  static_cast<void>(file_detail::create_beside(file_detail::resolve(path), path, temporary));
}

/// Replaces the file `path` by what `writer` writes, all of it or nothing: whoever opens `path`, at any moment and
/// after a crash or loss of power at any moment, finds the old file whole or the new one whole. Needs room for both.
/// What an earlier writer left behind when it was killed is removed. Throws IoError, and whatever `writer` throws; then
/// the old file is untouched and the temporary removed. (Where a folder cannot be synced, the new file is in place by then.)
ESPALIER_COLD inline void write_file_atomically(const std::string& path,
                                                const std::function<void(OutputFile&)>& writer) {
  using namespace file_detail;
  const std::string target = resolve(path);
  remove_stale(target);
  Temporary temporary;
  Handle file = create_beside(target, path, temporary);  // closed before the temporary is removed
  OutputFile out(file.get(), path);
  writer(out);
  sync(file.get(), path);
#if defined(_WIN32)
  file.reset();  // an open file cannot be renamed there
#endif
  replace(temporary.path(), target);
  temporary.release();
}

/// Replaces the file `path` by `text`.
inline void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, [text](OutputFile& out) { out.write(text); });
}

}  // namespace espalier
