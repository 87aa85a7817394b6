// SPDX-License-Identifier: Apache-2.0
// Who writes a gradient first? Found by walking the plan backwards, so that backward neither zeroes nor adds in vain.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "espalier/plan/plan.hpp"

namespace espalier {

namespace detail {

/// Words that Written needs for so many values a sample.
constexpr std::size_t written_words(int values) { return static_cast<std::size_t>(values) / 64 + 1; }

/// Per value of a sample: whether its gradient was written by what lies after. Sixty-four to a word: compilers count the
/// steps of what they evaluate, and a model may have many wide blocks. `Words`: an array where the compiler evaluates, else a vector.
template <class Words>
struct Written {
  Words words{};

  /// Whether a row of the block's first step was.
  [[nodiscard]] constexpr bool has(const Block& b, int row) const {
    const int at = b.base + b.row + row;
    return (words[static_cast<std::size_t>(at / 64)] >> (at % 64) & 1U) != 0;
  }
  [[nodiscard]] constexpr int count(const Block& b) const {
    int n = 0;
    for (int s = 0; s < b.steps; ++s) {
      each_word(b, s, [&](std::size_t word, std::uint64_t mask) { n += std::popcount(words[word] & mask); });
    }
    return n;
  }
  constexpr void mark(const Block& b) {
    for (int s = 0; s < b.steps; ++s) {
      each_word(b, s, [&](std::size_t word, std::uint64_t mask) { words[word] |= mask; });
    }
  }

 private:
  /// f(word, the bits of it that step `step` of `b` has).
  template <class F>
  static constexpr void each_word(const Block& b, int step, F f) {
    const int begin = b.base + step * b.stride + b.row, end = begin + b.rows;
    for (int at = begin; at < end;) {
      const int bit = at % 64, take = end - at < 64 - bit ? end - at : 64 - bit;
      const std::uint64_t ones = take == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << take) - 1;
      f(static_cast<std::size_t>(at / 64), ones << bit);
      at += take;
    }
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
    detail::Written<std::array<std::uint64_t, detail::written_words(Values)>> written;
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
