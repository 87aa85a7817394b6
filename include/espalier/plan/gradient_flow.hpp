// SPDX-License-Identifier: Apache-2.0
// `assign_gradient_flow`: finds the first writer of each gradient by walking the plan backwards, so
// that the backward pass neither zeroes nor accumulates unnecessarily.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "espalier/plan/plan.hpp"

namespace espalier {

namespace detail {

/// Number of words that Written needs for `values` values per sample.
constexpr std::size_t written_words(int values) {
  return static_cast<std::size_t>(values) / 64 + 1;
}

/// One bit per value of a sample: whether a later node has already written its gradient. Packed 64
/// per word, because compilers limit the steps of constant evaluation and a model may have many
/// wide blocks. `Words`: a std::array in constant evaluation, else a std::vector.
template <class Words>
struct Written {
  Words words{};

  /// Returns whether the gradient of row `row` of the block's first step has been written.
  [[nodiscard]] constexpr bool has(const Block& b, int row) const {
    const int at = b.base + b.row + row;
    return (words[static_cast<std::size_t>(at / 64)] >> (at % 64) & 1U) != 0;
  }
  [[nodiscard]] constexpr int count(const Block& b) const {
    int n = 0;
    for (int s = 0; s < b.steps.separate(); ++s) {
      each_word(b, s, [&](std::size_t word, std::uint64_t mask) {
        n += std::popcount(words[word] & mask);
      });
    }
    return n;
  }
  constexpr void mark(const Block& b) {
    for (int s = 0; s < b.steps.separate(); ++s) {
      each_word(b, s, [&](std::size_t word, std::uint64_t mask) { words[word] |= mask; });
    }
  }

 private:
  /// Calls f(word, mask) for each word with bits of step `step` of `b`.
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

/// Sets the accumulate flags of all nodes: the first writer of a gradient overwrites it, later
/// writers add. A block is zeroed before the backward pass if its gradient is not completely
/// written when its own node runs backward, or if a node would write to a partly written gradient;
/// then all its writers add. Stores these blocks in `zeroed` and returns their number. `Builder` is
/// a filled PlanBuilder.
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
  // A newly found block that must be zeroed changes which writers add: repeat until none is found.
  for (bool again = true; again;) {
    again = false;
    detail::Written<std::array<std::uint64_t, detail::written_words(Values)>> written;
    for (const TaskInfo& task : plan.tasks) written.mark(task.logits);
    for (int i = plan.sizes.nodes - 1; i >= 0 && !again; --i) {
      Node& node = plan.nodes[static_cast<std::size_t>(i)];
      const auto needs_zero = [&](const Block& b, bool reading) {
        const int done = written.count(b);
        return !is_zeroed(b) && done != b.rows * b.steps.separate() && (reading || done != 0);
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
