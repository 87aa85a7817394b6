// SPDX-License-Identifier: Apache-2.0
// Fully connected layers compared with sums of products in double.
#include <doctest/doctest.h>

#include <array>
#include <initializer_list>
#include <utility>

#include "espalier/kernels/cpu/kernels.hpp"
#include "kernels/padded.hpp"
#include "kernels/product_sizes.hpp"
#include "support/instruction_sets.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

struct Dims {
  Index outputs, inputs, samples;
};

/// The sizes of product_sizes, vectors, and a few typical sizes.
std::vector<Dims> all_dims() {
  const std::initializer_list<Index> edges{255, 256, 257, 511, 512, 513};
  std::vector<Dims> dims = product_sizes<Dims>(edges);
  for (Index n = 1; n <= 67; ++n) {
    dims.push_back({n, 17, 1});
    dims.push_back({1, n, 33});
  }
  for (const Index edge : edges) dims.push_back({1, edge, 1});
  dims.push_back({16, 513, 64});
  dims.push_back({520, 260, 7});
  // Full tiles of every height, also with more than one block of columns or depth.
  for (const Dims& d :
       {Dims{64, 40, 16}, {70, 70, 32}, {65, 130, 48}, {97, 193, 63}, {60, 1100, 48}})
    dims.push_back(d);
  return dims;
}

/// Combinations of stride and misalignment; they alternate over the sizes.
struct Place {
  Index gap, shift;
};
constexpr std::array<Place, 4> places{{{0, 0}, {1, 1}, {5, 3}, {0, 2}}};

template <class T>
void check_forward(const Dims& d, std::size_t turn) {
  const Place p = places[turn % places.size()], q = places[(turn / 2 + 1) % places.size()];
  const auto act = static_cast<esp::Activation>(turn % 7);
  const bool with_bias = turn % 3 != 0;
  const bool with_pre = needs_pre_activation(act) || turn % 5 == 0;
  Padded<T> w(d.inputs, d.outputs, 0, q.shift), b(d.outputs, 1, 0, p.shift),
      x(d.inputs, d.samples, p.gap, q.shift);
  w.randomize(1);
  b.randomize(2);
  x.randomize(3);
  Padded<T> y(d.outputs, d.samples, q.gap, p.shift), pre(d.outputs, d.samples, p.gap, p.shift);
  const bool fused = act == esp::Activation::identity || act == esp::Activation::relu ||
                     act == esp::Activation::leaky_relu;
  const bool pre_used = with_pre && !fused;
  dense_forward(esp::Cpu{}, w.data(), with_bias ? b.data() : nullptr, std::as_const(x).view(), act,
                pre_used ? pre.view() : esp::View<T>{}, y.view());
  const auto sum = [&](Index i, Index j, bool magnitude) {
    double s = with_bias ? (magnitude ? std::abs(b(i, 0)) : b(i, 0)) : 0;
    for (Index k = 0; k < d.inputs; ++k)
      s += magnitude ? std::abs(w(k, i) * x(k, j)) : w(k, i) * x(k, j);
    return s;
  };
  const auto bound = [&](Index i, Index j) {
    return epsilon_of<T> * (4 * (1 + std::abs(sum(i, j, false))) +
                            static_cast<double>(d.inputs + 2) * sum(i, j, true) * 1.2);
  };
  CHECK(worst_error(
            y, [&](Index i, Index j) { return esp::activate(act, sum(i, j, false)); }, bound) <= 1);
  if (pre_used)
    CHECK(worst_error(
              pre, [&](Index i, Index j) { return sum(i, j, false); }, bound) <= 1);
  CHECK(y.fenced());
  CHECK(pre.fenced());
}

template <class T>
void check_input_gradient(const Dims& d, std::size_t turn) {
  const Place p = places[turn % places.size()], q = places[(turn / 2 + 1) % places.size()];
  Padded<T> w(d.inputs, d.outputs, 0, p.shift), dy(d.outputs, d.samples, q.gap, q.shift);
  w.randomize(1);
  dy.randomize(2);
  for (const bool accumulate : {false, true}) {
    Padded<T> dx(d.inputs, d.samples, p.gap, q.shift);
    if (accumulate) dx.randomize(3);
    const Padded<T> before = dx;
    dense_input_gradient(esp::Cpu{}, w.data(), std::as_const(dy).view(), dx.view(), accumulate);
    const auto sum = [&](Index i, Index j, bool magnitude) {
      double s = accumulate ? (magnitude ? std::abs(before(i, j)) : before(i, j)) : 0;
      for (Index k = 0; k < d.outputs; ++k)
        s += magnitude ? std::abs(w(i, k) * dy(k, j)) : w(i, k) * dy(k, j);
      return s;
    };
    CHECK(worst_error(
              dx, [&](Index i, Index j) { return sum(i, j, false); },
              [&](Index i, Index j) {
                return epsilon_of<T> * static_cast<double>(d.outputs + 3) * sum(i, j, true);
              }) <= 1);
    CHECK(dx.fenced());
  }
}

template <class T>
void check_weight_gradient(const Dims& d, std::size_t turn) {
  const Place p = places[turn % places.size()], q = places[(turn / 2 + 1) % places.size()];
  const bool with_bias = turn % 3 != 0;
  Padded<T> x(d.inputs, d.samples, p.gap, p.shift), dy(d.outputs, d.samples, q.gap, q.shift);
  x.randomize(1);
  dy.randomize(2);
  Padded<T> dw(d.inputs, d.outputs, 0, p.shift), db(d.outputs, 1, 0, q.shift);
  dw.randomize(3);
  db.randomize(4);
  const Padded<T> dw_before = dw, db_before = db;
  dense_weight_gradient(esp::Cpu{}, std::as_const(dy).view(), std::as_const(x).view(), dw.data(),
                        with_bias ? db.data() : nullptr);
  const auto weight = [&](Index i, Index o, bool magnitude) {
    double s = magnitude ? std::abs(dw_before(i, o)) : dw_before(i, o);
    for (Index j = 0; j < d.samples; ++j)
      s += magnitude ? std::abs(dy(o, j) * x(i, j)) : dy(o, j) * x(i, j);
    return s;
  };
  const auto bias = [&](Index o, bool magnitude) {
    double s = magnitude ? std::abs(db_before(o, 0)) : db_before(o, 0);
    for (Index j = 0; j < d.samples && with_bias; ++j)
      s += magnitude ? std::abs(dy(o, j)) : dy(o, j);
    return s;
  };
  const double terms = epsilon_of<T> * static_cast<double>(d.samples + 3);
  CHECK(worst_error(
            dw, [&](Index i, Index o) { return weight(i, o, false); },
            [&](Index i, Index o) { return terms * weight(i, o, true); }) <= 1);
  CHECK(worst_error(
            db, [&](Index o, Index) { return bias(o, false); },
            [&](Index o, Index) { return terms * bias(o, true); }) <= 1);
  CHECK(dw.fenced());
  CHECK(db.fenced());
}

template <class T>
void check_all() {
  const std::vector<Dims> dims = all_dims();
  for (std::size_t turn = 0; turn < dims.size(); ++turn) {
    const Dims& d = dims[turn];
    CAPTURE(d.outputs);
    CAPTURE(d.inputs);
    CAPTURE(d.samples);
    check_forward<T>(d, turn);
    check_input_gradient<T>(d, turn);
    check_weight_gradient<T>(d, turn);
  }
}

const double missing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("dense: forward and both gradients over odd sizes, strides and misalignments, in float") {
  with_each_instruction_set([](esp::InstructionSet) { check_all<float>(); });
}
TEST_CASE(
    "dense: forward and both gradients over odd sizes, strides and misalignments, in double") {
  with_each_instruction_set([](esp::InstructionSet) { check_all<double>(); });
}

TEST_CASE("dense: every activation over sizes around a register") {
  with_each_instruction_set([](esp::InstructionSet) {
    for (Index n = 1; n <= 35; ++n) {
      for (std::size_t turn = 0; turn < 21; ++turn) check_forward<float>({n, 9, 4}, turn);
    }
  });
}

TEST_CASE_TEMPLATE("dense: one sample times packed weights", T, float, double) {
  with_each_instruction_set([](esp::InstructionSet) {
    for (Index m = 1; m <= 210; m += m < 100 ? 1 : 13) {
      for (const Index k : {1, 2, 3, 16, 33, 70}) {
        CAPTURE(m);
        CAPTURE(k);
        const auto turn = static_cast<std::size_t>(m + k);
        const Place p = places[turn % places.size()];
        Padded<T> w(k, m, 0, p.shift), b(m, 1, 0, 1), x(k, 1, 0, p.shift), y(m, 1, 0, p.gap);
        w.randomize(1);
        b.randomize(2);
        x.randomize(3);
        std::vector<T> packed(static_cast<std::size_t>(m * k), std::numeric_limits<T>::quiet_NaN());
        esp::cpu::pack_weights(w.data(), m, k, packed.data());
        const auto act = static_cast<esp::Activation>(turn % 7);
        const bool with_bias = turn % 3 != 0;
        // Packed rows are not read from W: fill these rows of W with NaN.
        Index rows_packed = 0;
        for (Index height; (height = esp::cpu::packed_rows(m - rows_packed)) > 0;)
          rows_packed += height;
        CHECK(m - rows_packed < 32);
        const Padded<T> whole = w;
        for (Index i = 0; i < rows_packed; ++i) {
          for (Index q = 0; q < k; ++q) w.at(q, i) = std::numeric_limits<T>::quiet_NaN();
        }
        Padded<T> pre(m, 1);
        dense_forward(esp::Cpu{}, esp::Stored<T>(w.data(), packed.data()),
                      with_bias ? b.data() : nullptr, std::as_const(x).view(), act,
                      needs_pre_activation(act) ? pre.view() : esp::View<T>{}, y.view());
        const auto sum = [&](Index i, bool magnitude) {
          double s = with_bias ? b(i, 0) : 0;
          if (magnitude) s = std::abs(s);
          for (Index q = 0; q < k; ++q)
            s += magnitude ? std::abs(whole(q, i) * x(q, 0)) : whole(q, i) * x(q, 0);
          return s;
        };
        CHECK(worst_error(
                  y, [&](Index i, Index) { return esp::activate(act, sum(i, false)); },
                  [&](Index i, Index) {
                    return epsilon_of<T> * (4 * (1 + std::abs(sum(i, false))) +
                                            static_cast<double>(k + 2) * sum(i, true) * 1.2);
                  }) <= 1);
        CHECK(y.fenced());
      }
    }
  });
}

TEST_CASE("dense: nothing to do") {
  Padded<float> w(4, 3), b(3, 1), x(4, 0), y(3, 0), dw(4, 3);
  w.randomize(1);
  b.randomize(2);
  dw.randomize(3);
  const Padded<float> before = dw;
  dense_forward(esp::Cpu{}, w.data(), b.data(), std::as_const(x).view(), esp::Activation::relu,
                esp::View<float>{}, y.view());
  dense_weight_gradient(esp::Cpu{}, std::as_const(y).view(), std::as_const(x).view(), dw.data(),
                        b.data());
  CHECK(worst_error(
            dw, [&](Index i, Index j) { return before(i, j); },
            [](Index, Index) { return 1e-30; }) == 0);
}

TEST_CASE("dense: a NaN or an infinity spoils its own sample and its own weights alone") {
  for (const Index size : {1, 3, 8, 17, 40}) {
    for (const double bad : {missing, std::numeric_limits<double>::infinity()}) {
      CAPTURE(size);
      const Index spoilt = size / 2;
      Padded<float> w(size, size), x(size, size, 1), b(size, 1), y(size, size, 2), dx(size, size),
          dw(size, size), db(size, 1);
      w.randomize(1);
      x.randomize(2);
      b.randomize(3);
      x.at(0, spoilt) = static_cast<float>(bad);
      for (const esp::Activation act :
           {esp::Activation::identity, esp::Activation::relu, esp::Activation::leaky_relu}) {
        dense_forward(esp::Cpu{}, w.data(), b.data(), std::as_const(x).view(), act,
                      esp::View<float>{}, y.view());
        for (Index j = 0; j < size; ++j) {
          for (Index i = 0; i < size; ++i) {
            if (j != spoilt) CHECK(std::isfinite(y(i, j)));
            // ReLU does not hide it
            if (j == spoilt && std::isnan(bad)) CHECK(std::isnan(y(i, j)));
          }
        }
      }
      // The same as a gradient, of sample `spoilt` and output 0.
      y.randomize(4);
      y.at(0, spoilt) = static_cast<float>(bad);
      x.randomize(2);
      dense_input_gradient(esp::Cpu{}, w.data(), std::as_const(y).view(), dx.view(), false);
      dw.fill(0);
      db.fill(0);
      dense_weight_gradient(esp::Cpu{}, std::as_const(y).view(), std::as_const(x).view(), dw.data(),
                            db.data());
      for (Index a = 0; a < size; ++a) {
        for (Index i = 0; i < size; ++i) {
          CHECK(std::isfinite(dx(i, a)) == (a != spoilt));
          CHECK(std::isfinite(dw(i, a)) == (a != 0));
        }
        CHECK(std::isfinite(db(a, 0)) == (a != 0));
      }
    }
  }
}

TEST_CASE("activation_backward: dy ∘ act′, in place") {
  for (std::size_t turn = 0; turn < 7 * 40; ++turn) {
    const auto act = static_cast<esp::Activation>(turn % 7);
    const Index rows = 1 + static_cast<Index>(turn / 7), cols = 1 + rows % 5;
    const Place p = places[turn % places.size()];
    Padded<float> pre(rows, cols, p.gap, p.shift), post(rows, cols, 2, 1), dy(rows, cols, p.gap, 1);
    pre.randomize(turn);
    for (Index j = 0; j < cols; ++j) {
      for (Index i = 0; i < rows; ++i) post.at(i, j) = esp::activate(act, pre.at(i, j));
    }
    dy.randomize(turn + 1);
    const Padded<float> before = dy;
    activation_backward(
        esp::Cpu{}, act,
        needs_pre_activation(act) ? std::as_const(pre).view() : esp::View<const float>{},
        std::as_const(post).view(), dy.view());
    const auto expected = [&](Index i, Index j) {
      return before(i, j) * esp::activation_derivative(act, pre(i, j), post(i, j));
    };
    CHECK(worst_error(dy, expected, [&](Index i, Index j) {
            return 4e-7 * (std::abs(before(i, j)) + 1e-30);
          }) <= 1);
    CHECK(dy.fenced());
  }
}
