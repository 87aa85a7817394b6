// SPDX-License-Identifier: Apache-2.0
// Who writes a gradient first? Found by walking the plan backwards, so that backward neither zeroes nor adds in vain.
#pragma once

#include <array>

#include "espalier/plan/plan.hpp"

namespace espalier {

namespace detail {

/// Per value of a sample: whether its gradient was written by what lies after.
template <int Values>
struct Written {
  std::array<bool, static_cast<std::size_t>(Values) + 1> flags{};

  [[nodiscard]] constexpr int count(const Block& b) const {
    int n = 0;
    for (int s = 0; s < b.steps; ++s) {
      for (int i = 0; i < b.rows; ++i) n += flags[index(b, s, i)] ? 1 : 0;
    }
    return n;
  }
  constexpr void mark(const Block& b) {
    for (int s = 0; s < b.steps; ++s) {
      for (int i = 0; i < b.rows; ++i) flags[index(b, s, i)] = true;
    }
  }
  static constexpr std::size_t index(const Block& b, int step, int i) {
    return static_cast<std::size_t>(b.base + step * b.stride + b.row + i);
  }
};

}  // namespace detail

/// Sets every node's accumulate flags: the first writer of a gradient overwrites, later ones add. A block that is
/// partly written, or not at all, when its own node runs backward is zeroed beforehand: those are returned in `zeroed`,
/// and all who write them add. `Builder` is a filled PlanBuilder. Returns how many blocks were put into `zeroed`.
template <int Values, class Builder, std::size_t Z>
constexpr int assign_gradient_flow(Builder& plan, std::array<Block, Z>& zeroed) {
  int zero_count = 0;
  const auto is_zeroed = [&](const Block& b) {
    for (int i = 0; i < zero_count; ++i) {
      const Block& z = zeroed[static_cast<std::size_t>(i)];
      if (z.base == b.base) return true;
    }
    return false;
  };
  // A pass may find a block that must be zeroed, which changes who adds: repeat until none is found.
  for (bool again = true; again;) {
    again = false;
    detail::Written<Values> written;
    for (const TaskInfo& task : plan.tasks) written.mark(task.logits);
    for (int i = plan.sizes.nodes - 1; i >= 0 && !again; --i) {
      Node& node = plan.nodes[static_cast<std::size_t>(i)];
      const auto needs_zero = [&](const Block& b, bool reading) {
        const int done = written.count(b);
        return !is_zeroed(b) && done != b.rows * b.steps && (reading || done != 0);
      };
      const auto zero = [&](const Block& b) {
        Block whole = b;
        whole.row = 0;
        whole.rows = b.stride;
        zeroed[static_cast<std::size_t>(zero_count++)] = whole;
        again = true;
      };
      if (node.out.gradient && needs_zero(node.out, true)) zero(node.out);
      for (int k = 0; k < 2 && !again; ++k) {
        const Block& in = k == 0 ? node.in : node.in2;
        bool& accumulate = k == 0 ? node.accumulate_in : node.accumulate_in2;
        if (!in.exists() || !in.gradient) continue;
        if (needs_zero(in, false)) {
          zero(in);
        } else {
          accumulate = is_zeroed(in) || written.count(in) != 0;
          written.mark(in);
        }
      }
    }
  }
  return zero_count;
}

}  // namespace espalier
