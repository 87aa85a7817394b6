// SPDX-License-Identifier: Apache-2.0
// The text of the progress line of a training run, fitted to a width.
#pragma once

#include <string>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

/// Progress of a run.
struct ProgressState {
  std::string counts = "epoch";  ///< unit of the first number
  int epoch = 1;                 ///< from 1
  int epochs = 1;
  Index done = 0;                                      ///< samples of this epoch that are done
  Index total = 0;                                     ///< samples per epoch; 0: unknown
  double rate = 0;                                     ///< samples per second; 0: not known yet
  double seconds = 0;                                  ///< time in this epoch so far
  std::vector<std::pair<std::string, double>> losses;  ///< mean loss of each task so far
};

/// "950", "12.3k", "1.24M": three significant digits, or a whole number below 1000; "?" if not
/// finite.
[[nodiscard]] std::string short_number(double value);

/// "0:07", "12:34", "3:25:00"; "?" if negative, NaN or too long.
[[nodiscard]] std::string short_time(double seconds);

enum class BarStyle : std::uint8_t {
  none,     ///< for logs
  ascii,    ///< [=====>    ]
  unicode,  ///< ━━━━━╸───
};

/// One line of at most `width` characters. What does not fit is left out, the least important part
/// first: the losses from the last task on, then the rate, then the remaining time. The bar takes
/// the space that is left.
///
///     epoch 3/20  62% ━━━━━━━━━━━╸────────  184k/s  0:12 left  click 0.5123  buy 0.0831
[[nodiscard]] std::string format_progress(const ProgressState& state, int width,
                                          BarStyle style = BarStyle::ascii);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/report/progress_format_definitions.hpp"
#endif
