// SPDX-License-Identifier: Apache-2.0
// bf16: rounding of every kind of value; products compared with sums in double of the rounded
// operands, emulated and, if the compiler targets it, with native instructions. CMake builds this
// file a second time with -march=native.
#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/kernels/precision.hpp"
#include "kernels/padded.hpp"
#include "kernels/product_sizes.hpp"

using namespace espalier_test;
namespace esp = espalier;
namespace cpu = espalier::cpu;

namespace {

using esp::BFloat16;

float of_bits(std::uint32_t bits) { return std::bit_cast<float>(bits); }
std::uint32_t bits_of(float x) { return std::bit_cast<std::uint32_t>(x); }
double rounded(double x) {
  return static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(x))));
}

/// The nearer neighbour, computed in double; ties go to the even one.
std::uint16_t nearest(float x) {
  const auto below = static_cast<std::uint16_t>(bits_of(x) >> 16U);  // towards zero
  const auto value = [](std::uint32_t half) {
    if ((half & 0x7FFFU) == 0x7F80U)
      // The next value if the exponent range were larger.
      return half > 0x7FFFU ? -0x1p128 : 0x1p128;
    return static_cast<double>(of_bits(half << 16U));
  };
  const double down = std::abs(value(below) - static_cast<double>(x)),
               up = std::abs(value(below + 1U) - static_cast<double>(x));
  if (down != up) return down < up ? below : static_cast<std::uint16_t>(below + 1U);
  return below % 2 == 0 ? below : static_cast<std::uint16_t>(below + 1U);
}

std::vector<float> telling_values() {
  std::vector<float> values;
  for (const std::uint32_t upper :
       {0x0000U, 0x0001U, 0x007FU, 0x0080U, 0x3F7FU, 0x3F80U, 0x3F81U, 0x4049U, 0x7F7EU, 0x7F7FU}) {
    for (const std::uint32_t lower : {0x0000U, 0x0001U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
      values.push_back(of_bits(upper << 16U | lower));
      values.push_back(of_bits(0x80000000U | upper << 16U | lower));
    }
  }
  for (std::uint64_t bits = 12345; bits < 0x7F800000U; bits += 9973)
    values.push_back(of_bits(static_cast<std::uint32_t>(bits)));
  return values;
}

std::vector<float> not_numbers() {
  std::vector<float> values;
  for (const std::uint32_t bits :
       {0x7F800001U, 0x7F80FFFFU, 0x7FBFFFFFU, 0x7FC00000U, 0x7FFFFFFFU, 0xFF800001U, 0xFFFFFFFFU})
    values.push_back(of_bits(bits));
  return values;
}

/// Checks `values` in full registers.
template <class Math, class Check>
void check_registers(const std::vector<float>& values, const Check& check) {
  constexpr auto n = static_cast<std::size_t>(cpu::lanes<float>);
  for (std::size_t at = 0; at + 2 * n <= values.size(); at += 2 * n) {
    std::array<cpu::Pair, n> together{}, neighbours{};
    cpu::store(together.data(),
               Math::pair_up(cpu::load(values.data() + at), cpu::load(values.data() + at + n)));
    cpu::store(neighbours.data(), Math::to_pairs(values.data() + at));
    for (std::size_t i = 0; i < n; ++i) {
      check(values[at + i], together[i] & 0xFFFFU);
      check(values[at + n + i], together[i] >> 16U);
      check(values[at + 2 * i], neighbours[i] & 0xFFFFU);
      check(values[at + 2 * i + 1], neighbours[i] >> 16U);
    }
  }
}

template <class Math, bool Subnormals>
void check_rounding() {
  check_registers<Math>(telling_values(), [](float x, std::uint32_t half) {
    if (!Subnormals && std::abs(x) < std::numeric_limits<float>::min())
      return;  // native instructions flush subnormals to zero
    CHECK(half == BFloat16(x).bits());
  });
  std::vector<float> odd;
  while (odd.size() < 64) {
    for (const float x : not_numbers()) odd.push_back(x);
  }
  check_registers<Math>(odd,
                        [](float x, std::uint32_t half) { CHECK(half == BFloat16(x).bits()); });
}

struct Dims {
  Index m, n, k;
};

std::vector<Dims> all_dims() {
  const std::initializer_list<Index> edges{255, 257, 511, 513, 1023, 1024, 1025, 2049};
  std::vector<Dims> dims = product_sizes<Dims>(edges);
  for (Index n = 1; n <= 67; ++n) {
    dims.push_back({n, 1, 17});
    dims.push_back({n, 2, 70});
  }
  for (const Index edge : edges) dims.push_back({2, 1, edge});
  dims.push_back({16, 600, 301});   // several blocks of columns
  dims.push_back({600, 16, 1301});  // and of the depth
  return dims;
}

constexpr std::array<std::array<Index, 2>, 4> places{{{0, 0}, {1, 1}, {5, 3}, {0, 2}}};

enum class Layout {
  both_deep,
  right_deep,
  both_wide
};  // as in forward, input gradient, weight gradient

/// C (+)= A B with bias and activation, compared with sums in double of the rounded operands.
template <class Math>
void check_product(const Dims& d, std::size_t turn, Layout layout) {
  const auto [gap, shift] = places[turn % places.size()];
  const bool left_deep = layout == Layout::both_deep, right_deep = layout != Layout::both_wide;
  const bool accumulate = turn % 3 == 1;
  const auto act = accumulate ? esp::Activation::identity
                              : std::array{esp::Activation::identity, esp::Activation::relu,
                                           esp::Activation::leaky_relu}[turn % 5 % 3];
  Padded<float> a(left_deep ? d.k : d.m, left_deep ? d.m : d.k, gap, shift),
      b(right_deep ? d.k : d.n, right_deep ? d.n : d.k, shift, gap);
  Padded<float> c(d.m, d.n, shift, gap), bias(d.m, 1);
  a.randomize(1);
  b.randomize(2);
  c.randomize(3);
  bias.randomize(4);
  const Padded<float> before = c;
  const bool with_bias = !accumulate && turn % 2 == 0;
  const Index a_step = left_deep ? d.k + gap : d.m + gap,
              b_step = right_deep ? d.k + shift : d.n + shift;
  const cpu::GemmInput<float> left{a.data(), left_deep ? a_step : 1, left_deep ? 1 : a_step};
  const cpu::GemmInput<float> right{b.data(), right_deep ? 1 : b_step, right_deep ? b_step : 1};
  cpu::gemm_pairs<Math>(
      d.m, d.n, d.k, left, right,
      {c.data(), d.m + shift, accumulate, with_bias ? bias.data() : nullptr, act});
  const auto sum = [&](Index i, Index j, bool magnitude) {
    double s = accumulate ? before(i, j) : with_bias ? bias(i, 0) : 0;
    if (magnitude) s = std::abs(s);
    for (Index p = 0; p < d.k; ++p) {
      const double term =
          rounded(left_deep ? a(p, i) : a(i, p)) * rounded(right_deep ? b(p, j) : b(j, p));
      s += magnitude ? std::abs(term) : term;
    }
    return s;
  };
  const double terms = epsilon_of<float> * static_cast<double>(d.k + 3);
  CHECK(worst_error(
            c, [&](Index i, Index j) { return esp::activate(act, sum(i, j, false)); },
            [&](Index i, Index j) { return terms * sum(i, j, true); }) <= 1);
  CHECK(c.fenced());
}

template <class Math>
void check_all_products() {
  const std::vector<Dims> dims = all_dims();
  for (std::size_t turn = 0; turn < dims.size(); ++turn) {
    const Dims& d = dims[turn];
    CAPTURE(d.m);
    CAPTURE(d.n);
    CAPTURE(d.k);
    for (const Layout layout : {Layout::both_deep, Layout::right_deep, Layout::both_wide})
      check_product<Math>(d, turn, layout);
  }
}

/// Weights stored as bf16 give the same bits as weights in float.
template <class Math>
void check_stored() {
  for (const Dims& d : {Dims{40, 33, 1},
                        {40, 33, 2},
                        {64, 50, 7},
                        {100, 130, 90},
                        {1, 70, 9},
                        {5, 20, 33},
                        {30, 5, 64},
                        {17, 17, 17},
                        {300, 2000, 3},
                        {3000, 16, 2},
                        {16, 3000, 4}}) {
    const Index outputs = d.m, inputs = d.n, samples = d.k;
    CAPTURE(outputs);
    CAPTURE(inputs);
    CAPTURE(samples);
    Padded<float> w(inputs, outputs), x(inputs, samples, 3, 1), bias(outputs, 1),
        y(outputs, samples, 2), kept(outputs, samples, 2);
    w.randomize(1);
    x.randomize(2);
    bias.randomize(3);
    std::vector<BFloat16> narrow;
    for (Index i = 0; i < outputs * inputs; ++i) {
      narrow.emplace_back(w.data()[i]);
      w.data()[i] = static_cast<float>(narrow.back());
    }
    const auto forward = [&](esp::Stored<float> weights, Padded<float>& to) {
      cpu::BFloat16Kernels<float, Math>::forward(
          weights, outputs, std::as_const(x).view(),
          {to.data(), outputs + 2, false, bias.data(), esp::Activation::relu});
      CHECK(to.fenced());
    };
    forward(w.data(), y);
    forward(esp::Stored<float>(narrow.data()), kept);
    CHECK(
        worst_error(
            kept, [&](Index i, Index j) { return y(i, j); }, [&](Index, Index) { return 1e-30; }) <=
        (outputs * inputs > cpu::BFloat16Kernels<float, Math>::widened_values ? 1e25 : 0));
  }
}

/// NaN and infinity affect only their own row and column, for any padding of the depth.
template <class Math>
void check_spoilt() {
  for (const Index size : {1, 3, 17, 40, 67}) {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      Padded<float> a(size, size), b(size, size), c(size, size);
      a.randomize(1);
      b.randomize(2);
      b.at(size - 1, size / 2) = bad;
      cpu::gemm_pairs<Math>(size, size, size, cpu::GemmInput<float>{a.data(), size, 1},
                            cpu::GemmInput<float>{b.data(), 1, size},
                            {c.data(), size, false, nullptr, esp::Activation::relu});
      for (Index j = 0; j < size; ++j) {
        for (Index i = 0; i < size; ++i) {
          if (j != size / 2) CHECK(std::isfinite(c(i, j)));
          if (j == size / 2 && std::isnan(bad)) CHECK(std::isnan(c(i, j)));
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("bf16: a float is rounded to the nearest, ties to even") {
  for (const float x : telling_values()) {
    CAPTURE(x);
    CHECK(BFloat16(x).bits() == nearest(x));
  }
  CHECK(static_cast<float>(BFloat16(std::numeric_limits<float>::max())) ==
        std::numeric_limits<float>::infinity());
  CHECK(static_cast<float>(BFloat16(of_bits(0x7F7F7FFFU))) ==
        of_bits(0x7F7F0000U));  // the largest finite value
  CHECK(bits_of(static_cast<float>(BFloat16(-0.0F))) == 0x80000000U);
}

TEST_CASE("bf16: what is bf16 already stays as it is, a NaN stays a quiet one of its sign") {
  for (std::uint32_t half = 0; half < 0x10000U; ++half) {
    const BFloat16 same(of_bits(half << 16U));
    const bool is_nan = (half & 0x7FFFU) > 0x7F80U;
    CHECK(same.bits() == (is_nan ? half | 0x40U : half));
  }
  for (const float x : not_numbers()) {
    const float kept = static_cast<float>(BFloat16(x));
    CHECK(std::isnan(kept));
    CHECK(std::signbit(kept) == std::signbit(x));
  }
}

TEST_CASE("bf16: registers are rounded as single values are") {
  check_rounding<cpu::EmulatedPairs, true>();
  check_rounding<cpu::MachinePairs, false>();
}

TEST_CASE("bf16: products over odd sizes, strides and misalignments, emulated") {
  check_all_products<cpu::EmulatedPairs>();
}
TEST_CASE("bf16: weights kept as bf16, emulated") { check_stored<cpu::EmulatedPairs>(); }
TEST_CASE("bf16: a NaN or an infinity spoils its own alone, emulated") {
  check_spoilt<cpu::EmulatedPairs>();
}

#if defined(__AVX512BF16__)
TEST_CASE("bf16: products over odd sizes, strides and misalignments, by the machine") {
  check_all_products<cpu::NativePairs>();
}
TEST_CASE("bf16: weights kept as bf16, by the machine") { check_stored<cpu::NativePairs>(); }
TEST_CASE("bf16: a NaN or an infinity spoils its own alone, by the machine") {
  check_spoilt<cpu::NativePairs>();
}

TEST_CASE("bf16: the machine adds up as the emulation does") {
  // Same order and same rounding, so bitwise equal if no value is subnormal.
  for (const Index n : {1, 2, 5, 31, 64, 300}) {
    Padded<float> a(n, n), b(n, n), emulated(n, n), native(n, n);
    a.randomize(1);
    b.randomize(2);
    const cpu::GemmInput<float> left{a.data(), n, 1}, right{b.data(), 1, n};
    cpu::gemm_pairs<cpu::EmulatedPairs>(n, n, n, left, right, {emulated.data(), n});
    cpu::gemm_pairs<cpu::NativePairs>(n, n, n, left, right, {native.data(), n});
    CHECK(std::memcmp(emulated.data(), native.data(),
                      static_cast<std::size_t>(n * n) * sizeof(float)) == 0);
  }
}
#endif

TEST_CASE(
    "bf16: the device takes both gradients and the forward of a layer to bf16, and leaves narrow "
    "ones in float") {
  const esp::Cpu device = esp::Precision(esp::Precision::Bf16).device();
  for (const Dims& d : {Dims{40, 33, 21}, {16, 40, 10}, {40, 16, 10}, {17, 17, 1}}) {
    const Index outputs = d.m, inputs = d.n, samples = d.k;
    const bool narrow = std::min(outputs, inputs) > 16;
    const auto value = [&](double v) { return narrow ? rounded(v) : v; };
    Padded<float> w(inputs, outputs), b(outputs, 1), x(inputs, samples), y(outputs, samples),
        dx(inputs, samples), dw(inputs, outputs), db(outputs, 1), dy(outputs, samples);
    w.randomize(1);
    b.randomize(2);
    x.randomize(3);
    dy.randomize(4);
    dw.fill(0);
    db.fill(0);
    cpu::dense_forward(device, w.data(), std::as_const(b).data(), std::as_const(x).view(),
                       esp::Activation::identity, esp::View<float>{}, y.view());
    cpu::dense_input_gradient(device, std::as_const(w).data(), std::as_const(dy).view(), dx.view(),
                              false);
    cpu::dense_weight_gradient(device, std::as_const(dy).view(), std::as_const(x).view(), dw.data(),
                               db.data());
    const auto close = [](Index terms) {
      return [=](Index, Index) { return 1e-6 * static_cast<double>(terms); };
    };
    const auto sum = [](Index terms, auto term) {
      double s = 0;
      for (Index p = 0; p < terms; ++p) s += term(p);
      return s;
    };
    const auto forward = [&](Index i, Index j) {
      return b(i, 0) + sum(inputs, [&](Index p) { return value(w(p, i)) * value(x(p, j)); });
    };
    const auto input_gradient = [&](Index i, Index j) {
      return sum(outputs, [&](Index p) { return value(w(i, p)) * value(dy(p, j)); });
    };
    const auto weight_gradient = [&](Index i, Index o) {
      return sum(samples, [&](Index j) { return value(dy(o, j)) * value(x(i, j)); });
    };
    const auto bias_gradient = [&](Index o, Index) {
      return sum(samples, [&](Index j) { return static_cast<double>(dy(o, j)); });
    };
    CHECK(worst_error(y, forward, close(inputs)) <= 1);
    CHECK(worst_error(dx, input_gradient, close(outputs)) <= 1);
    CHECK(worst_error(dw, weight_gradient, close(samples)) <= 1);
    CHECK(worst_error(db, bias_gradient, close(samples)) <= 1);
  }
}

TEST_CASE("bf16: rows of tables, alone and pooled") {
  const esp::Cpu device = esp::Precision(esp::Precision::Bf16).device();
  for (const Index width : {1, 4, 7, 16, 33}) {
    std::vector<BFloat16> table;
    for (Index i = 0; i < 20 * width; ++i) table.emplace_back(static_cast<float>(i % 23) - 11.0F);
    const std::vector<std::int32_t> ids{3, 0, 19, 3, 7}, offsets{0, 2, 2, 5};
    const auto at = [&](std::int32_t row, Index i) {
      return static_cast<double>(
          static_cast<float>(table[static_cast<std::size_t>(row * width + i)]));
    };
    Padded<float> y(width, 5, 1), pooled(width, 3, 1);
    cpu::gather<float>(device, esp::Stored<float>(table.data()), ids.data(), y.view());
    const auto exact = [](Index, Index) { return 1e-30; };
    CHECK(worst_error(
              y, [&](Index i, Index j) { return at(ids[static_cast<std::size_t>(j)], i); },
              exact) == 0);
    cpu::gather_pooled<float>(device, esp::Stored<float>(table.data()), ids.data(), offsets.data(),
                              true, pooled.view());
    const auto mean = [&](Index i, Index j) {
      if (j == 1) return 0.0;
      return j == 0 ? (at(3, i) + at(0, i)) / 2 : (at(19, i) + at(3, i) + at(7, i)) / 3;
    };
    CHECK(worst_error(pooled, mean, [](Index, Index) { return 1e-5; }) <= 1);
    CHECK(y.fenced());
    CHECK(pooled.fenced());
  }
}
