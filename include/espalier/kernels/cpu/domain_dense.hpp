// SPDX-License-Identifier: Apache-2.0
// Fully connected layers whose weights are a shared matrix times the matrix of the sample's domain,
// element by element.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "espalier/core/view.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gemm_dot.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/limits.hpp"

namespace espalier::cpu {

namespace detail {

constexpr Index domain_tile =
    256;  // columns sorted at a time, and inputs whose weights are multiplied at a time

/// Columns sorted by domain, so that W ∘ W_p is computed once for all columns of domain p.
struct DomainOrder {
  std::array<Index, domain_tile> columns;
  std::array<Index, max_domains + 2>
      begin{};  ///< domain p: columns[begin[p]] … columns[begin[p + 1] − 1]

  DomainOrder(const std::int32_t* domain, Index first, Index count, Index domains) {
    for (Index j = 0; j < count; ++j) ++begin[static_cast<std::size_t>(domain[first + j] + 1)];
    std::array<Index, max_domains + 1> at;
    for (Index p = 0; p <= domains; ++p) {
      at[static_cast<std::size_t>(p)] = begin[static_cast<std::size_t>(p)];
      begin[static_cast<std::size_t>(p + 1)] += begin[static_cast<std::size_t>(p)];
    }
    for (Index j = 0; j < count; ++j) {
      columns[static_cast<std::size_t>(at[static_cast<std::size_t>(domain[first + j])]++)] =
          first + j;
    }
  }

  /// Calls f(column) for each column of domain p.
  template <class F>
  void each(Index p, F f) const {
    for (Index i = begin[static_cast<std::size_t>(p)]; i < begin[static_cast<std::size_t>(p + 1)];
         ++i) {
      f(columns[static_cast<std::size_t>(i)]);
    }
  }
  [[nodiscard]] bool has(Index p) const {
    return begin[static_cast<std::size_t>(p)] < begin[static_cast<std::size_t>(p + 1)];
  }
};

/// to = a ∘ b, or to = a if b is null.
template <class T>
void product_of(const T* a, const T* b, Index count, T* to) {
  std::copy_n(a, count, to);
  if (b != nullptr) combine(to, b, count, [](auto value, auto factor) { return value * factor; });
}

/// to += Σ_r by_r from_r.
template <std::size_t Many, class T>
void add_multiples(const T* const* from, const T* by, Index count, T* to) {
  Index i = 0;
  for (; i + lanes<T> <= count; i += lanes<T>) {
    Vector<T> sum = load(to + i);
    ESPALIER_UNROLL
    for (std::size_t r = 0; r < Many; ++r) sum += by[r] * load(from[r] + i);
    store<T>(to + i, sum);
  }
  for (; i < count; ++i) {
    for (std::size_t r = 0; r < Many; ++r) to[i] += by[r] * from[r][i];
  }
}

/// The same for any number of rows, four at a time: from(r) and by(r) for r < many.
template <class T, class From, class By>
void add_all_multiples(Index many, From from, By by, Index count, T* to) {
  for (Index r = 0; r < many;) {
    const T* rows[4];
    T times[4];
    const Index now = many - r >= 4 ? 4 : 1;
    for (Index k = 0; k < now; ++k) {
      rows[k] = from(r + k);
      times[k] = by(r + k);
    }
    if (now == 4) {
      add_multiples<4>(rows, times, count, to);
    } else {
      add_multiples<1>(rows, times, count, to);
    }
    r += now;
  }
}

/// Rows [row, row + Rows) of W ∘ W_p, inputs [at, at + count). to: Rows × domain_tile, row-major.
template <Index Rows, class T>
void product_rows(const T* w, const T* factors, Index inputs, Index row, Index at, Index count,
                  T* to) {
  for (Index r = 0; r < Rows; ++r) {
    const Index place = (row + r) * inputs + at;
    product_of(w + place, factors == nullptr ? nullptr : factors + place, count,
               to + r * domain_tile);
  }
}

/// Adds (W ∘ W_p) x_j to y_j, in rows [row, row + Rows), for all columns j of domain p.
/// factors: W_p, or null for p = 0.
template <Index Rows, class T>
void domain_rows(const DomainOrder& order, Index p, const T* w, const T* factors, View<const T> x,
                 Index row, View<T> y) {
  T product[std::size_t{Rows * domain_tile}], dots[std::size_t{Rows * 2}];
  const Index begin = order.begin[static_cast<std::size_t>(p)],
              end = order.begin[static_cast<std::size_t>(p + 1)];
  for (Index at = 0; at < x.rows; at += domain_tile) {
    const Index count = (std::min)(domain_tile, x.rows - at);
    product_rows<Rows>(w, factors, x.rows, row, at, count, product);
    for (Index i = begin; i < end;) {
      const Index j = order.columns[static_cast<std::size_t>(i)];
      const Index two = i + 1 < end ? 2 : 1;
      const Index next = two == 2 ? order.columns[static_cast<std::size_t>(i + 1)] : j;
      const T* const from = x.column(j) + at;
      if (two == 2) {
        dot_tile<T, static_cast<int>(Rows), 2>(count, product, domain_tile, from,
                                               (next - j) * x.stride, dots);
      } else {
        dot_tile<T, static_cast<int>(Rows), 1>(count, product, domain_tile, from, 0, dots);
      }
      for (Index r = 0; r < Rows; ++r) {
        y(row + r, j) += dots[r * two];
        if (two == 2) y(row + r, next) += dots[r * 2 + 1];
      }
      i += two;
    }
  }
}

/// dx_j += Σ_r dy_rj (W ∘ W_p)_r for r in [row, row + Rows), for all columns j of domain p.
template <Index Rows, class T>
void domain_input_rows(const DomainOrder& order, Index p, const T* w, const T* factors,
                       View<const T> dy, Index row, View<T> dx) {
  T product[std::size_t{Rows * domain_tile}];
  const T* rows[std::size_t{Rows}];
  for (Index r = 0; r < Rows; ++r) rows[r] = product + r * domain_tile;
  for (Index at = 0; at < dx.rows; at += domain_tile) {
    const Index count = (std::min)(domain_tile, dx.rows - at);
    product_rows<Rows>(w, factors, dx.rows, row, at, count, product);
    order.each(p, [&](Index j) {
      add_multiples<std::size_t{Rows}>(rows, dy.column(j) + row, count, dx.column(j) + at);
    });
  }
}

}  // namespace detail

/// y_j = (W ∘ W_p) x_j + b + b_p with p = domain[j] from 1 to `domains`; W x_j + b for p = 0.
/// W: outputs × inputs, row-major; factors: W_1, W_2, …, contiguous; shifts: b_1, b_2, …,
/// contiguous.
template <class T>
void domain_dense_forward(Device, const std::int32_t* domain, Index domains, const T* w,
                          const T* bias, const T* factors, const T* shifts, View<const T> x,
                          View<T> y) {
  for (Index first = 0; first < x.cols; first += detail::domain_tile) {
    const detail::DomainOrder order(domain, first, (std::min)(detail::domain_tile, x.cols - first),
                                    domains);
    for (Index p = 0; p <= domains; ++p) {
      if (!order.has(p)) continue;
      const T* const own = p == 0 ? nullptr : factors + (p - 1) * y.rows * x.rows;
      const T* const shift = p == 0 ? nullptr : shifts + (p - 1) * y.rows;
      order.each(p, [&](Index j) {
        for (Index i = 0; i < y.rows; ++i)
          y(i, j) = shift == nullptr ? bias[i] : bias[i] + shift[i];
      });
      Index row = 0;
      for (; row + 4 <= y.rows; row += 4) detail::domain_rows<4>(order, p, w, own, x, row, y);
      for (; row < y.rows; ++row) detail::domain_rows<1>(order, p, w, own, x, row, y);
    }
  }
}

/// With G_p = Σ_{j of p} dy_j x_jᵀ: dW += Σ_p W_p ∘ G_p, dW_p += W ∘ G_p;
/// db += Σ_j dy_j, db_p += Σ_{j of p} dy_j; dx_j (+)= (W ∘ W_p)ᵀ dy_j, unless dx.data is null.
template <class T>
void domain_dense_backward(Device, const std::int32_t* domain, Index domains, const T* w,
                           const T* factors, View<const T> x, View<const T> dy, T* dw, T* dbias,
                           T* dfactors, T* dshifts, View<T> dx, bool accumulate) {
  if (dx.data != nullptr && !accumulate) {
    for (Index j = 0; j < dx.cols; ++j) std::fill_n(dx.column(j), dx.rows, T{0});
  }
  for (Index first = 0; first < x.cols; first += detail::domain_tile) {
    const detail::DomainOrder order(domain, first, (std::min)(detail::domain_tile, x.cols - first),
                                    domains);
    for (Index p = 0; p <= domains; ++p) {
      if (!order.has(p)) continue;
      const T* const own = p == 0 ? nullptr : factors + (p - 1) * dy.rows * x.rows;
      if (dx.data != nullptr) {
        Index row = 0;
        for (; row + 4 <= dy.rows; row += 4)
          detail::domain_input_rows<4>(order, p, w, own, dy, row, dx);
        for (; row < dy.rows; ++row) detail::domain_input_rows<1>(order, p, w, own, dy, row, dx);
      }
      const Index begin = order.begin[static_cast<std::size_t>(p)];
      const Index samples = order.begin[static_cast<std::size_t>(p + 1)] - begin;
      const auto column = [&](Index i) {
        return order.columns[static_cast<std::size_t>(begin + i)];
      };
      for (Index row = 0; row < dy.rows; ++row) {
        T sum = 0;
        order.each(p, [&](Index j) { sum += dy(row, j); });
        dbias[row] += sum;
        if (p > 0) dshifts[(p - 1) * dy.rows + row] += sum;
        for (Index at = 0; at < x.rows; at += detail::domain_tile) {
          const Index count = (std::min)(detail::domain_tile, x.rows - at),
                      place = row * x.rows + at;
          T outer[detail::domain_tile]{};
          detail::add_all_multiples<T>(
              samples, [&](Index i) { return x.column(column(i)) + at; },
              [&](Index i) { return dy(row, column(i)); }, count, outer);
          if (p == 0) {
            combine(dw + place, outer, count, [](auto value, auto more) { return value + more; });
            continue;
          }
          T* const to_own = dfactors + (p - 1) * dy.rows * x.rows + place;
          for (Index i = 0; i < count; ++i) {
            dw[place + i] += own[place + i] * outer[i];
            to_own[i] += w[place + i] * outer[i];
          }
        }
      }
    }
  }
}

}  // namespace espalier::cpu
