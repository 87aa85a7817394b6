// SPDX-License-Identifier: Apache-2.0
// Captures standard error.
#pragma once

#include <cstdio>
#include <string>

#include <unistd.h>

namespace espalier_test {

/// Redirects standard error to a temporary file during its lifetime.
class CapturedStderr {
 public:
  CapturedStderr() : file_(std::tmpfile()), before_(::dup(2)) {
    std::fflush(stderr);
    ::dup2(::fileno(file_), 2);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    std::fflush(stderr);
    ::dup2(before_, 2);
    ::close(before_);
    std::fclose(file_);
  }

  [[nodiscard]] std::string text() const {
    std::fflush(stderr);
    std::string all;
    std::rewind(file_);
    char part[4096];
    for (std::size_t n = 0; (n = std::fread(part, 1, sizeof part, file_)) > 0;) all.append(part, n);
    return all;
  }

 private:
  std::FILE* file_;
  int before_;
};

}  // namespace espalier_test
