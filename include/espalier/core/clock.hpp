// SPDX-License-Identifier: Apache-2.0
// Current time without <chrono>, which would include the stream library in every program (Windows
// uses <chrono>).
#pragma once

#if defined(_WIN32)
#include <chrono>
#else
#include <time.h>

#include "espalier/core/config.hpp"
#endif

namespace espalier {

#if defined(_WIN32)
/// Seconds since an arbitrary start; monotonic.
[[nodiscard]] inline double steady_seconds() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}
/// Seconds since 1970 (Unix time).
[[nodiscard]] inline double wall_time() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
}
#else
namespace clock_detail {
[[nodiscard]] inline double seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
}  // namespace clock_detail

/// Seconds since an arbitrary start; monotonic.
[[nodiscard]] inline double steady_seconds() { return clock_detail::seconds(CLOCK_MONOTONIC); }
/// Seconds since 1970 (Unix time).
[[nodiscard]] inline double wall_time() { return clock_detail::seconds(CLOCK_REALTIME); }
#endif

}  // namespace espalier
