// SPDX-License-Identifier: Apache-2.0
// Definitions of progress.hpp.
#pragma once

#include "espalier/report/progress.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"

#if defined(_WIN32)
#include <io.h>
#else
#include <sys/ioctl.h>
#include <unistd.h>
#endif

namespace espalier {

ESPALIER_INLINE Progress::Progress(std::vector<std::string> tasks, int epochs,
                                   ProgressOptions options)
    : options_(std::move(options)) {
  state_.counts = options_.counts;
  state_.epochs = epochs;
  for (std::string& task : tasks) state_.losses.emplace_back(std::move(task), std::nan(""));
  bar_ = options_.style == ProgressOptions::Style::bar ||
         (options_.style == ProgressOptions::Style::automatic && is_terminal(options_.stream));
}

ESPALIER_INLINE void Progress::start_epoch(int epoch, Index total, Index already_done,
                                           double time) {
  state_.epoch = epoch;
  state_.total = total;
  state_.done = first_ = already_done;
  state_.rate = 0;
  started_ = drawn_ = time;
}

ESPALIER_INLINE void Progress::finish_epoch(Index done, std::span<const double> losses,
                                            double time) {
  show(done, losses, time);
  end_line();
}

ESPALIER_INLINE void Progress::say(std::string_view line) {
  if (on_screen_) std::fputs("\r\x1b[K", options_.stream);
  std::fprintf(options_.stream, "%.*s\n", static_cast<int>(line.size()), line.data());
  if (on_screen_) std::fputs(last_.c_str(), options_.stream);
  std::fflush(options_.stream);
}

ESPALIER_INLINE bool Progress::is_terminal(std::FILE* stream) {
#if defined(_WIN32)
  return _isatty(_fileno(stream)) != 0;
#else
  const char* kind = std::getenv("TERM");
  return ::isatty(::fileno(stream)) != 0 && (kind == nullptr || std::string_view(kind) != "dumb");
#endif
}

ESPALIER_COLD ESPALIER_INLINE int Progress::terminal_width(std::FILE* stream) {
#if !defined(_WIN32)
  winsize size{};
  if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
#else
  static_cast<void>(stream);
#endif
  const char* columns = std::getenv("COLUMNS");
  const long width = columns == nullptr ? 0 : std::strtol(columns, nullptr, 10);
  return width > 0 && width < 10000 ? static_cast<int>(width) : 80;
}

ESPALIER_COLD ESPALIER_INLINE bool Progress::speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    return locale.find("UTF-8") != std::string_view::npos ||
           locale.find("utf8") != std::string_view::npos;
  }
  return false;
}

ESPALIER_INLINE void Progress::show(Index done, std::span<const double> losses, double time) {
  drawn_ = time;
  state_.done = done;
  state_.seconds = time - started_;
  state_.rate = state_.seconds > 0 ? static_cast<double>(done - first_) / state_.seconds : 0;
  for (std::size_t k = 0; k < (std::min)(losses.size(), state_.losses.size()); ++k) {
    state_.losses[k].second = losses[k];
  }
  if (bar_) {
    // Leaves the last column free: some terminals wrap after a character in it.
    const int width = options_.width > 0 ? options_.width : terminal_width(options_.stream) - 1;
    last_ = format_progress(state_, width, unicode_ ? BarStyle::unicode : BarStyle::ascii);
    std::fprintf(options_.stream, "\r%s\x1b[K", last_.c_str());
    on_screen_ = true;
  } else {
    const int width = options_.width > 0 ? options_.width : 10000;
    std::fprintf(options_.stream, "%s\n", format_progress(state_, width, BarStyle::none).c_str());
  }
  std::fflush(options_.stream);
}

ESPALIER_INLINE void Progress::end_line() {
  if (!on_screen_) return;
  on_screen_ = false;
  std::fputc('\n', options_.stream);
  std::fflush(options_.stream);
}

}  // namespace espalier
