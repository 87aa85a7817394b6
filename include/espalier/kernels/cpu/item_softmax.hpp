// SPDX-License-Identifier: Apache-2.0
// Softmax over the rows of an embedding table: which item comes next.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "espalier/core/random.hpp"
#include "espalier/core/segments.hpp"
#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/dense.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gate.hpp"
#include "espalier/kernels/cpu/places.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// All items: rows 1, 2, … of a table. Row 0 stands for unknown values.
struct AllItems {
  static constexpr bool sampled = false;
  Index count = 0;

  [[nodiscard]] std::int32_t row(Index i) const { return static_cast<std::int32_t>(i + 1); }
};

/// `count` items drawn from `items`, with replacement. Rows are ordered by frequency, so the
/// probability of row r follows Zipf's law: q_r = log((r + 1) / r) / log(items + 1).
struct SampledItems {
  static constexpr bool sampled = true;
  Index count = 0;
  Index items = 0;
  std::uint64_t key = 0;

  [[nodiscard]] std::int32_t row(Index i) const {
    const double u = Random(key, static_cast<std::uint64_t>(i)).uniform();
    const auto drawn = static_cast<Index>(std::exp(u * std::log1p(static_cast<double>(items))));
    return static_cast<std::int32_t>((std::min)((std::max)(drawn, Index{1}), items));
  }
  /// The logarithm of how often row `r` is expected among the draws.
  [[nodiscard]] double log_expected(std::int32_t r) const {
    return std::log(static_cast<double>(count) * std::log1p(1 / static_cast<double>(r)) /
                    std::log1p(static_cast<double>(items)));
  }
};

/// The item that each column is to predict, read in order: the label of a sample, or, for the steps
/// of a sequence, the value of the next step.
template <class T>
class ItemTargets {
 public:
  explicit ItemTargets(const T* labels) : labels_(labels) {}
  /// `ids`: of the whole batch.
  ItemTargets(const std::int32_t* ids, Segments steps)
      : ids_(ids), offsets_(steps.offsets), at_(steps.samples > 0 ? steps.offsets[0] : 0) {}

  /// The target of the next column; 0 if it has none.
  [[nodiscard]] std::int32_t next() {
    if (labels_ != nullptr) {
      const T label = *labels_++;
      return label > 0 ? static_cast<std::int32_t>(label) : 0;  // NaN: missing
    }
    while (at_ >= offsets_[1]) ++offsets_;
    const std::int32_t u = at_++;
    return u + 1 < offsets_[1] ? ids_[u + 1] : 0;
  }

 private:
  const T* labels_ = nullptr;
  const std::int32_t* ids_ = nullptr;
  const std::int32_t* offsets_ = nullptr;  ///< of the current sample
  std::int32_t at_ = 0;
};

namespace ESPALIER_COMPILED_SET {

/// Columns, and at most as many items, that are scored at once: the scores stay in the cache.
inline constexpr Index item_tile = 128;
/// Largest width of a table.
inline constexpr Index widest_item = 2048;

template <class T>
struct ItemTile {
  alignas(64) T rows[std::size_t{item_tile * item_tile}];    ///< the items' vectors
  alignas(64) T scores[std::size_t{item_tile * item_tile}];  ///< items × columns
  std::int32_t row[std::size_t{item_tile}];
  T offset[std::size_t{item_tile}];  ///< added to an item's scores

  [[nodiscard]] static Index items(Index width) {
    return (std::min)(item_tile, (std::max)(Index{1}, item_tile * item_tile / width));
  }
  /// Copies the vector of an item to place `i`.
  template <class Items>
  void put(const Items& items, Index i, std::int32_t r, const T* table, Index width) {
    row[i] = r;
    std::copy_n(table + r * width, width, rows + i * width);
    if constexpr (Items::sampled) offset[i] = static_cast<T>(-items.log_expected(r));
  }
};

/// x ← e^x over `n` values after adding `shift`; returns their sum.
template <class T>
T exponentials_in_place(T* x, Index n, T shift) {
  if constexpr (std::is_same_v<T, float>) {
    Vector<T> sums{};
    T sum = 0;
    Index i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>) {
      const Vector<T> e = exponential(load(x + i) + shift);
      store<T>(x + i, e);
      sums += e;
    }
    for (int k = 0; k < static_cast<int>(lanes<T>); ++k) sum += sums[k];
    if (i == n) return sum;
    const PartOfRegister<T> rest{i, n - i};
    rest.put(x, exponential(rest.get(x) + shift));
    for (; i < n; ++i) sum += x[i];
    return sum;
  } else {
    T sum = 0;
    for (Index i = 0; i < n; ++i) sum += x[i] = std::exp(x[i] + shift);
    return sum;
  }
}

/// Running softmax of the columns of a chunk.
template <class T>
struct RunningSoftmax {
  T most[std::size_t{item_tile}], sum[std::size_t{item_tile}];
  std::int32_t target[std::size_t{item_tile}];

  /// Takes further scores of column j; returns the factor of what was summed before.
  T take(Index j, T* scores, Index n) {
    const T top = (std::max)(most[j], *std::max_element(scores, scores + n));
    const T keep = std::exp(most[j] - top);  // 0 at first, when `most` is −∞
    sum[j] = keep * sum[j] + exponentials_in_place(scores, n, -top);
    most[j] = top;
    return keep;
  }
};

template <class T>
void scale_by(T* x, Index n, T factor) {
  if (factor != T{1}) combine(x, x, n, [factor](auto, auto value) { return factor * value; });
}

}  // namespace ESPALIER_COMPILED_SET

/// For each column j of h (width × n) with a target y:
///   nll_j = log Σ_r e^z_r − z_y,  z_r = ⟨h_j, E_r⟩ over the items r
/// and 0 for the others. mean (width + 1) × n, unless its data is null: for the backward pass,
/// Σ_r p_r E_r with p = softmax(z), then log Σ_r e^z_r. The scores are not kept. With sampled
/// items, z_r is reduced by the logarithm of how often r is expected among the draws, the target is
/// an item too, and draws of it do not count (Bengio & Senécal 2008; Yi et al., RecSys 2019).
template <class T, class Items>
void item_softmax_forward(Device, const Items& items, const T* table, View<const T> h,
                          ItemTargets<T> targets, View<T> nll, View<T> mean) {
  const Index width = h.rows, most_items = ItemTile<T>::items(width);
  ItemTile<T> tile;
  RunningSoftmax<T> softmax;
  for (Index first = 0; first < h.cols; first += item_tile) {
    const Index n = (std::min)(item_tile, h.cols - first);
    const View<const T> x{h.column(first), width, n, h.stride};
    const bool keeps = mean.data != nullptr;
    const View<T> sums{keeps ? mean.column(first) : nullptr, width, n, mean.stride};
    bool any = false;
    for (Index j = 0; j < n; ++j) {
      softmax.most[j] = -std::numeric_limits<T>::infinity();
      softmax.sum[j] = 0;
      softmax.target[j] = targets.next();
      any = any || softmax.target[j] > 0;
      nll(0, first + j) = 0;
    }
    if (!any) continue;
    for (Index i = 0; i < items.count; i += most_items) {
      const Index m = (std::min)(most_items, items.count - i);
      const T* rows = table + items.row(i) * width;
      if constexpr (Items::sampled) {
        for (Index k = 0; k < m; ++k) tile.put(items, k, items.row(i + k), table, width);
        rows = tile.rows;
      }
      const View<T> scores{tile.scores, m, n, m};
      dense_forward<T>(Device{}, rows, Items::sampled ? tile.offset : nullptr, x,
                       Activation::identity, {}, scores);
      for (Index j = 0; j < n; ++j) {
        T* const z = scores.column(j);
        if constexpr (Items::sampled) {
          for (Index k = 0; k < m; ++k) {
            if (tile.row[k] == softmax.target[j]) z[k] = std::numeric_limits<T>::lowest();
          }
        }
        const T keep = softmax.take(j, z, m);
        if (keeps && i > 0) scale_by(sums.column(j), width, keep);
      }
      if (keeps) dense_input_gradient<T>(Device{}, rows, as_const(scores), sums, i > 0);
    }
    for (Index j = 0; j < n; ++j) {
      const std::int32_t y = softmax.target[j];
      if (y == 0) continue;
      const T* const item = table + y * width;
      T score = dot(x.column(j), item, width);
      if constexpr (Items::sampled) {
        T own = score -= static_cast<T>(items.log_expected(y));
        const T keep = softmax.take(j, &own, 1);
        if (keeps) {
          combine(sums.column(j), item, width,
                  [keep, own](auto sum, auto e) { return keep * sum + own * e; });
        }
      }
      const T log_sum = softmax.most[j] + std::log(softmax.sum[j]);
      nll(0, first + j) = log_sum - score;
      if (!keeps) continue;
      scale_by(sums.column(j), width, T{1} / softmax.sum[j]);
      mean(width, first + j) = log_sum;
    }
  }
}

/// With s_j = dnll_j, or 0 if column j has no target: dh_j (+)= s_j (mean_j − E_y), unless the data
/// of dh is null; kept (width + 2) × n receives −s_j h_j, s_j and s_j log Σ_r e^z_r, from which
/// item_row_gradients() makes the table's gradient. All are linear in s.
template <class T>
void item_softmax_backward(Device, const T* table, View<const T> h, ItemTargets<T> targets,
                           View<const T> mean, View<const T> dnll, View<T> dh, bool accumulate,
                           View<T> kept) {
  const Index width = h.rows;
  for (Index j = 0; j < h.cols; ++j) {
    const std::int32_t y = targets.next();
    const T s = y > 0 ? dnll(0, j) : T{0};
    T* const to = kept.column(j);
    to[width] = s;
    to[width + 1] = s != 0 ? s * mean(width, j) : T{0};
    const T *const x = h.column(j), *const m = mean.column(j), *const item = table + y * width;
    if (s == 0) {
      std::fill_n(to, width, T{0});
      if (dh.data != nullptr && !accumulate) std::fill_n(dh.column(j), width, T{0});
      continue;
    }
    combine(to, x, width, [s](auto, auto value) { return -s * value; });
    if (dh.data == nullptr) continue;
    T* const d = dh.column(j);
    if (accumulate) {
      combine(d, m, width, [s](auto sum, auto value) { return sum + s * value; });
    } else {
      combine(d, m, width, [s](auto, auto value) { return s * value; });
    }
    combine(d, item, width, [s](auto sum, auto value) { return sum - s * value; });
  }
}

/// Calls add(row, gradient) with what the columns of `kept` (see item_softmax_backward()) add to
/// the rows of a table whose number modulo `parts` is `part`:
///   dE_r = Σ_j p_rj s_j h_j − Σ_{j: y_j = r} s_j h_j
/// The same rows in the same order for any s. A row may come more than once.
template <class T, class Items, class Add>
void item_row_gradients(Device, const Items& items, const T* table, View<const T> kept,
                        const ItemTargets<T>& targets, int part, int parts, const Add& add) {
  const Index width = kept.rows - 2, most_items = ItemTile<T>::items(width);
  ItemTile<T> tile;
  alignas(64) T sums[std::size_t{item_tile * item_tile}];
  const auto is_mine = [&](std::int32_t row) { return (row & (parts - 1)) == part; };
  const auto flush = [&](Index m) {
    std::fill_n(sums, m * width, T{0});
    ItemTargets<T> next = targets;
    for (Index first = 0; first < kept.cols; first += item_tile) {
      const Index n = (std::min)(item_tile, kept.cols - first);
      const View<const T> g{kept.column(first), width, n, kept.stride};
      const View<T> weights{tile.scores, m, n, m};
      dense_forward<T>(Device{}, tile.rows, nullptr, g, Activation::identity, {}, weights);
      for (Index j = 0; j < n; ++j) {
        T* const p = weights.column(j);
        const std::int32_t y = Items::sampled ? next.next() : 0;
        const T s = g.column(j)[width];
        if (s == 0) {
          std::fill_n(p, m, T{0});
          continue;
        }
        const T to_score = -1 / s, log_sum = g.column(j)[width + 1] / s;
        const T* const offset = tile.offset;
        for_places<T>(m, [=](const auto& at) {
          auto z = at.get(p) * to_score - log_sum;
          if constexpr (Items::sampled) {
            z += at.get(offset);
          } else {
            z = z > T{0} ? decltype(z){} : z;  // rounding: a probability is at most 1
          }
          at.put(p, -exponential(z));
        });
        for (Index k = 0; Items::sampled && k < m; ++k) {
          if (tile.row[k] == y) p[k] = 0;
        }
      }
      dense_weight_gradient<T>(Device{}, as_const(weights), g, sums, nullptr);
    }
    for (Index k = 0; k < m; ++k) add(tile.row[k], sums + k * width);
  };
  Index m = 0;
  for (Index i = 0; i < items.count; ++i) {
    const std::int32_t row = items.row(i);
    if (!is_mine(row)) continue;
    tile.put(items, m++, row, table, width);
    if (m == most_items) {
      flush(m);
      m = 0;
    }
  }
  if (m > 0) flush(m);
  ItemTargets<T> next = targets;
  for (Index j = 0; j < kept.cols; ++j) {
    const std::int32_t y = next.next();
    if (y == 0 || !is_mine(y)) continue;
    const T* const g = kept.column(j);
    if constexpr (Items::sampled) {
      const T s = g[width];
      const T z = s == 0 ? T{0} : (-dot(g, table + y * width, width) - g[width + 1]) / s;
      const T rest = s == 0 ? T{0} : T{1} - std::exp(z - static_cast<T>(items.log_expected(y)));
      combine(sums, g, width, [rest](auto, auto value) { return rest * value; });
      add(y, sums);
    } else {
      add(y, g);
    }
  }
}

}  // namespace espalier::cpu
