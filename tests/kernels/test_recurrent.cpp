// SPDX-License-Identifier: Apache-2.0
// GRU and LSTM compared with a naive form in double, with central differences of it, and with
// PyTorch.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/kernels/cpu/gru.hpp"
#include "espalier/kernels/cpu/lstm.hpp"
#include "kernels/padded.hpp"
#include "support/instruction_sets.hpp"
#include "support/worst.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

namespace golden {
// clang-format off
// Printed by tests/golden/recurrent.py: y, dgates, dU, dc.
const double gru[] = {
    -0.24918858601, -0.54545785659, 0.23215830662, -0.13707517692, -0.56858021426, 0.33010890416,
    -0.25894316270, -0.55746243216, 0.34922901534, 0.21583896415, -0.60815354970, 0.48216035861,
    -0.00305237541, -0.00000615414, 0.12966477903, 0.00108594506, 0.05443978981, 0.00047908478,
    -0.00003521343, 0.02558773645, 0.14226625888, 0.17890541060, -0.03939684314, -0.16217121307,
    0.01730512807, -0.01118048410, -0.03572758608, -0.05584178171, -0.13229656771, 0.48278079169,
    -0.00372058163, -0.00019288787, 0.17298811217, 0.03349205802, 0.06761995221, 0.01493725284,
    0.00707331649, 0.00230941663, 0.15937793949, 0.09294778588, -0.07376999614, -0.08855094081,
    -0.00026841599, 0.02481663598, 0.00063267011, -0.04548391903, 0.00149658804, 0.50774824734,
    0.00393256536, -0.00241083068, -0.00030512477, -0.00706806804, -0.04352463701, -0.07256632859,
    -0.07342962403, -0.09974804166, -0.01640870074, 0.01595577265, 0.12190598101, 0.05578298632,
    0.01730185810, 0.04133426294, 0.56920217360, 0.20510549882, -0.00713794774, 0.24280557701};
const double gru_reversed[] = {
    -0.30689007797, -0.31724438670, -0.11707729025, 0.51480530511, -0.56040205320, 0.36340155200,
    -0.25894316270, -0.55746243216, -0.11496151991, 0.52517205206, -0.53657340890, 0.39499873434,
    -0.00265527405, 0.00253519784, 0.14377222153, 0.14865218518, 0.04625009723, 0.07257679008,
    -0.00061865998, 0.00288980918, -0.06001206933, 0.06641179425, 0.01270455628, -0.12899684449,
    0.00499641342, -0.00366767061, -0.01010528152, -0.01164514741, -0.04786649465, 0.15331836675,
    -0.00372058163, -0.00019288787, 0.17298811217, 0.03349205802, 0.06761995221, 0.01493725284,
    0.00304746628, 0.00233223615, 0.24035919341, 0.07106737560, -0.05335328955, -0.15921814161,
    0.03430000902, -0.00631708005, -0.06063155112, -0.02362267399, -0.32447394422, 0.26729319227,
    -0.00097761876, -0.00038802584, -0.00316768499, 0.00327652476, -0.11217192701, 0.14714780043,
    -0.09275396487, 0.12873260606, 0.00300011923, 0.01533729403, 0.04830213184, -0.00826592409,
    0.03534937307, -0.00242039536, 0.42637062515, 0.28435559165, -0.14662094829, 0.11467636482};
const double lstm[] = {
    -0.16971394697, -0.31835624520, -0.17258578708, -0.23436545914, -0.09296522959, -0.20594621121,
    0.13523286528, 0.11535840265, 0.14659757552, 0.14444273356, 0.00809009207, 0.21769683640,
    -0.00130349566, -0.01500176183, 0.00000000000, 0.00000000000, 0.00232538941, 0.01825536790,
    -0.12631723881, -0.09367503091, 0.00536515407, 0.00434301087, 0.02278519834, 0.00745642185,
    -0.12332438744, -0.00773607009, 0.06569865075, 0.17376329507, -0.01806045184, -0.00456286010,
    0.01372931936, -0.01672422960, -0.02883076219, 0.04182466164, 0.01739656158, -0.10831266541,
    0.08538333547, 0.00914094497, 0.00000000000, 0.00000000000, 0.06444940472, 0.01253161664,
    0.05455747770, 0.01091522108, -0.07838112712, -0.05509177984, 0.00000000000, 0.00000000000,
    -0.07884214648, -0.01983564303, -0.02454696204, -0.05069946175, -0.00005932283, 0.10409114493,
    0.00011030778, 0.03464019779, 0.00152395156, 0.03299179737, 0.00000572561, 0.03686936659,
    0.00219773924, 0.00251614703, 0.01530992476, 0.01472196168, -0.00622028048, -0.01045555527,
    0.00669907456, 0.00654930815, 0.02612905594, 0.04623814747, -0.00106890565, -0.00257400440,
    -0.01415153724, -0.02499190189, -0.00539186828, -0.02460837052, -0.00705590791, 0.04291869899,
    0.03662482549, 0.02537239004, -0.16269855041, 0.07803173043, -0.01320578522, -0.03113927532};
const double lstm_reversed[] = {
    -0.19621105383, -0.36645026523, -0.03016610931, -0.17759708653, 0.08035205264, -0.01758076293,
    0.13523286528, 0.11535840265, 0.15461000879, 0.20536518145, 0.03666422017, 0.15760118251,
    -0.01952932250, -0.00811400179, -0.00436236255, -0.01253625721, 0.03846063187, 0.00807137602,
    -0.13810743324, -0.08962843311, 0.00189295090, 0.01648015028, -0.00086879771, 0.00228327578,
    -0.01294712435, -0.05296341778, 0.01337378735, 0.11932545435, -0.01621810852, -0.00194753779,
    0.00000000000, 0.00000000000, -0.05052435694, 0.06692269817, -0.01884749858, -0.00928800863,
    0.08538333547, 0.00914094497, 0.00000000000, 0.00000000000, 0.06444940472, 0.01253161664,
    0.05455747770, 0.01091522108, -0.07900501726, -0.08661548674, -0.00579549486, -0.02485137204,
    -0.10355290353, -0.02317404345, -0.03068468979, -0.06708796810, -0.00463483059, 0.06494247381,
    0.00000000000, 0.00000000000, -0.06505561915, 0.02984720435, 0.00023010896, 0.02769159611,
    -0.00215543118, -0.00901621289, -0.00160670751, -0.01249941367, -0.00015070147, -0.00012335984,
    -0.00034952017, -0.00173034459, -0.00599722210, -0.02292293589, -0.00534885958, -0.00415457222,
    0.00411574497, 0.01945641299, 0.00983205827, 0.00324677296, -0.03211099250, -0.00611345726,
    -0.01102665513, -0.03510435347, -0.12916996737, 0.04123543396, -0.11947824761, -0.00807213830};
// clang-format on
}  // namespace golden

using Doubles = std::vector<double>;
double& at(Doubles& v, Index i) { return v[static_cast<std::size_t>(i)]; }
double at(const Doubles& v, Index i) { return v[static_cast<std::size_t>(i)]; }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// The kernels of a cell, and one token of it: a: the gates of the token, p = U h + c, h and cell:
/// values of the state, all of unit i; `width`: from gate to gate.
struct Gru {
  static constexpr Index gates = 3;
  static constexpr auto &golden = golden::gru, &golden_reversed = golden::gru_reversed;
  static Index cache_rows(Index width) { return esp::cpu::gru_cache_rows(width); }
  static Index scratch_rows(Index width) { return esp::cpu::gru_scratch_rows(width); }
  template <class... A>
  static void forward(const A&... a) {
    esp::cpu::gru_forward(esp::Cpu{}, a...);
  }
  template <class... A>
  static void backward(const A&... a) {
    esp::cpu::gru_backward(esp::Cpu{}, a...);
  }
  static void token(const double* a, const double* p, Index width, double& h, double&) {
    const double r = sigmoid(a[0] + p[0]), z = sigmoid(a[width] + p[width]);
    h = (1 - z) * std::tanh(a[2 * width] + r * p[2 * width]) + z * h;
  }
};

struct Lstm {
  static constexpr Index gates = 4;
  static constexpr auto &golden = golden::lstm, &golden_reversed = golden::lstm_reversed;
  static Index cache_rows(Index width) { return esp::cpu::lstm_cache_rows(width); }
  static Index scratch_rows(Index width) { return esp::cpu::lstm_scratch_rows(width); }
  template <class... A>
  static void forward(const A&... a) {
    esp::cpu::lstm_forward(esp::Cpu{}, a...);
  }
  template <class T>
  static void backward(const T* u, esp::View<const T> y, esp::View<const T> cache, esp::Segments s,
                       bool reversed, esp::View<T> dy, esp::View<T> dgates, T* du, T* dc,
                       T* scratch) {
    esp::cpu::lstm_backward(esp::Cpu{}, u, y, cache, s, reversed, esp::as_const(dy), dgates, du, dc,
                            scratch);
  }
  static void token(const double* a, const double* p, Index width, double& h, double& cell) {
    cell = sigmoid(a[width] + p[width]) * cell +
           sigmoid(a[0] + p[0]) * std::tanh(a[2 * width] + p[2 * width]);
    h = sigmoid(a[3 * width] + p[3 * width]) * std::tanh(cell);
  }
};

/// What the naive form reads, in double.
struct Inputs {
  Doubles u, c, gates;
};

/// y, sample by sample, token by token.
template <class Cell>
Doubles naive(Index width, const esp::Segments& s, bool reversed, const Inputs& in) {
  const Index rows = Cell::gates * width;
  Doubles y(static_cast<std::size_t>(width * s.columns()));
  for (Index j = 0; j < s.samples; ++j) {
    Doubles h(static_cast<std::size_t>(width)), cell = h, p(static_cast<std::size_t>(rows));
    for (Index step = 0; step < s.length(j); ++step) {
      const Index column = reversed ? s.end(j) - 1 - step : s.begin(j) + step;
      for (Index i = 0; i < rows; ++i) {
        at(p, i) = at(in.c, i);
        for (Index k = 0; k < width; ++k) at(p, i) += at(in.u, i * width + k) * at(h, k);
      }
      for (Index i = 0; i < width; ++i) {
        Cell::token(in.gates.data() + column * rows + i, p.data() + i, width, at(h, i),
                    at(cell, i));
        at(y, column * width + i) = at(h, i);
      }
    }
  }
  return y;
}

template <class T>
Doubles values(const Padded<T>& m) {
  Doubles v;
  for (Index j = 0; j < m.cols(); ++j) {
    for (Index i = 0; i < m.rows(); ++i) v.push_back(m(i, j));
  }
  return v;
}

/// A layer, its batch and everything that the kernels write, in fences.
template <class T, class Cell>
struct Layer {
  Index width;
  esp::Segments s;
  bool reversed;
  Padded<T> u, c, gates, y, cache, scratch, dy, dgates, du, dc;

  Layer(Index width_, const esp::Segments& s_, bool reversed_)
      : width(width_),
        s(s_),
        reversed(reversed_),
        u(Cell::gates * width * width, 1, 0, 1),
        c(Cell::gates * width, 1, 0, 3),
        gates(Cell::gates * width, s.columns(), 2, 1),
        y(width, s.columns(), 1, 2),
        cache(Cell::cache_rows(width), s.columns(), 3, 1),
        scratch(Cell::scratch_rows(width) * s.samples, 1, 0, 5),
        dy(width, s.columns(), 3, 0),
        dgates(Cell::gates * width, s.columns(), 1, 1),
        du(Cell::gates * width * width, 1, 0, 2),
        dc(Cell::gates * width, 1, 0, 1) {
    u.randomize(1, 1 / std::sqrt(static_cast<double>(width)));
    c.randomize(2);
    gates.randomize(3);
    dy.randomize(4);
    du.randomize(5);
    dc.randomize(6);
  }
  void forward() {
    Cell::template forward<>(static_cast<const T*>(u.data()), static_cast<const T*>(c.data()),
                             std::as_const(gates).view(), s, reversed, y.view(), cache.view(),
                             scratch.data());
  }
  void backward() {
    Cell::backward(static_cast<const T*>(u.data()), std::as_const(y).view(),
                   std::as_const(cache).view(), s, reversed, dy.view(), dgates.view(), du.data(),
                   dc.data(), scratch.data());
  }
  [[nodiscard]] Inputs inputs() const { return {values(u), values(c), values(gates)}; }
  [[nodiscard]] bool fenced() const {
    return u.fenced() && c.fenced() && gates.fenced() && y.fenced() && cache.fenced() &&
           scratch.fenced() && dy.fenced() && dgates.fenced() && du.fenced() && dc.fenced();
  }
};

/// Lengths of 0, 1, 2, 7 and 30 tokens in turn, mixed; offsets that start at 5.
std::vector<std::int32_t> mixed_offsets(Index samples, Index from) {
  constexpr std::int32_t lengths[] = {7, 0, 30, 1, 2};
  std::vector<std::int32_t> offsets{5};
  for (Index j = 0; j < samples; ++j)
    offsets.push_back(offsets.back() + lengths[(from + j * 3) % 5]);
  return offsets;
}

/// Calls check(layer) for all widths, directions and numbers of samples, with lengths that differ,
/// and with a fixed number of steps.
template <class T, class Cell, class Check>
void every_layer(const Check& check) {
  for (const Index width : {1, 3, 8, 17, 32}) {
    for (Index samples = 1; samples <= 9; ++samples) {
      const bool reversed = (samples + width) % 2 == 0;
      CAPTURE(width);
      CAPTURE(samples);
      const auto offsets = mixed_offsets(samples, samples + width);
      check(Layer<T, Cell>(width, {samples, offsets.data(), 1}, reversed));
      check(Layer<T, Cell>(width, {samples, nullptr, samples % 4}, !reversed));
    }
  }
}

template <class T, class Cell>
void values_are_those_of_the_naive_form() {
  double worst = 0;
  every_layer<T, Cell>([&](Layer<T, Cell> layer) {
    layer.forward();
    const Doubles y = naive<Cell>(layer.width, layer.s, layer.reversed, layer.inputs());
    keep_worst(worst, worst_error(
                          layer.y, [&](Index i, Index j) { return at(y, j * layer.width + i); },
                          [](Index, Index) { return epsilon_of<T>; }));
    CHECK(layer.fenced());
  });
  MESSAGE("values: ", worst, " epsilons at most");
  CHECK(worst < 16);
}

/// Compares the gradient of one tensor with central differences of Σ dy ∘ y: single places, few if
/// the tensor is large, and one direction in which all places change.
template <class Loss>
double worst_difference(Index width, Inputs& in, Doubles& of, const Doubles& gradient,
                        const Loss& loss) {
  constexpr double small = 1e-5;
  double worst = 0;
  const Index n = static_cast<Index>(of.size()), stride = 1 + n * width / 400;
  const auto compare = [&](const Doubles& direction) {
    const Doubles kept = of;
    double difference = 0, expected = 0, size = 0;
    for (const double sign : {1.0, -1.0}) {
      for (Index i = 0; i < n; ++i) at(of, i) = at(kept, i) + sign * small * at(direction, i);
      difference += sign * loss(in) / (2 * small);
    }
    of = kept;
    for (Index i = 0; i < n; ++i) {
      expected += at(gradient, i) * at(direction, i);
      size += std::abs(at(gradient, i) * at(direction, i));
    }
    keep_worst(worst, std::abs(difference - expected) / (1 + size));
  };
  Doubles direction(of.size(), 0);
  for (Index i = 0; i < n; i += stride) {
    at(direction, i) = 1;
    compare(direction);
    at(direction, i) = 0;
  }
  for (Index i = 0; i < n; ++i) at(direction, i) = std::sin(static_cast<double>(i * i) + 1);
  compare(direction);
  return worst;
}

template <class T, class Cell>
void gradients_are_central_differences() {
  double worst = 0;
  every_layer<T, Cell>([&](Layer<T, Cell> layer) {
    const Doubles dy = values(layer.dy), du = values(layer.du), dc = values(layer.dc);
    const auto added = [](const Padded<T>& now, const Doubles& before) {
      Doubles v = values(now);
      for (std::size_t i = 0; i < v.size(); ++i) v[i] -= before[i];
      return v;
    };
    layer.forward();
    layer.backward();
    CHECK(layer.fenced());
    if (layer.s.samples % 4 != 1 && layer.width > 8) return;  // which takes long
    Inputs in = layer.inputs();
    const auto loss = [&](const Inputs& at_inputs) {
      const Doubles y = naive<Cell>(layer.width, layer.s, layer.reversed, at_inputs);
      double sum = 0;
      for (std::size_t i = 0; i < y.size(); ++i) sum += dy[i] * y[i];
      return sum;
    };
    keep_worst(worst, worst_difference(layer.width, in, in.gates, values(layer.dgates), loss));
    keep_worst(worst, worst_difference(layer.width, in, in.u, added(layer.du, du), loss));
    keep_worst(worst, worst_difference(layer.width, in, in.c, added(layer.dc, dc), loss));
  });
  MESSAGE("gradients: ", worst, " at most");
  CHECK(worst < 1e-8 + 20 * epsilon_of<T>);
}

/// Sets element i of m, counted along the columns, to value(i).
template <class T, class Value>
void set(Padded<T>& m, Value value) {
  for (Index j = 0; j < m.cols(); ++j) {
    for (Index i = 0; i < m.rows(); ++i)
      m.at(i, j) = static_cast<T>(value(static_cast<double>(j * m.rows() + i)));
  }
}

template <class T, class Cell>
void values_and_gradients_are_those_of_pytorch() {
  const std::int32_t offsets[] = {0, 3, 4, 6};
  for (const bool reversed : {false, true}) {
    Layer<T, Cell> layer(2, {3, offsets, 1}, reversed);
    set(layer.u, [](double i) { return 0.8 * std::sin(1.3 * i + 0.2); });
    set(layer.c, [](double i) { return 0.5 * std::cos(0.9 * i); });
    set(layer.gates, [](double i) { return 1.5 * std::sin(0.7 * i + 1); });
    set(layer.dy, [](double i) { return std::cos(1.1 * i); });
    layer.du.fill(0);
    layer.dc.fill(0);
    layer.forward();
    layer.backward();
    Doubles found;
    for (const auto* part : {&layer.y, &layer.dgates, &layer.du, &layer.dc}) {
      const Doubles v = values(*part);
      found.insert(found.end(), v.begin(), v.end());
    }
    const auto& golden = reversed ? Cell::golden_reversed : Cell::golden;
    REQUIRE(found.size() == std::size(golden));
    double worst = 0;
    for (std::size_t i = 0; i < found.size(); ++i)
      keep_worst(worst, std::abs(found[i] - golden[i]));
    CHECK(worst < 1e-11 + 4 * epsilon_of<T>);
  }
}

/// More samples than are processed side by side; the same with each sample in a call of its own.
template <class T, class Cell>
void samples_beside_change_rounding_only() {
  constexpr Index width = 9, samples = 150;
  std::vector<std::int32_t> offsets{2};
  for (Index j = 0; j < samples; ++j)
    offsets.push_back(offsets.back() + static_cast<std::int32_t>(j * j % 6));
  for (const bool reversed : {false, true}) {
    Layer<T, Cell> all(width, {samples, offsets.data(), 1}, reversed), alone = all, again = all;
    const auto run = [](Layer<T, Cell>& layer) {
      layer.forward();
      layer.backward();
    };
    run(all);
    run(again);
    CHECK(all.fenced());
    CHECK((values(all.du) == values(again.du) && values(all.dgates) == values(again.dgates)));
    const esp::Segments whole = all.s;
    double worst = 0;
    for (Index j = 0; j < samples; ++j) {
      Layer<T, Cell> one(width, {1, offsets.data() + j, 1}, reversed);
      for (Index i = 0; i < one.gates.cols(); ++i) {
        std::copy_n(all.gates.view().column(whole.begin(j) + i), one.gates.rows(),
                    one.gates.view().column(i));
        std::copy_n(alone.dy.view().column(whole.begin(j) + i), width, one.dy.view().column(i));
      }
      one.du = alone.du;
      one.dc = alone.dc;
      run(one);
      alone.du = one.du;
      alone.dc = one.dc;
      for (Index i = 0; i < one.gates.cols(); ++i) {
        for (Index k = 0; k < width; ++k)
          keep_worst(worst, std::abs(one.y(k, i) - all.y(k, whole.begin(j) + i)));
        for (Index k = 0; k < one.gates.rows(); ++k)
          keep_worst(worst, std::abs(one.dgates(k, i) - all.dgates(k, whole.begin(j) + i)));
      }
    }
    CHECK(worst < 40 * epsilon_of<T>);
    CHECK(worst_error(
              alone.du, [&](Index i, Index) { return all.du(i, 0); },
              [&](Index, Index) { return 1000 * epsilon_of<T>; }) <= 1);
    CHECK(worst_error(
              alone.dc, [&](Index i, Index) { return all.dc(i, 0); },
              [&](Index, Index) { return 1000 * epsilon_of<T>; }) <= 1);
  }
}

/// Without a cache the values are the same; gates far from 0 saturate, and a NaN stays in its
/// sample and does not reach the tokens before it.
template <class T, class Cell>
void extremes() {
  for (const Index width : {3, 20}) {
    Layer<T, Cell> layer(width, {3, nullptr, 4}, false);
    layer.forward();
    const Doubles y = values(layer.y);
    layer.y.fill(0);
    Cell::forward(static_cast<const T*>(layer.u.data()), static_cast<const T*>(layer.c.data()),
                  std::as_const(layer.gates).view(), layer.s, false, layer.y.view(), esp::View<T>{},
                  layer.scratch.data());
    CHECK(values(layer.y) == y);

    layer.gates.at(0, 1) = T{10000};
    layer.gates.at(width + 1, 2) = T{-10000};
    layer.gates.at(2 * width, 3) = T{-10000};
    layer.gates.at(1, 6) = std::numeric_limits<T>::quiet_NaN();
    layer.forward();
    layer.backward();
    for (Index j = 0; j < 12; ++j) {
      const bool spoilt = j == 6 || j == 7;
      CAPTURE(j);
      CHECK(std::isnan(layer.y(1, j)) == spoilt);
      CHECK((spoilt || std::abs(layer.y(0, j)) <= 1));
      CHECK(std::isnan(layer.dgates(1, j)) == (j >= 4 && j < 8));
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("GRU and LSTM: values are those of a naive form", T, float, double) {
  with_each_instruction_set([](auto) {
    values_are_those_of_the_naive_form<T, Gru>();
    values_are_those_of_the_naive_form<T, Lstm>();
  });
}

TEST_CASE_TEMPLATE("GRU and LSTM: gradients of gates, weights and biases are central differences",
                   T, float, double) {
  gradients_are_central_differences<T, Gru>();
  gradients_are_central_differences<T, Lstm>();
}

TEST_CASE_TEMPLATE("GRU and LSTM: values and gradients are PyTorch's", T, float, double) {
  values_and_gradients_are_those_of_pytorch<T, Gru>();
  values_and_gradients_are_those_of_pytorch<T, Lstm>();
}

TEST_CASE_TEMPLATE("GRU and LSTM: the samples beside a sample change its rounding only", T, float,
                   double) {
  with_each_instruction_set([](auto) {
    samples_beside_change_rounding_only<T, Gru>();
    samples_beside_change_rounding_only<T, Lstm>();
  });
}

TEST_CASE_TEMPLATE("GRU and LSTM: without a cache, saturated, with a NaN", T, float, double) {
  extremes<T, Gru>();
  extremes<T, Lstm>();
}

TEST_CASE("GRU and LSTM: no samples, and samples without tokens") {
  const std::int32_t none[] = {4, 4, 4};
  for (const esp::Segments& s : {esp::Segments{0, none, 1}, esp::Segments{2, none, 1}}) {
    Layer<float, Gru> gru(3, s, false);
    Layer<float, Lstm> lstm(3, s, true);
    const Doubles before = values(gru.du);
    gru.forward();
    gru.backward();
    lstm.forward();
    lstm.backward();
    CHECK((gru.fenced() && lstm.fenced()));
    CHECK(values(gru.du) == before);
  }
}

TEST_CASE("GRU and LSTM: sigma and tanh of registers are within 4 ulp") {
  using esp::FloatRegister;
  double worst_gate = 0, worst_tangent = 0;
  const auto error = [](float found, double wanted) {
    return std::abs(static_cast<double>(found) - wanted) / (std::abs(wanted) * epsilon_of<float>);
  };
  for (int i = -40000; i <= 40000; ++i) {
    const float x = std::sinh(static_cast<float>(i) * 3e-4F) * 1e-3F;  // 8e-7 … 81
    const auto all = esp::splat<FloatRegister>(x);
    const double z = static_cast<double>(x);
    keep_worst(worst_gate, error(esp::cpu::sigmoid(all)[0], sigmoid(z)));
    if (i != 0)
      keep_worst(worst_tangent, error(esp::cpu::hyperbolic_tangent(all)[0], std::tanh(z)));
  }
  MESSAGE("sigma, tanh: ", worst_gate, " ", worst_tangent, " ulp at most");
  for (const double worst : {worst_gate, worst_tangent}) {
    CHECK(worst < 4);
    CHECK(worst > 0.4);  // the errors were measured
  }
}
