// SPDX-License-Identifier: Apache-2.0
// `MemoryReuse<T>`: blocks of a forward schedule share memory if their lifetimes do not overlap.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Nothing is kept for a backward pass. A block lives from its first step to its last, those of
/// predictions to the end. Offsets are assigned first-fit, in the order of first use.
template <class T, class Device = Cpu>
class MemoryReuse {
 public:
  static constexpr std::string_view name = "memory_reuse";

  MemoryReuse() = default;
  MemoryReuse(const MemoryReuse&) = delete;  // steps refer to its nodes
  MemoryReuse& operator=(const MemoryReuse&) = delete;

  /// Changes a schedule whose steps are the forward passes of nodes, in order.
  ESPALIER_COLD void apply(ExecutionSchedule<T, Device>& schedule) {
    const Index before = schedule.values;
    std::vector<Life> lives;
    const auto use = [&](const Block& b, Index step) {
      if (!b.exists()) return;
      const auto known = std::find_if(lives.begin(), lives.end(),
                                      [&](const Life& life) { return life.base == b.base; });
      if (known != lives.end()) {
        known->last = step;
      } else {
        lives.push_back({b.base, b.stride * b.steps, step, step, 0});
      }
    };
    copy_nodes(schedule, nodes_);
    const auto steps = static_cast<Index>(nodes_.size());
    for (Index i = 0; i < steps; ++i) {
      for (const Block* b : blocks_of(nodes_[static_cast<std::size_t>(i)])) use(*b, i);
    }
    for (const Block& output : schedule.outputs) use(output, steps);
    schedule.values = place(lives);
    const auto move = [&](Block& b) {
      if (!b.exists()) return;
      b.base = std::find_if(lives.begin(), lives.end(), [&](const Life& life) {
                 return life.base == b.base;
               })->offset;
    };
    for (Node& n : nodes_) {
      for (Block* b : blocks_of(n)) move(*b);
    }
    for (Block& output : schedule.outputs) move(output);
    schedule.notes.push_back(
        {name, schedule.values < before,
         message({"values of a sample: ", schedule.values, " instead of ", before})});
  }

 private:
  struct Life {
    int base, size;
    Index first, last;  ///< first and last step
    int offset;
  };

  template <class N>
  [[nodiscard]] static auto blocks_of(N& n) {
    return std::array{&n.in, &n.in2, &n.cache, &n.room, &n.out};
  }

  /// Assigns offsets; returns the number of values needed.
  [[nodiscard]] static Index place(std::vector<Life>& lives) {
    Index values = 0;
    for (std::size_t i = 0; i < lives.size(); ++i) {
      bool moved = true;
      while (moved) {
        moved = false;
        for (std::size_t j = 0; j < i; ++j) {
          const bool together = lives[j].last >= lives[i].first;
          if (together && lives[i].offset < lives[j].offset + lives[j].size &&
              lives[j].offset < lives[i].offset + lives[i].size) {
            lives[i].offset = lives[j].offset + lives[j].size;
            moved = true;
          }
        }
      }
      values = (std::max)(values, Index{lives[i].offset} + lives[i].size);
    }
    return values;
  }

  std::vector<Node> nodes_;  ///< one per step
};

}  // namespace espalier
