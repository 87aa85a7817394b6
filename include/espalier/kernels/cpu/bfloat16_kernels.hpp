// SPDX-License-Identifier: Apache-2.0
// The reduced precision kernels in bf16. Layers with few inputs or outputs (heads, gates) stay in
// float: they cost little, and the model's predictions come from them.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "espalier/kernels/cpu/copy.hpp"
#include "espalier/kernels/cpu/gemm_pairs.hpp"
#include "espalier/kernels/cpu/reduced_precision_kernels.hpp"

namespace espalier::cpu::ESPALIER_COMPILED_SET {

/// T is float; a template parameter, so that naming this struct does not compile it. `Math`:
/// EmulatedPairs or NativePairs.
template <class T, class Math = MachinePairs>
struct BFloat16Kernels {
  static_assert(std::is_same_v<T, float>);

  /// A layer with fewer inputs or outputs is computed in float, unless it has more inputs than
  /// `widened_values`, the number of weights that are converted to float at a time.
  static constexpr Index least = 17;
  static constexpr Index widened_values = 32768;

  [[nodiscard]] static bool stays_float(Index outputs, Index inputs) {
    return (std::min)(outputs, inputs) < least && inputs <= widened_values;
  }

  static void forward(Stored<T> w, Index outputs, View<const T> x, const GemmOutput<T>& y) {
    const GemmInput<T> right{x.data, 1, x.stride};
    if (!stays_float(outputs, x.rows)) {
      if (w.bf16 != nullptr) {
        gemm_pairs<Math>(outputs, x.cols, x.rows, GemmInput<BFloat16>{w.bf16, x.rows, 1}, right, y);
      } else {
        gemm_pairs<Math>(outputs, x.cols, x.rows, GemmInput<T>{w.values, x.rows, 1}, right, y);
      }
    } else if (w.bf16 == nullptr) {
      gemm<T>(outputs, x.cols, x.rows, {w.values, x.rows, 1}, right, y);
    } else {
      widened_forward(w.bf16, outputs, x, y);
    }
  }

  static void input_gradient(const T* w, View<const T> dy, View<T> dx, bool accumulate) {
    const GemmInput<T> left{w, 1, dx.rows}, right{dy.data, 1, dy.stride};
    const GemmOutput<T> to{dx.data, dx.stride, accumulate, nullptr, Activation::identity};
    if (stays_float(dy.rows, dx.rows)) return gemm<T>(dx.rows, dy.cols, dy.rows, left, right, to);
    gemm_pairs<Math>(dx.rows, dy.cols, dy.rows, left, right, to);
  }

  static void weight_gradient(View<const T> dy, View<const T> x, T* dw) {
    const GemmInput<T> left{x.data, 1, x.stride}, right{dy.data, dy.stride, 1};
    const GemmOutput<T> to{dw, x.rows, true, nullptr, Activation::identity};
    if (stays_float(dy.rows, x.rows)) return gemm<T>(x.rows, dy.rows, x.cols, left, right, to);
    gemm_pairs<Math>(x.rows, dy.rows, x.cols, left, right, to);
  }

  static void gather(const BFloat16* table, const std::int32_t* ids, View<T> y) {
    constexpr Index ahead = 8;
    for (Index j = 0; j < y.cols; ++j) {
      if (j + ahead < y.cols) prefetch_row(table + ids[j + ahead] * y.rows, y.rows);
      widen(table + ids[j] * y.rows, y.rows, y.column(j));
    }
  }

  static void gather_pooled(const BFloat16* table, const std::int32_t* ids,
                            const std::int32_t* offsets, bool mean, View<T> y) {
    for (Index j = 0; j < y.cols; ++j) {
      T* const to = y.column(j);
      std::fill_n(to, y.rows, T{0});
      const std::int32_t begin = offsets[j], end = offsets[j + 1];
      for (std::int32_t k = begin; k < end; ++k) {
        const BFloat16* const row = table + ids[k] * y.rows;
        for (Index i = 0; i < y.rows; ++i) to[i] += static_cast<T>(row[i]);
      }
      if (!mean || end - begin < 2) continue;
      const T scale = T{1} / static_cast<T>(end - begin);
      for (Index i = 0; i < y.rows; ++i) to[i] *= scale;
    }
  }

  static void prepare_thread() {
    pair_room();
    widened_room();
  }

  static constexpr ReducedPrecisionKernels<T> all{&forward, &input_gradient, &weight_gradient,
                                                  &gather,  &gather_pooled,  &prepare_thread};

 private:
  static void widen(const BFloat16* from, Index n, T* to) {
    typename VectorOf<std::uint16_t, lanes<T>>::type halves;
    Index i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>) {
      std::memcpy(&halves, from + i, sizeof halves);
      const Pairs first = __builtin_convertvector(halves, Pairs);
      store<T>(to + i, first_of(first));
    }
    for (; i < n; ++i) to[i] = static_cast<T>(from[i]);
  }

  static T* widened_room() {
    thread_local Buffer<T> room(static_cast<std::size_t>(widened_values));
    return room.data();
  }

  /// Computes in float; converts as many rows of the weights at a time as the buffer can hold.
  static void widened_forward(const BFloat16* w, Index outputs, View<const T> x, GemmOutput<T> y) {
    const Index most = widened_values / x.rows;
    for (Index done = 0; done < outputs; done += most) {
      const Index rows = (std::min)(most, outputs - done);
      widen(w + done * x.rows, rows * x.rows, widened_room());
      gemm<T>(rows, x.cols, x.rows, {widened_room(), x.rows, 1}, {x.data, 1, x.stride}, y);
      y.data += rows;
      if (y.bias != nullptr) y.bias += rows;
    }
  }
};

}  // namespace espalier::cpu::ESPALIER_COMPILED_SET
