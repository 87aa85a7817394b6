// SPDX-License-Identifier: Apache-2.0
// Recurrent layers over the steps of a sample: GRU and LSTM.
#pragma once

#include "espalier/core/error.hpp"
#include "espalier/ops/context.hpp"

namespace espalier::ops {

/// What Gru and Lstm share: in has the gates' parts that come from the input, and is read by no
/// other node; parameters[0]: U, gates · H × H; parameters[1]: c, gates · H.
template <class Op, int Gates>
struct RecurrentOperation {
  struct Shape {
    static constexpr bool holds(const Node& n) {
      const Index gates = Index{Gates} * n.out.rows;
      return n.out.rows > 0 && n.in.is(Gates * n.out.rows, n.out.steps) &&
             n.cache.is(Op::cache_rows(n.out.rows), n.in.steps) &&
             n.room.is(Op::room_rows(n.out.rows), 1) &&
             n.parameters[0].size == gates * n.out.rows && n.parameters[1].size == gates;
    }
    template <bool Holds, Where At>
    static constexpr void say() {
      static_assert(Holds,
                    "espalier: Gru and Lstm take the gates of each step, and have recurrent "
                    "weights, a bias, a cache and room as cache_rows() and room_rows() tell");
    }
  };

  static void require_own_gates(const Node& n) {
    if (n.accumulate_in)
      throw_error<ConfigError>(
          {"'", n.name.view(), "': its gates are read by another operation, expected by it alone"});
  }

  static constexpr Cost cost(const Node& n) {
    const double products = 2.0 * Gates * n.out.rows * n.out.rows * n.in.steps;
    return {products, 2 * products, 4.0 * (n.in.rows + n.out.rows) * n.in.steps};
  }
};

/// y = the state after each step, of gated recurrent units; gates in the order r, z, n: see
/// kernels/cpu/gru.hpp.
struct Gru : RecurrentOperation<Gru, 3> {
  static constexpr std::string_view name = "gru";
  static constexpr int cache_rows(int width) { return 4 * width; }
  static constexpr int room_rows(int width) { return 4 * width; }

  template <class C>
  static void forward(const Node& n, const C& c) {
    gru_forward(c.device, c.parameter(n.parameters[0]), c.parameter(n.parameters[1]),
                as_const(c.value(n.in)), c.segments(n.in.steps), n.from_last, c.value(n.out),
                c.value(n.cache), c.value(n.room).data);
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    require_own_gates(n);
    gru_backward(c.device, c.parameter(n.parameters[0]), as_const(c.value(n.out)),
                 as_const(c.value(n.cache)), c.segments(n.in.steps), n.from_last, c.gradient(n.out),
                 c.gradient(n.in), c.parameter_gradient(n.parameters[0]),
                 c.parameter_gradient(n.parameters[1]), c.value(n.room).data);
  }
};

/// y = the state after each step, of long short-term memory; gates in the order i, f, g, o: see
/// kernels/cpu/lstm.hpp.
struct Lstm : RecurrentOperation<Lstm, 4> {
  static constexpr std::string_view name = "lstm";
  static constexpr int cache_rows(int width) { return 6 * width; }
  static constexpr int room_rows(int width) { return 6 * width; }

  template <class C>
  static void forward(const Node& n, const C& c) {
    lstm_forward(c.device, c.parameter(n.parameters[0]), c.parameter(n.parameters[1]),
                 as_const(c.value(n.in)), c.segments(n.in.steps), n.from_last, c.value(n.out),
                 c.value(n.cache), c.value(n.room).data);
  }

  template <class C>
  static void backward(const Node& n, const C& c) {
    require_own_gates(n);
    lstm_backward(c.device, c.parameter(n.parameters[0]), as_const(c.value(n.out)),
                  as_const(c.value(n.cache)), c.segments(n.in.steps), n.from_last,
                  as_const(c.gradient(n.out)), c.gradient(n.in),
                  c.parameter_gradient(n.parameters[0]), c.parameter_gradient(n.parameters[1]),
                  c.value(n.room).data);
  }
};

}  // namespace espalier::ops
