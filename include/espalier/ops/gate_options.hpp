// SPDX-License-Identifier: Apache-2.0
// Options of softmax gates: dropout of experts, and a loss that balances their load.
#pragma once

#include <array>

#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// In training y = m ∘ g / Σ m g in each of `groups` parts, where m_e is 0 with probability
/// `dropout_rate`, else 1; y = g if no weight is left. In inference y = g.
struct GateDropout {
  static constexpr std::string_view name = "gate_dropout";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.like(n.out) && n.groups > 0 && n.in.rows % n.groups == 0;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: GateDropout gives as many values and steps as it takes, in groups that divide "
          "them");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    const auto g = as_const(c.value(n.in));
    if (c.training) {
      c.each_numbered(n.in.steps, [&](ColumnRange columns, Index number) {
        gate_dropout_forward(c.device, columns.of(g), Index{n.groups}, n.dropout_rate, c.key_of(n),
                             number, columns.of(c.value(n.out)));
      });
    } else {
      copy(c.device, g, c.value(n.out), false);
    }
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    if (!n.in.gradient) return;
    c.each_numbered(n.in.steps, [&](ColumnRange columns, Index number) {
      gate_dropout_backward(
          c.device, as_const(columns.of(c.value(n.in))), as_const(columns.of(c.value(n.out))),
          as_const(columns.of(c.gradient(n.out))), Index{n.groups}, n.dropout_rate, c.key_of(n),
          number, columns.of(c.gradient(n.in)), n.accumulate_in);
    });
  }

  static constexpr Cost cost(const Node& n) {
    const double values = static_cast<double>(n.out.rows) * n.out.steps;
    return {6 * values, 8 * values, 8 * values};
  }
};

/// The load of gates over the whole batch, L_e = Σ_j w_j g_ej / Σ_j w_j, or 0 if Σ_j w_j is 0.
/// LoadBalance reads it.
///
///   merged: 1 + rows values: Σ_j w_j, L
struct GateLoad {
  static constexpr std::string_view name = "gate_load";

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.steps == 1 && n.scratch >= 0 && n.scratch_size == n.in.rows + 1;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: GateLoad takes gates without steps, and has scratch for a value each and the "
          "weight of all");
    }
  };

  template <class C>
  static void forward(const Node& n, const C& c) {
    if (c.training)
      gate_load(c.device, as_const(c.value(n.in)), c.sample_weights(), c.scratch + n.scratch);
  }

  template <class T>
  static void merge_forward(const Node& n, const T* parts, Index stride, Index count, T*,
                            T* merged) {
    for (Index e = 0; e <= n.in.rows; ++e) {
      double sum = 0;
      for (Index s = 0; s < count; ++s) sum += static_cast<double>(parts[s * stride + e]);
      merged[e] = static_cast<T>(e == 0          ? sum
                                 : merged[0] > 0 ? sum / static_cast<double>(merged[0])
                                                 : 0.0);
    }
  }

  template <class C>
  static void backward(const Node&, const C&) {}

  static constexpr Cost cost(const Node& n) { return {2.0 * n.in.rows, 0, 4.0 * n.in.rows}; }
};

/// An auxiliary loss: λ · CV² = λ · (E Σ_e L_e² − 1) in each of `groups` parts, λ = `loss_weight`,
/// CV the coefficient of variation of the load.
///
///   dg_ej = λ · 2 E L_e w_j / Σ w
/// Part of the loss of task `loss`. If `loss` is −1, group k belongs to task k, or a single group
/// is split equally among all tasks. Shazeer et al., Outrageously large neural networks, ICLR 2017.
struct LoadBalance {
  static constexpr std::string_view name = "load_balance";
  static constexpr std::size_t most = 64;  ///< groups: the maximum number of tasks of a model

  struct Shape {
    static constexpr bool holds(const Node& n) {
      return n.in.steps == 1 && n.scratch >= 0 && n.scratch_size == n.in.rows + 1 && n.groups > 0 &&
             n.groups <= static_cast<int>(most) && n.in.rows % n.groups == 0;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(
          Holds,
          "espalier: LoadBalance takes gates without steps, in at most 64 groups that divide them, "
          "and the scratch of their load");
    }
  };

  /// Keeps one task's group if there are several, else the task's share of the term.
  static constexpr void keep_task(Node& n, int task, int tasks) {
    if (n.loss >= 0) return;
    if (n.groups > 1) {
      const int experts = n.in.rows / n.groups;
      n.in = n.in.slice(task * experts, experts);
      n.scratch += task * experts;
      n.groups = 1;
    } else {
      n.loss_weight /= tasks;
    }
    n.loss = task;
  }

  template <class C>
  static void forward(const Node& n, const C& c) {
    if (!c.training || c.auxiliary == nullptr || c.first != 0) return;  // once per batch
    const auto* load = c.merged + n.scratch + 1;
    const int experts = n.in.rows / n.groups;
    for (int g = 0; g < n.groups; ++g) {
      double squares = 0;
      for (int e = 0; e < experts; ++e)
        squares +=
            static_cast<double>(load[g * experts + e]) * static_cast<double>(load[g * experts + e]);
      const double value = n.loss_weight * (experts * squares - 1) * c.batch_weight;
      const Index tasks = c.batch->labels.cols;
      if (n.loss >= 0 || n.groups > 1) {
        c.auxiliary[n.loss >= 0 ? n.loss : g] += value;
      } else {
        for (Index k = 0; k < tasks; ++k) c.auxiliary[k] += value / static_cast<double>(tasks);
      }
    }
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    using T = typename C::Scalar;
    const int experts = n.in.rows / n.groups;
    std::array<T, most> scales{};
    for (int g = 0; g < n.groups; ++g) {
      double scale = 0;
      const int tasks = static_cast<int>(c.batch->labels.cols);
      if (n.loss >= 0 || n.groups > 1) {
        scale = c.auxiliary_scale(n.loss >= 0 ? n.loss : g);
      } else {
        for (int k = 0; k < tasks; ++k) scale += c.auxiliary_scale(k) / tasks;
      }
      scales[static_cast<std::size_t>(g)] = static_cast<T>(n.loss_weight * 2 * experts * scale);
    }
    load_balance_backward(c.device, c.merged + n.scratch + 1, scales.data(), Index{n.groups},
                          c.sample_weights(), c.gradient(n.in), n.accumulate_in);
  }

  static constexpr Cost cost(const Node& n) { return {0, 3.0 * n.in.rows, 0}; }
};

}  // namespace espalier::ops
