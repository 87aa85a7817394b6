// SPDX-License-Identifier: Apache-2.0
// `Progress`: on a terminal, a bar that is redrawn; elsewhere, a line from time to time.
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/clock.hpp"
#include "espalier/core/config.hpp"
#include "espalier/report/progress_format.hpp"

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
  explicit Progress(std::vector<std::string> tasks, int epochs, ProgressOptions options = {});

  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { end_line(); }

  /// `epoch` counts from 1. `already_done`: samples of a resumed epoch that were trained on before.
  void start_epoch(int epoch, Index total, Index already_done = 0) {
    start_epoch(epoch, total, already_done, steady_seconds());
  }
  void start_epoch(int epoch, Index total, Index already_done, double time);

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
  void finish_epoch(Index done, std::span<const double> losses, double time);

  /// Prints a line of text; a bar is redrawn below it.
  void say(std::string_view line);

  /// Whether it draws a bar.
  [[nodiscard]] bool is_bar() const noexcept { return bar_; }

  /// Whether the stream is a terminal that can redraw a line.
  [[nodiscard]] static bool is_terminal(std::FILE* stream);

  /// Columns of the terminal; if unknown, $COLUMNS or else 80.
  [[nodiscard]] static int terminal_width(std::FILE* stream);

 private:
  /// Whether the user's locale is UTF-8. The first of these variables that is set decides, as in
  /// POSIX.
  [[nodiscard]] static bool speaks_utf8();

  void show(Index done, std::span<const double> losses, double time);

  void end_line();

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

#if ESPALIER_DEFINE
#include "espalier/report/progress_definitions.hpp"
#endif
