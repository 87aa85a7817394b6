// SPDX-License-Identifier: Apache-2.0
// How often the inputs of a predictor are not what training saw: counted by field, and said when it is often.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
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

/// Of one input: the rows that were predicted, and in how many of them it was not what training saw. See Unseen.
struct InputCounts {
  std::string input;
  std::int64_t rows = 0, missing = 0, unknown = 0, outside = 0;
};

/// When a predictor says that an input is often not what training saw.
struct InputWarnings {
  std::function<void(const std::string&)> warn{};  ///< is given a line; by several threads at once where several predict
  double share = 0.05;       ///< of the rows: more than that missing, unknown or outside is said
  std::int64_t rows = 1000;  ///< looked at each time that so many more have been predicted
};

/// Counts, from any number of threads at once. `fields` must outlive it.
class InputCounter {
 public:
  /// Throws ConfigError for a share outside [0, 1], or fewer rows than 1.
  ESPALIER_COLD InputCounter(std::span<const FieldInfo> fields, InputWarnings warnings)
      : fields_(fields), warnings_(std::move(warnings)), counts_(fields.size()), before_(fields.size()) {
    if (!(warnings_.share >= 0 && warnings_.share <= 1)) {
      throw_error<ConfigError>({"warnings.share is ", decimal(warnings_.share, 6), ", expected 0 to 1"});
    }
    if (warnings_.rows < 1) throw_error<ConfigError>({"warnings.rows is ", warnings_.rows, ", expected 1 or more"});
  }

  /// So many rows were predicted, in which this was found. Throws what the warnings' function throws.
  void add(std::int64_t rows, std::span<const InputEvent> found) {
    for (const InputEvent& event : found) {
      counts_[event.field][static_cast<std::size_t>(event.what)].fetch_add(event.rows, std::memory_order_relaxed);
    }
    const std::int64_t before = rows_.fetch_add(rows, std::memory_order_relaxed);
    if (warnings_.warn && before / warnings_.rows != (before + rows) / warnings_.rows) warn();
  }

  [[nodiscard]] ESPALIER_COLD std::vector<InputCounts> counts() const {
    std::vector<InputCounts> all;
    const std::int64_t rows = rows_.load(std::memory_order_relaxed);
    for (std::size_t f = 0; f < fields_.size(); ++f) {
      const std::array<std::int64_t, 3> c = read(f);
      all.push_back({std::string(fields_[f].name), rows, c[0], c[1], c[2]});
    }
    return all;
  }

 private:
  using Counts = std::array<std::int64_t, 3>;  // of missing, unknown, outside

  [[nodiscard]] Counts read(std::size_t field) const {
    Counts read{};
    for (std::size_t k = 0; k < read.size(); ++k) read[k] = counts_[field][k].load(std::memory_order_relaxed);
    return read;
  }

  /// Looks at the rows since it did so last.
  ESPALIER_COLD void warn() {
    constexpr std::array<const char*, 3> what{"missing", "not in the vocabulary", "far outside of the training split's numbers"};
    std::vector<std::string> lines;
    {
      const std::lock_guard lock(mutex_);
      const std::int64_t rows = rows_.load(std::memory_order_relaxed) - rows_before_;
      if (rows < warnings_.rows) return;  // another thread has just looked
      rows_before_ += rows;
      for (std::size_t f = 0; f < fields_.size(); ++f) {
        const Counts now = read(f);
        for (std::size_t k = 0; k < now.size(); ++k) {
          const std::int64_t count = now[k] - before_[f][k];
          if (static_cast<double>(count) <= warnings_.share * static_cast<double>(rows)) continue;
          lines.push_back(message({"input '", fields_[f].name, "': ", count, " of ", rows, " rows ", what[k]}));
        }
        before_[f] = now;
      }
    }
    for (const std::string& line : lines) warnings_.warn(line);
  }

  std::span<const FieldInfo> fields_;
  InputWarnings warnings_;
  std::vector<std::array<std::atomic<std::int64_t>, 3>> counts_;  ///< per field
  std::atomic<std::int64_t> rows_{0};
  std::mutex mutex_;
  std::vector<Counts> before_;  ///< when it was looked at last
  std::int64_t rows_before_ = 0;
};

}  // namespace espalier
