// SPDX-License-Identifier: Apache-2.0
// `Progress`: on a terminal, a bar that is redrawn; elsewhere, a line from time to time.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/clock.hpp"
#include "espalier/core/config.hpp"
#include "espalier/report/progress_format.hpp"

#if defined(_WIN32)
#include <io.h>
#else
#include <sys/ioctl.h>
#include <unistd.h>
#endif

namespace espalier {

struct ProgressOptions {
  enum class Style : std::uint8_t { automatic, bar, lines };

  std::FILE* stream = stderr;
  Style style = Style::automatic;  ///< automatic: a bar if `stream` is a terminal
  int width = 0;                   ///< 0: that of the terminal; no limit for lines
  double redraw_seconds = 0.1;     ///< minimum interval between redraws of the bar
  double line_seconds = 5;         ///< minimum interval between lines
  std::string counts = "epoch";    ///< what is counted, if not epochs
};

/// Shows one epoch after the other. Cheap to call for every batch: usually it only reads the clock
/// and returns.
///
///     Progress progress({"click", "buy"}, epochs);
///     progress.start_epoch(epoch, samples);
///     progress.update(done, losses);      // after every batch
///     progress.finish_epoch(done, losses);
class Progress {
 public:
  explicit Progress(std::vector<std::string> tasks, int epochs, ProgressOptions options = {})
      : options_(std::move(options)) {
    state_.counts = options_.counts;
    state_.epochs = epochs;
    for (std::string& task : tasks) state_.losses.emplace_back(std::move(task), std::nan(""));
    bar_ = options_.style == ProgressOptions::Style::bar ||
           (options_.style == ProgressOptions::Style::automatic && is_terminal(options_.stream));
  }

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { end_line(); }

  /// `epoch` counts from 1. `already_done`: samples of a resumed epoch that were trained on before.
  void start_epoch(int epoch, Index total, Index already_done = 0) {
    start_epoch(epoch, total, already_done, steady_seconds());
  }
  void start_epoch(int epoch, Index total, Index already_done, double time) {
    state_.epoch = epoch;
    state_.total = total;
    state_.done = first_ = already_done;
    state_.rate = 0;
    started_ = drawn_ = time;
  }

  /// `done`: samples of this epoch so far. `losses`: one per task; NaN if there is none yet.
  void update(Index done, std::span<const double> losses) {
    update(done, losses, steady_seconds());
  }
  void update(Index done, std::span<const double> losses, double time) {
    if (time - drawn_ < (bar_ ? options_.redraw_seconds : options_.line_seconds)) return;
    show(done, losses, time);
  }

  /// Shows the end of the epoch, regardless of the time of the last redraw, and ends the line.
  void finish_epoch(Index done, std::span<const double> losses) {
    finish_epoch(done, losses, steady_seconds());
  }
  void finish_epoch(Index done, std::span<const double> losses, double time) {
    show(done, losses, time);
    end_line();
  }

  /// Prints a line of text; a bar is redrawn below it.
  void say(std::string_view line) {
    if (on_screen_) std::fputs("\r\x1b[K", options_.stream);
    std::fprintf(options_.stream, "%.*s\n", static_cast<int>(line.size()), line.data());
    if (on_screen_) std::fputs(last_.c_str(), options_.stream);
    std::fflush(options_.stream);
  }

  /// Whether it draws a bar.
  [[nodiscard]] bool is_bar() const noexcept { return bar_; }

  /// Whether the stream is a terminal that can redraw a line.
  [[nodiscard]] static bool is_terminal(std::FILE* stream) {
#if defined(_WIN32)
    return _isatty(_fileno(stream)) != 0;
#else
    const char* kind = std::getenv("TERM");
    return ::isatty(::fileno(stream)) != 0 && (kind == nullptr || std::string_view(kind) != "dumb");
#endif
  }

  /// Columns of the terminal; if unknown, $COLUMNS or else 80.
  [[nodiscard]] ESPALIER_COLD static int terminal_width(std::FILE* stream) {
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

 private:
  /// Whether the user's locale is UTF-8. The first of these variables that is set decides, as in
  /// POSIX.
  [[nodiscard]] ESPALIER_COLD static bool speaks_utf8() {
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
      const char* value = std::getenv(name);
      if (value == nullptr || *value == '\0') continue;
      const std::string_view locale = value;
      return locale.find("UTF-8") != std::string_view::npos ||
             locale.find("utf8") != std::string_view::npos;
    }
    return false;
  }

  void show(Index done, std::span<const double> losses, double time) {
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

  void end_line() {
    if (!on_screen_) return;
    on_screen_ = false;
    std::fputc('\n', options_.stream);
    std::fflush(options_.stream);
  }

  ProgressOptions options_;
  ProgressState state_;
  std::string last_;
  Index first_ = 0;
  double started_ = 0;
  double drawn_ = 0;
  bool bar_ = false;
  bool unicode_ = speaks_utf8();
  bool on_screen_ = false;
};

}  // namespace espalier
