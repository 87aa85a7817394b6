// SPDX-License-Identifier: Apache-2.0
// Fully connected layers: forward pass with bias and activation, both gradients, activations.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "espalier/core/view.hpp"
#include "espalier/kernels/bfloat16.hpp"
#include "espalier/kernels/cpu/device.hpp"
#include "espalier/kernels/cpu/gelu.hpp"
#include "espalier/kernels/cpu/gemm.hpp"
#include "espalier/kernels/cpu/places.hpp"
#include "espalier/kernels/cpu/reduced_precision_kernels.hpp"
#include "espalier/kernels/cpu/simd.hpp"

namespace espalier::cpu {

/// y = act(x) of a column. Exponentials of floats are of registers, the same for every place.
template <class T>
void activate_column(Activation activation, const T* from, Index rows, T* to) {
  switch (activation) {
    case Activation::sigmoid:
      return for_places<T>(rows, [=](const auto& at) { at.put(to, sigmoid(at.get(from))); });
    case Activation::silu:
      return for_places<T>(rows, [=](const auto& at) {
        const auto x = at.get(from);
        at.put(to, x * sigmoid(x));
      });
    case Activation::gelu:
      return for_places<T>(rows, [=](const auto& at) { at.put(to, gelu(at.get(from))); });
    case Activation::tanh:
      return for_places<T>(rows,
                           [=](const auto& at) { at.put(to, hyperbolic_tangent(at.get(from))); });
    default:
      for (Index i = 0; i < rows; ++i) to[i] = activate(activation, from[i]);
  }
}

/// y = act(x), elementwise. y may be x.
template <class T>
void activation_forward(Device, Activation activation, View<const T> x, View<T> y) {
  for (Index j = 0; j < y.cols; ++j) {
    const T* from = x.column(j);
    T* to = y.column(j);
    if (activation == Activation::relu) {
      combine(to, from, from, y.rows, [](auto value, auto) {
        const decltype(value) zero{};
        return value < zero ? zero : value;  // NaN stays NaN
      });
      continue;
    }
    activate_column(activation, from, y.rows, to);
  }
}

/// y = act(W x + b). W: outputs × inputs, row-major. b: one value per output, or null.
/// x: inputs × n, y: outputs × n.
/// pre = W x + b, unless its data is null; only for activations that need it.
template <class T>
void dense_forward(Device device, std::type_identity_t<Stored<T>> w, const T* bias, View<const T> x,
                   Activation activation, View<T> pre, View<T> y) {
  const bool in_registers = activation == Activation::identity || activation == Activation::relu ||
                            activation == Activation::leaky_relu;
  const View<T> first = pre.data != nullptr ? pre : y;
  const GemmOutput<T> to{first.data, first.stride, false, bias,
                         in_registers ? activation : Activation::identity};
  if (const auto* reduced = reduced_precision_kernels<T>(device)) {
    reduced->forward(w, y.rows, x, to);
  } else if (w.packed != nullptr && x.cols == 1) {
    packed_times<T>(y.rows, x.rows, w.packed, w.values, x.data, to);
  } else {
    gemm<T>(y.rows, x.cols, x.rows, {w.values, x.rows, 1}, {x.data, 1, x.stride}, to);
  }
  if (!in_registers) activation_forward(device, activation, as_const(first), y);
}

/// dx = Wᵀ dy, or dx += Wᵀ dy if `accumulate`.
template <class T>
void dense_input_gradient(Device device, const T* w, View<const T> dy, View<T> dx,
                          bool accumulate) {
  if (const auto* reduced = reduced_precision_kernels<T>(device))
    return reduced->input_gradient(w, dy, dx, accumulate);
  gemm<T>(dx.rows, dy.cols, dy.rows, {w, 1, dx.rows}, {dy.data, 1, dy.stride},
          {dx.data, dx.stride, accumulate, nullptr, Activation::identity});
}

/// to_i += Σ_j v_ij, four samples at a time, to shorten the chain of dependent additions.
template <class T>
void add_columns(View<const T> v, T* to) {
  Index j = 0;
  for (; j + 4 <= v.cols; j += 4) {
    const T *const a = v.column(j), *const b = v.column(j + 1), *const c = v.column(j + 2),
                   *const d = v.column(j + 3);
    Index i = 0;
    for (; i + lanes<T> <= v.rows; i += lanes<T>)
      store<T>(to + i, load(to + i) + ((load(a + i) + load(b + i)) + (load(c + i) + load(d + i))));
    for (; i < v.rows; ++i) to[i] += (a[i] + b[i]) + (c[i] + d[i]);
  }
  for (; j < v.cols; ++j)
    combine(to, v.column(j), v.rows, [](auto sum, auto value) { return sum + value; });
}

/// The same. If samples are contiguous and shorter than a register, several are added as if they
/// were one longer sample.
template <class T>
void add_samples(View<const T> v, T* to) {
  constexpr Index group = lanes<T>;
  const Index groups = v.cols / group;
  if (v.rows < group && v.stride == v.rows && groups > 1) {
    const Index rows = v.rows * group;
    T sums[std::size_t{group * group}];
    std::fill_n(sums, rows, T{0});
    add_columns<T>({v.data, rows, groups, rows}, sums);
    for (Index i = 0; i < rows; ++i) to[i % v.rows] += sums[i];
    v = {v.column(groups * group), v.rows, v.cols % group, v.stride};
  }
  add_columns(v, to);
}

template <class T>
void add_samples(Device, View<const T> v, T* to) {
  add_samples(v, to);
}

/// dW += dy xᵀ (outputs × inputs, row-major); db += Σ_j dy_j, unless db is null.
template <class T>
void dense_weight_gradient(Device device, View<const T> dy, View<const T> x, T* dw, T* db) {
  if (const auto* reduced = reduced_precision_kernels<T>(device)) {
    reduced->weight_gradient(dy, x, dw);
  } else {
    // Read as column-major, dW is dWᵀ = x dyᵀ.
    gemm<T>(x.rows, dy.rows, x.cols, {x.data, 1, x.stride}, {dy.data, dy.stride, 1},
            {dw, x.rows, true, nullptr, Activation::identity});
  }
  if (db != nullptr) add_samples(dy, db);
}

/// δ = dy ∘ act′. `pre` is read only if the activation needs it. δ may be dy.
template <class T>
void activation_backward(Device, Activation activation, View<const T> pre, View<const T> y,
                         View<const T> dy, View<T> delta) {
  if (activation == Activation::identity && delta.data == dy.data) return;
  for (Index j = 0; j < dy.cols; ++j) {
    const T *const post = y.column(j), *const from = dy.column(j);
    T* const to = delta.column(j);
    if (activation == Activation::identity) {
      copy_few(from, dy.rows, to);
    } else if (activation == Activation::relu) {
      combine(to, from, post, dy.rows, [](auto gradient, auto after) {
        const decltype(gradient) zero{};
        return after > zero ? gradient : zero;
      });
    } else if (activation == Activation::silu) {
      const T* const before = pre.column(j);
      for_places<T>(dy.rows, [=](const auto& at) {
        const auto x = at.get(before), s = sigmoid(x);
        at.put(to, at.get(from) * (s * (x * (T{1} - s) + T{1})));
      });
    } else if (activation == Activation::gelu) {
      const T* const before = pre.column(j);
      for_places<T>(dy.rows, [=](const auto& at) {
        at.put(to, at.get(from) * gelu_derivative(at.get(before)));
      });
    } else {
      const T* const before = pre.data != nullptr ? pre.column(j) : post;
      for (Index i = 0; i < dy.rows; ++i)
        to[i] = from[i] * activation_derivative(activation, before[i], post[i]);
    }
  }
}

/// The same, in place.
template <class T>
void activation_backward(Device device, Activation activation, View<const T> pre, View<const T> y,
                         View<T> dy) {
  activation_backward(device, activation, pre, y, as_const(dy), dy);
}

}  // namespace espalier::cpu
