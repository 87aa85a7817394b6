// SPDX-License-Identifier: Apache-2.0
// Layer normalisation and batch normalisation.
#pragma once

#include <cmath>

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// x̂ = (x − mean) · r, r = 1 / √(variance + ε), over a column;  y = gain ∘ x̂ + shift.
///
///   cache: mean, r
///   dgain += Σ dy ∘ x̂;  dshift += Σ dy
///   dx = r (d − mean(d) − x̂ · mean(d ∘ x̂)),  d = gain ∘ dy
/// Ba, Kiros & Hinton 2016.
struct LayerNorm {
  static constexpr std::string_view name = "layer_norm";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.like(n.out) && n.cache.is(2, n.in.steps) && n.parameters[0].size == n.in.rows &&
             n.parameters[1].size == n.in.rows;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: LayerNorm gives as many values and steps as it takes, has a gain and a shift "
          "for each value, and a cache of two values a step");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    layer_norm_forward(c.device, as_const(c.value(n.in)), c.parameter(n.parameters[0]),
                       c.parameter(n.parameters[1]), n.epsilon, c.value(n.cache), c.value(n.out));
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    layer_norm_backward(
        c.device, as_const(c.value(n.in)), c.parameter(n.parameters[0]), as_const(c.value(n.cache)),
        as_const(c.gradient(n.out)), c.parameter_gradient(n.parameters[0]),
        c.parameter_gradient(n.parameters[1]),
        n.in.gradient ? c.gradient(n.in) : View<typename C::Scalar>{}, n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {8 * values, 12 * values, 8 * values};
  }
};

/// Batch normalisation, first half: the moments of every row over the whole batch. Each microbatch
/// writes its count, means and sums of squared deviations to its scratch; merge_forward combines
/// them in the order of the microbatches (Chan, Golub & LeVeque 1983) and updates the running
/// statistics. Ioffe & Szegedy 2015.
///
///   merged: 1 + 4 · rows values: count, means, r = 1 / √(variance + ε);
///           after backward also Σ dy, Σ dy ∘ x̂
struct BatchMoments {
  static constexpr std::string_view name = "batch_moments";
  static constexpr double momentum = 0.1;

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.like(n.out) && n.scratch >= 0 && n.scratch_size == 4 * n.in.rows + 1 &&
             n.parameters[0].size == n.in.rows && n.parameters[1].size == n.in.rows &&
             n.parameters[2].size == n.in.rows && n.parameters[3].size == n.in.rows;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: BatchMoments has gain, shift, running mean and variance for each value, "
          "scratch of four times as many and one, and an output like its input");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    if (c.training) batch_moments(c.device, as_const(c.value(n.in)), c.scratch + n.scratch);
  }

  template <class T>
  static void merge_forward(const Node& n, const T* parts, Index stride, Index count, T* parameters,
                            T* merged) {
    const Index rows = n.in.rows;
    for (Index i = 0; i < rows; ++i) {
      double total = 0, mean = 0, deviations = 0;
      for (Index s = 0; s < count; ++s) {
        const T* part = parts + s * stride;
        const double samples = static_cast<double>(part[0]);
        if (samples == 0) continue;
        const double delta = static_cast<double>(part[1 + i]) - mean;
        const double both = total + samples;
        mean += delta * samples / both;
        deviations +=
            static_cast<double>(part[1 + rows + i]) + delta * delta * total * samples / both;
        total = both;
      }
      const double variance = total > 0 ? deviations / total : 0;
      merged[0] = static_cast<T>(total);
      merged[1 + i] = static_cast<T>(mean);
      merged[1 + rows + i] = static_cast<T>(1 / std::sqrt(variance + n.epsilon));
      if (total == 0) continue;  // no sample has a step
      T& running_mean = parameters[n.parameters[2].offset + i];
      T& running_variance = parameters[n.parameters[3].offset + i];
      const double unbiased = total > 1 ? deviations / (total - 1) : variance;
      running_mean += static_cast<T>(momentum * (mean - static_cast<double>(running_mean)));
      running_variance +=
          static_cast<T>(momentum * (unbiased - static_cast<double>(running_variance)));
    }
  }

  /// dx = gain · r · (dy − Σ dy / N − x̂ · Σ(dy ∘ x̂) / N)
  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    batch_norm_input_gradient(c.device, as_const(c.value(n.in)), c.parameter(n.parameters[0]),
                              c.merged + n.scratch, as_const(c.gradient(n.out)), c.gradient(n.in),
                              n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.in.rows) * n.in.steps;
    return {4 * values, 6 * values, 4 * values};
  }
};

/// Second half: y = gain ∘ x̂ + shift, with the batch's moments in training and the running ones in
/// inference.
struct BatchNormalize {
  static constexpr std::string_view name = "batch_normalize";

  struct Shape {
    static constexpr bool holds(const Node& n) { return BatchMoments::Shape::holds(n); }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: BatchNormalize has gain, shift, running mean and variance for each value, "
          "scratch of four times as many and one, and an output like its input");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    if (c.training) {
      const auto* moments = c.merged + n.scratch;
      batch_normalize(c.device, as_const(c.value(n.in)), c.parameter(n.parameters[0]),
                      c.parameter(n.parameters[1]), moments + 1, moments + 1 + n.in.rows, false,
                      n.epsilon, c.value(n.out));
    } else {
      batch_normalize(c.device, as_const(c.value(n.in)), c.parameter(n.parameters[0]),
                      c.parameter(n.parameters[1]), c.parameter(n.parameters[2]),
                      c.parameter(n.parameters[3]), true, n.epsilon, c.value(n.out));
    }
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    batch_norm_sums(c.device, as_const(c.value(n.in)), c.merged + n.scratch,
                    as_const(c.gradient(n.out)), c.scratch + n.scratch,
                    c.parameter_gradient(n.parameters[0]), c.parameter_gradient(n.parameters[1]));
  }

  /// Σ dy and Σ dy ∘ x̂ over all microbatches, for BatchMoments::backward.
  template <class T>
  static void merge_backward(const Node& n, const T* parts, Index stride, Index count, T*,
                             T* merged) {
    const Index rows = n.in.rows;
    for (Index i = 0; i < 2 * rows; ++i) {
      double sum = 0;
      for (Index s = 0; s < count; ++s) sum += static_cast<double>(parts[s * stride + 1 + i]);
      merged[1 + 2 * rows + i] = static_cast<T>(sum);
    }
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {2 * values, 4 * values, 8 * values};
  }
};

}  // namespace espalier::ops
