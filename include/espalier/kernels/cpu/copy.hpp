// SPDX-License-Identifier: Apache-2.0
// Copies, sums, and lookups of embedding table rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "espalier/core/view.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/reduced_precision_kernels.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// y = x, or y += x if `accumulate`.
template <class T>
void copy(Device, View<const T> x, View<T> y, bool accumulate) {
  for (Index j = 0; j < x.cols; ++j) {
    const T* from = x.column(j);
    T* to = y.column(j);
    if (accumulate) {
      combine(to, from, x.rows, [](auto sum, auto more) { return sum + more; });
    } else {
      copy_few(from, x.rows, to);
    }
  }
}

/// y = value.
template <class T>
void fill(Device, T value, View<T> y) {
  for (Index j = 0; j < y.cols; ++j) std::fill_n(y.column(j), y.rows, value);
}

/// y_j = row ids[j] of the table. Rows have y.rows values.
template <class T>
void gather(Device device, std::type_identity_t<Stored<T>> rows, const std::int32_t* ids,
            View<T> y) {
  if (rows.bf16 != nullptr) return reduced_precision_kernels<T>(device)->gather(rows.bf16, ids, y);
  constexpr Index ahead = 8;
  const T* const table = rows.values;
  for (Index j = 0; j < y.cols; ++j) {
    if (j + ahead < y.cols) prefetch_row(table + ids[j + ahead] * y.rows, y.rows);
    copy_few(table + ids[j] * y.rows, y.rows, y.column(j));
  }
}

/// y_j = the sum, or the mean, of the rows ids[offsets[j]] … ids[offsets[j + 1] − 1]; 0 if there
/// are none.
template <class T>
void gather_pooled(Device device, std::type_identity_t<Stored<T>> rows, const std::int32_t* ids,
                   const std::int32_t* offsets, bool mean, View<T> y) {
  if (rows.bf16 != nullptr) {
    return reduced_precision_kernels<T>(device)->gather_pooled(rows.bf16, ids, offsets, mean, y);
  }
  for (Index j = 0; j < y.cols; ++j) {
    T* to = y.column(j);
    std::fill_n(to, y.rows, T{0});
    const std::int32_t begin = offsets[j], end = offsets[j + 1];
    for (std::int32_t k = begin; k < end; ++k) {
      const T* row = rows.values + ids[k] * y.rows;
      combine(to, row, y.rows, [](auto sum, auto more) { return sum + more; });
    }
    if (!mean || end - begin < 2) continue;
    const T scale = T{1} / static_cast<T>(end - begin);
    for (Index i = 0; i < y.rows; ++i) to[i] *= scale;
  }
}

}  // namespace espalier::cpu
