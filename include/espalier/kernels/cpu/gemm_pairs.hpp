// SPDX-License-Identifier: Apache-2.0
// The matrix product on bf16 pairs: operands are rounded to bf16 as they are packed; sums are
// float.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "espalier/core/buffer.hpp"
#include "espalier/kernels/cpu/bfloat16_pairs.hpp"
#include "espalier/kernels/cpu/gemm.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

// KC pairs deep: twice the depth of a block of floats, in as many bytes.
inline constexpr Index packed_a_pairs = mr<float> * kc;
inline constexpr Index packed_b_pairs = 128 * kc;

/// The thread's packing buffer for pairs of A and B; allocated by the first call.
inline Pair* pair_room() {
  thread_local Buffer<Pair> buffer(static_cast<std::size_t>(packed_a_pairs + packed_b_pairs));
  return buffer.data();
}

/// Converts `k` contiguous values along the depth to pairs; an odd last one is paired with zero.
template <class Math, class Source>
inline void convert_run(const Source* from, Index k, Pair* to) {
  constexpr Index step = 2 * lanes<Pair>;
  Index p = 0;
  for (; p + step <= k; p += step) store(to + p / 2, Math::to_pairs(from + p));
  if (p == k) return;
  Source last[std::size_t{step}]{};
  Pair pairs[std::size_t{lanes<Pair>}];
  std::copy_n(from + p, k - p, last);
  store(pairs, Math::to_pairs(last));
  std::copy_n(pairs, (k - p + 1) / 2, to + p / 2);
}

/// One row of a panel: pairs (from[i], next[i]) for i < m, zeros up to `rows`. If `next` is null,
/// the second values are 0.
template <class Math>
inline void pair_rows(const float* from, const float* next, Index m, Index rows, Pair* to) {
  constexpr Index n = lanes<Pair>;
  Index i = 0;
  for (; i + n <= m; i += n) {
    store(to + i,
          Math::pair_up(load(from + i), next != nullptr ? load(next + i) : Vector<float>{}));
  }
  for (; i < rows; ++i) to[i] = i < m ? pair(from[i], next != nullptr ? next[i] : 0.0F) : Pair{0};
}

/// Packs rows [0, m) of a row-major A, depth [0, k): panel[p · rows + i] is pair p of row i; rows
/// from m on are zero.
template <class Math, class Source>
inline void pack_deep_panel(const GemmInput<Source>& a, Index m, Index k, Index rows, Pair* panel) {
  constexpr Index n = lanes<Pair>;
  Pair square[std::size_t{n * n}]{}, turned[std::size_t{n * n}];
  for (Index i = 0; i < rows; i += n) {
    for (Index p = 0; p < k; p += 2 * n) {
      const Index depth = (std::min)(2 * n, k - p), pairs = (depth + 1) / 2;
      for (Index r = 0; r < n; ++r) {
        Pair* const to = square + r * n;
        if (i + r < m) {
          convert_run<Math>(a.data + (i + r) * a.row + p, depth, to);
        } else {
          store(to, Pairs{});
        }
      }
      Pair* const to = panel + p / 2 * rows + i;
      if (pairs == n) {
        transpose(square, n, to, rows);
        continue;
      }
      transpose(square, n, turned, n);
      for (Index q = 0; q < pairs; ++q) store(to + q * rows, load(turned + q * n));
    }
  }
}

/// The same for a column-major A.
template <class Math>
inline void pack_wide_panel(const GemmInput<float>& a, Index m, Index k, Index rows, Pair* panel) {
  for (Index p = 0; p < k; p += 2, panel += rows) {
    const float* const from = a.data + p * a.column;
    pair_rows<Math>(from, p + 1 < k ? from + a.column : nullptr, m, rows, panel);
  }
}

/// Packs columns [0, n) of a row-major B, depth [0, k), in groups of NR columns of pairs.
template <class Math>
inline void pack_wide_columns(const GemmInput<float>& b, Index n, Index k, Pair* to) {
  constexpr Index width = nr, at_once = (std::max)(lanes<Pair>, width);
  const Index size = (k + 1) / 2 * width;
  Pair row[std::size_t{at_once}];
  for (Index j = 0; j < n; j += at_once, to += at_once / width * size) {
    for (Index p = 0; p < k; p += 2) {
      const float* const from = b.data + j + p * b.row;
      pair_rows<Math>(from, p + 1 < k ? from + b.row : nullptr, (std::min)(at_once, n - j), at_once,
                      row);
      for (Index t = 0; t < at_once / width; ++t)
        std::memcpy(to + t * size + p / 2 * width, row + t * width, sizeof(Pair) * width);
    }
  }
}

/// Vectors run along the m rows of A. `transposed`: `out` is Cᵀ.
template <class Math, class Left, class Right>
void pair_blocks(Index m, Index n, Index k, const GemmInput<Left>& a, const GemmInput<Right>& b,
                 const GemmOutput<float>& out, bool transposed) {
  constexpr Index width = lanes<float>, deepest = 2 * kc;
  Pair* const left = pair_room();
  Pair* const right = left + packed_a_pairs;
  const Index row_step = transposed ? out.stride : 1, column_step = transposed ? 1 : out.stride;
  const bool finishes =
      !out.accumulate && (out.bias != nullptr || out.activation != Activation::identity);
  detail::TileOutput<float> c{};
  c.stride = out.stride;
  c.activation = out.activation;
  c.transposed = transposed;
  for (Index p = 0; p == 0 || p < k; p += deepest) {
    const Index depth = (std::min)(deepest, k - p), pairs = (depth + 1) / 2;
    const Index column_block = packed_b_pairs / (std::max)(pairs, Index{1}) / width * width;
    c.add = out.accumulate || p > 0;
    c.finish = finishes && p + deepest >= k;
    for (Index j = 0; j < n; j += column_block) {
      const Index columns = (std::min)(column_block, n - j);
      const Right* const from = b.data + p * b.row + j * b.column;
      const bool deep = b.row == 1;
      if (deep) {
        for (Index q = 0; q < columns; ++q)
          convert_run<Math>(from + q * b.column, depth, right + q * pairs);
      } else if constexpr (std::is_same_v<Right, float>) {
        pack_wide_columns<Math>({from, b.row, b.column}, columns, depth, right);
      }
      const GemmInput<Pair> packed{right, 1, pairs};
      for (Index i = 0; i < m;) {
        const Index rows = panel_vectors((m - i + width - 1) / width) * width;
        const GemmInput<Left> panel{a.data + i * a.row + p * a.column, a.row, a.column};
        c.rows = (std::min)(rows, m - i);
        if (a.column == 1) {
          pack_deep_panel<Math>(panel, c.rows, depth, rows, left);
        } else if constexpr (std::is_same_v<Left, float>) {
          pack_wide_panel<Math>(panel, c.rows, depth, rows, left);
        }
        c.data = out.data + i * row_step + j * column_step;
        c.bias = out.bias == nullptr ? nullptr : out.bias + (transposed ? j : i);
        if (rows == width) {
          panel_times_columns<float, 1, nr_one_vector, Math>(pairs, left, rows, packed, !deep,
                                                             columns, c);
        } else if (rows == 2 * width) {
          panel_times_columns<float, 2, nr, Math>(pairs, left, rows, packed, !deep, columns, c);
        } else {
          panel_times_columns<float, 3, nr, Math>(pairs, left, rows, packed, !deep, columns, c);
        }
        i += rows;
      }
    }
  }
}

/// Start of the last register of `k` contiguous values if k is not a multiple of the register: it
/// ends at k, so nothing beyond is read, and overlaps the one before. The values that overlap are
/// multiplied by 0 (an infinity among them turns a sum that was infinite anyway into NaN).
[[nodiscard]] constexpr Index last_pairs(Index k) {
  return (std::max)(Index{0}, k - 2 * lanes<Pair>);
}

/// Converts `k` contiguous values for pair_dots(): whole registers, then the register at
/// last_pairs(), zero where it overlaps the ones before.
template <class Math, class Source>
void convert_few(const Source* from, Index k, Pair* to) {
  constexpr Index step = 2 * lanes<Pair>;
  const Index whole = k / step * step;
  convert_run<Math>(from, whole, to);
  if (whole == k) return;
  Source last[std::size_t{step}]{};
  std::copy(from + whole, from + k, last + (whole - last_pairs(k)));
  store(to + whole / 2, Math::to_pairs(last));
}

/// out[r · Few + f] = ⟨many_r, few_f⟩ over `k` values; few_f made by convert_few().
template <class Math, int Many, int Few, class Source>
[[gnu::noinline]] ESPALIER_ALIGN_LOOPS void pair_dots(Index k, const Source* many, Index many_step,
                                                      const Pair* few, Index few_step, float* out) {
  constexpr Index n = lanes<Pair>;
  Vector<float> sum[std::size_t{Many}][std::size_t{Few}]{};
  const auto add = [&](const Pairs* left, Index at) {
    ESPALIER_UNROLL
    for (int f = 0; f < Few; ++f) {
      const Pairs right = load(few + f * few_step + at);
      ESPALIER_UNROLL
      for (int r = 0; r < Many; ++r) Math::multiply_add(sum[r][f], left[r], right);
    }
  };
  Pairs left[std::size_t{Many}];
  Index p = 0;
  for (; p + 2 * n <= k; p += 2 * n) {
    ESPALIER_UNROLL
    for (int r = 0; r < Many; ++r) left[r] = Math::to_pairs(many + r * many_step + p);
    add(left, p / 2);
  }
  if (p < k) {
    for (int r = 0; r < Many; ++r) {
      const Source* from = many + r * many_step;
      Source all[std::size_t{2 * n}]{};
      if (p == 0) {  // shorter than a register
        std::copy_n(from, k, all);
        from = all;
      }
      left[r] = Math::to_pairs(from + last_pairs(k));
    }
    add(left, p / 2);
  }
  for (int r = 0; r < Many; ++r) {
    for (int f = 0; f < Few; ++f) out[r * Few + f] = sum_of_lanes<float>(sum[r][f]);
  }
}

/// B has few columns: they are converted once; rows of A are converted as they are read.
template <class Math, int Few, class Left, class Right>
void few_columns(Index m, Index k, const GemmInput<Left>& a, const GemmInput<Right>& b,
                 const GemmOutput<float>& c) {
  constexpr Index n = lanes<Pair>;
  Pair* const room = pair_room();
  const Index step = (k + 2 * n - 1) / (2 * n) * n;
  for (Index f = 0; f < Few; ++f) convert_few<Math>(b.data + f * b.column, k, room + f * step);
  constexpr int at_once = Few == 1 ? 8 : 4;
  float values[std::size_t{at_once * Few}];
  Index r = 0;
  for (; r + at_once <= m; r += at_once) {
    pair_dots<Math, at_once, Few>(k, a.data + r * a.row, a.row, room, step, values);
    put_dots<float>({nullptr, at_once, Few}, values, r, r, 0, 0, c, true);
  }
  for (; r < m; ++r) {
    pair_dots<Math, 1, Few>(k, a.data + r * a.row, a.row, room, step, values);
    put_dots<float>({nullptr, 1, Few}, values, r, r, 0, 0, c, true);
  }
}

/// C = act(A B + bias) or C += A B: A and B rounded to bf16, sums in float. A and B are float, or
/// bf16 and contiguous along the depth.
template <class Math, class Left, class Right>
void gemm_pairs(Index m, Index n, Index k, const GemmInput<Left>& a, const GemmInput<Right>& b,
                const GemmOutput<float>& c) {
  if (m == 0 || n == 0) return;
  const bool deep = a.column == 1 && b.row == 1;
  const bool dots = deep && n <= 2 && k + 2 * lanes<Pair> <= packed_b_pairs;
  if (dots && n == 1) {
    few_columns<Math, 1>(m, k, a, b, c);
  } else if (dots && n == 2) {
    few_columns<Math, 2>(m, k, a, b, c);
  } else if (deep && n < m) {
    pair_blocks<Math>(n, m, k, GemmInput<Right>{b.data, b.column, b.row},
                      GemmInput<Left>{a.data, a.column, a.row}, c, true);
  } else {
    pair_blocks<Math>(m, n, k, a, b, c, false);
  }
}

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET
