// SPDX-License-Identifier: Apache-2.0
// `SchedulesBySize<T, Key>`: a schedule per batch size, shared by sizes for which passes decide
// alike.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// `Key`: decisions of the passes, comparable with ==.
template <class T, class Key, class Device = Cpu>
class SchedulesBySize {
 public:
  SchedulesBySize() = default;

  /// For 1 … `most` samples; calls make(samples) for each new value of key_of(samples).
  template <class KeyOf, class Make>
  ESPALIER_COLD SchedulesBySize(Index most, const KeyOf& key_of, const Make& make) {
    std::vector<Key> keys;
    of_size_.push_back(0);
    for (Index n = 1; n <= most; ++n) {
      Key key = key_of(n);
      const auto known = std::find(keys.begin(), keys.end(), key);
      of_size_.push_back(static_cast<std::int32_t>(known - keys.begin()));
      if (known != keys.end()) continue;
      keys.push_back(std::move(key));
      schedules_.push_back(make(n));
      schedules_.back().waits = microbatches_wait(schedules_.back().steps);
    }
  }

  [[nodiscard]] const ExecutionSchedule<T, Device>& of(Index samples) const {
    assert(samples >= 0 && samples < static_cast<Index>(of_size_.size()));
    return schedules_[static_cast<std::size_t>(of_size_[static_cast<std::size_t>(samples)])];
  }

 private:
  std::vector<ExecutionSchedule<T, Device>> schedules_;
  std::vector<std::int32_t> of_size_;  ///< schedule index by batch size; size 0 uses that of 1
};

}  // namespace espalier
