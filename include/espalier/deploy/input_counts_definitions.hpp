// SPDX-License-Identifier: Apache-2.0
// Definitions of input_counts.hpp.
#pragma once

#include "espalier/deploy/input_counts.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/input_check.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE InputCounter::InputCounter(std::span<const FieldInfo> fields,
                                                         InputWarnings warnings)
    : fields_(fields),
      warnings_(std::move(warnings)),
      counts_(fields.size()),
      before_(fields.size()) {
  if (!(warnings_.share >= 0 && warnings_.share <= 1)) {
    throw_error<ConfigError>(
        {"warnings.share is ", decimal(warnings_.share, 6), ", expected 0 to 1"});
  }
  if (warnings_.rows < 1)
    throw_error<ConfigError>({"warnings.rows is ", warnings_.rows, ", expected 1 or more"});
}

ESPALIER_INLINE void InputCounter::add(std::int64_t rows, std::span<const InputEvent> found) {
  for (const InputEvent& event : found) {
    counts_[event.field][static_cast<std::size_t>(event.what)].fetch_add(event.rows,
                                                                         std::memory_order_relaxed);
  }
  const std::int64_t before = rows_.fetch_add(rows, std::memory_order_relaxed);
  if (warnings_.warn && before / warnings_.rows != (before + rows) / warnings_.rows) warn();
}

ESPALIER_COLD ESPALIER_INLINE std::vector<InputCounts> InputCounter::counts() const {
  std::vector<InputCounts> all;
  const std::int64_t rows = rows_.load(std::memory_order_relaxed);
  for (std::size_t f = 0; f < fields_.size(); ++f) {
    const std::array<std::int64_t, 3> c = read(f);
    all.push_back({std::string(fields_[f].name), rows, c[0], c[1], c[2]});
  }
  return all;
}

ESPALIER_INLINE InputCounter::Counts InputCounter::read(std::size_t field) const {
  Counts read{};
  for (std::size_t k = 0; k < read.size(); ++k)
    read[k] = counts_[field][k].load(std::memory_order_relaxed);
  return read;
}

ESPALIER_COLD ESPALIER_INLINE void InputCounter::warn() {
  constexpr std::array<const char*, 3> what{"missing", "not in the vocabulary",
                                            "far outside of the training split's numbers"};
  std::vector<std::string> lines;
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t rows = rows_.load(std::memory_order_relaxed) - rows_before_;
    if (rows < warnings_.rows) return;  // another thread has just checked
    rows_before_ += rows;
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      const Counts now = read(f);
      for (std::size_t k = 0; k < now.size(); ++k) {
        const std::int64_t count = now[k] - before_[f][k];
        if (static_cast<double>(count) <= warnings_.share * static_cast<double>(rows)) continue;
        lines.push_back(
            message({"input '", fields_[f].name, "': ", count, " of ", rows, " rows ", what[k]}));
      }
      before_[f] = now;
    }
  }
  for (const std::string& line : lines) warnings_.warn(line);
}

}  // namespace espalier
