// SPDX-License-Identifier: Apache-2.0
// `InputCounter`: counts by field how often the inputs of a predictor differ from the training
// data, and warns if that is often.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/input_check.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// For one input: the number of predicted rows, and in how many of them it was missing, unknown or
/// outside. See Unseen.
struct InputCounts {
  std::string input;
  std::int64_t rows = 0, missing = 0, unknown = 0, outside = 0;
};

/// When a predictor warns that an input often differs from the training data.
struct InputWarnings {
  /// Receives one line; called by several threads at once if several predict.
  std::function<void(const std::string&)> warn{};
  double share = 0.05;  ///< warn if more than this share of the rows is missing, unknown or outside
  std::int64_t rows = 1000;  ///< number of predicted rows from one check to the next
};

/// Counts from any number of threads at once. `fields` must outlive this object.
class InputCounter {
 public:
  /// Throws ConfigError for a share outside [0, 1], or fewer than 1 row.
  InputCounter(std::span<const FieldInfo> fields, InputWarnings warnings);

  /// Adds `rows` predicted rows and what was found in them. Throws what the warning function
  /// throws.
  void add(std::int64_t rows, std::span<const InputEvent> found);

  [[nodiscard]] std::vector<InputCounts> counts() const;

 private:
  using Counts = std::array<std::int64_t, 3>;  // missing, unknown, outside

  [[nodiscard]] Counts read(std::size_t field) const;

  /// Checks the rows since the last check and warns.
  void warn();

  std::span<const FieldInfo> fields_;
  InputWarnings warnings_;
  std::vector<std::array<std::atomic<std::int64_t>, 3>> counts_;  ///< per field
  std::atomic<std::int64_t> rows_{0};
  std::mutex mutex_;
  std::vector<Counts> before_;  ///< at the last check
  std::int64_t rows_before_ = 0;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/deploy/input_counts_definitions.hpp"
#endif
