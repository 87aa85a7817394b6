// SPDX-License-Identifier: Apache-2.0
// Runs an action in a forked child process; a child can get its own mount namespace.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <exception>
#include <string>

namespace espalier_test {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool may_start_threads_in_child = false;  // ThreadSanitizer aborts such a child
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool may_start_threads_in_child = false;
#else
inline constexpr bool may_start_threads_in_child = true;
#endif
#else
inline constexpr bool may_start_threads_in_child = true;
#endif

/// Runs `action` in a child and returns its exit status, 99 if it throws, or minus the signal that
/// killed it (SIGALRM if it hangs).
inline int child(auto&& action) {
  const pid_t process = ::fork();
  if (process == 0) {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    ::alarm(60);
    try {
      ::_exit(action());
    } catch (const std::exception&) {
      ::_exit(99);
    }
  }
  int status = 0;
  ::waitpid(process, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/// Called in a child: gives it a private mount namespace. Returns false if the system denies it.
inline bool own_mounts() {
  const auto map = [](const char* file, const std::string& text) {
    const int opened = ::open(file, O_WRONLY | O_CLOEXEC);
    const bool written = opened >= 0 && ::write(opened, text.data(), text.size()) ==
                                            static_cast<::ssize_t>(text.size());
    if (opened >= 0) ::close(opened);
    return written;
  };
  if (::unshare(CLONE_NEWNS) != 0) {  // not privileged: also needs a user namespace
    const std::string user = "0 " + std::to_string(::getuid()) + " 1",
                      group = "0 " + std::to_string(::getgid()) + " 1";
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || !map("/proc/self/uid_map", user))
      return false;
    if (!map("/proc/self/setgroups", "deny") || !map("/proc/self/gid_map", group)) return false;
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace espalier_test
