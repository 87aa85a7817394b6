// SPDX-License-Identifier: Apache-2.0
// Attention of one query per sample against the naive form in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/target_attention.hpp"
#include "kernels/padded.hpp"
#include "support/instruction_sets.hpp"
#include "support/worst.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

/// Samples of several lengths, with and without tokens; the first offset is not 0.
const std::vector<std::int32_t> offsets{5, 5, 6, 8, 8, 23, 39, 56, 89, 159, 223, 288, 423, 423};
const esp::Segments segments{static_cast<Index>(offsets.size()) - 1, offsets.data(), 7};

struct Setting {
  Index heads, d;
  [[nodiscard]] Index width() const { return heads * d; }
};

template <class F>
void for_each_setting(F f) {
  for (const Index heads : {1, 2, 3}) {
    for (const Index d : {1, 3, 4, 5, 16, 33}) f(Setting{heads, d});
  }
}

/// One head of a sample, in double.
struct Head {
  std::vector<double> weights, slopes;  ///< slopes: the gradients of ⟨q, k⟩

  template <class T>
  Head(const Padded<T>& q, const Padded<T>& kv, const Padded<T>& dy, const Setting& s, Index head,
       Index sample, Index begin, Index end) {
    const double scale = 1 / std::sqrt(static_cast<double>(s.d));
    double most = -std::numeric_limits<double>::infinity(), sum = 0, mean = 0;
    for (Index u = begin; u < end; ++u) {
      double dot = 0, slope = 0;
      for (Index r = head * s.d; r < (head + 1) * s.d; ++r) {
        dot += scale * q(r, sample) * kv(r, u);
        slope += kv(s.width() + r, u) * dy(r, sample);
      }
      weights.push_back(dot);
      slopes.push_back(slope);
      most = (std::max)(most, dot);
    }
    for (double& w : weights) sum += w = std::exp(w - most);
    for (double& w : weights) w /= sum;
    for (std::size_t u = 0; u < weights.size(); ++u) mean += weights[u] * slopes[u];
    for (std::size_t u = 0; u < weights.size(); ++u)
      slopes[u] = weights[u] * (slopes[u] - mean) * scale;
  }
};

template <class T>
struct Run {
  Setting s;
  Padded<T> q, kv, y, weights, dy, dq, dkv;

  Run(const Setting& setting, Index samples, Index tokens)
      : s(setting),
        q(s.width(), samples, s.d % 3, 1),
        kv(2 * s.width(), tokens, s.d % 2, 2),
        y(s.width(), samples, s.d % 4, 3),
        weights(s.heads, tokens, s.d % 5, 1),
        dy(s.width(), samples, s.heads % 2, 2),
        dq(s.width(), samples, s.heads % 3, 1),
        dkv(2 * s.width(), tokens, s.d % 3, 3) {
    q.randomize(1);
    kv.randomize(2);
    dy.randomize(3);
  }

  void forward(esp::Segments of) {
    esp::cpu::target_attention_forward(esp::Cpu{}, std::as_const(q).view(),
                                       std::as_const(kv).view(), of, s.heads, y.view(),
                                       weights.view());
  }
  void backward(esp::Segments of, bool accumulate_q, bool accumulate_kv, bool want_q = true,
                bool want_kv = true) {
    esp::cpu::target_attention_backward(esp::Cpu{}, std::as_const(q).view(),
                                        std::as_const(kv).view(), of, s.heads,
                                        std::as_const(weights).view(), std::as_const(dy).view(),
                                        want_q ? dq.view() : esp::View<T>{}, accumulate_q,
                                        want_kv ? dkv.view() : esp::View<T>{}, accumulate_kv);
  }
  [[nodiscard]] bool fenced() const {
    return y.fenced() && weights.fenced() && dq.fenced() && dkv.fenced();
  }
};

/// A matrix of doubles, of zeros.
struct Matrix {
  Index rows;
  std::vector<double> values;
  Matrix(Index r, Index cols) : rows(r), values(static_cast<std::size_t>(r * cols), 0.0) {}
  double& operator()(Index i, Index j) { return values[static_cast<std::size_t>(i + j * rows)]; }
};

template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 2e-6 : 1e-13;

/// |got − expected| ≤ tolerance · (1 + |expected|); `before` is added to what is expected.
template <class T>
bool equal(const Padded<T>& got, Matrix& expected, const Padded<T>* before = nullptr) {
  const auto value = [&](Index i, Index j) {
    return expected(i, j) + (before != nullptr ? (*before)(i, j) : 0);
  };
  return worst_error(got, value, [&](Index i, Index j) {
           return tolerance<T> * (1 + std::abs(value(i, j)));
         }) <= 1;
}

}  // namespace

TEST_CASE_TEMPLATE("target attention: values and gradients", T, float, double) {
  for_each_setting([](const Setting& s) {
    CAPTURE(s.heads);
    CAPTURE(s.d);
    const Index w = s.width(), samples = segments.samples, tokens = segments.columns();
    Run<T> run(s, samples, tokens);
    Matrix y(w, samples), weights(s.heads, tokens), dq(w, samples), dkv(2 * w, tokens);
    for (Index j = 0; j < samples; ++j) {
      const Index begin = segments.begin(j), end = segments.end(j);
      for (Index h = 0; h < s.heads; ++h) {
        const Head head(run.q, run.kv, run.dy, s, h, j, begin, end);
        for (Index u = begin; u < end; ++u) {
          const double a = head.weights[static_cast<std::size_t>(u - begin)];
          const double slope = head.slopes[static_cast<std::size_t>(u - begin)];
          weights(h, u) = a;
          for (Index r = h * s.d; r < (h + 1) * s.d; ++r) {
            y(r, j) += a * run.kv(w + r, u);
            dq(r, j) += slope * run.kv(r, u);
            dkv(r, u) = slope * run.q(r, j);
            dkv(w + r, u) = a * run.dy(r, j);
          }
        }
      }
    }
    with_each_instruction_set([&](esp::InstructionSet) {
      run.y.fill(std::numeric_limits<T>::quiet_NaN());
      run.forward(segments);
      CHECK(equal(run.y, y));
      CHECK(equal(run.weights, weights));
      for (const bool accumulate_q : {false, true}) {
        for (const bool accumulate_kv : {false, true}) {
          run.dq.randomize(4);
          run.dkv.randomize(5);
          const Padded<T> q_before = run.dq, kv_before = run.dkv;
          run.backward(segments, accumulate_q, accumulate_kv);
          CHECK(equal(run.dq, dq, accumulate_q ? &q_before : nullptr));
          CHECK(equal(run.dkv, dkv, accumulate_kv ? &kv_before : nullptr));
        }
      }
      for (const bool want_q : {false, true}) {
        run.dq.fill(7);
        run.dkv.fill(7);
        run.backward(segments, false, false, want_q, !want_q);
        Matrix sevens(2 * w, tokens);
        std::fill(sevens.values.begin(), sevens.values.end(), 7.0);
        CHECK(equal(run.dkv, want_q ? sevens : dkv));
        sevens.rows = w;
        CHECK(equal(run.dq, want_q ? dq : sevens));
      }
      CHECK(run.fenced());
    });
  });
}

TEST_CASE("target attention: gradients by central differences") {
  const esp::Segments three{3, nullptr, 5};
  for_each_setting([&](const Setting& s) {
    if (s.d > 5) return;
    CAPTURE(s.heads);
    CAPTURE(s.d);
    Run<double> run(s, 3, 15);
    run.forward(three);
    run.backward(three, false, false);
    constexpr double step = 1e-5;
    double worst = 0, largest = 0;
    const auto compare = [&](Padded<double>& x, const Padded<double>& gradient) {
      for (Index j = 0; j < x.cols(); ++j) {
        for (Index i = 0; i < x.rows(); ++i) {
          const double value = x(i, j);
          double difference = 0;
          for (const double sign : {1.0, -1.0}) {
            x.at(i, j) = value + sign * step;
            run.forward(three);
            for (Index c = 0; c < 3; ++c) {
              for (Index r = 0; r < s.width(); ++r)
                difference += sign * run.y(r, c) * run.dy(r, c) / (2 * step);
            }
          }
          x.at(i, j) = value;
          keep_worst(worst, std::abs(difference - gradient(i, j)));
          keep_worst(largest, std::abs(gradient(i, j)));
        }
      }
    };
    compare(run.q, run.dq);
    compare(run.kv, run.dkv);
    CHECK(worst <= 1e-6 * largest);
  });
}

TEST_CASE_TEMPLATE("target attention: a sample's results do not depend on other samples", T, float,
                   double) {
  for_each_setting([](const Setting& s) {
    Run<T> together(s, segments.samples, segments.columns());
    together.forward(segments);
    together.backward(segments, false, false);
    for (Index j = 0; j < segments.samples; ++j) {
      const Index begin = segments.begin(j), length = segments.length(j);
      Run<T> alone(s, 1, length);
      for (Index i = 0; i < s.width(); ++i) {
        alone.q.at(i, 0) = together.q.at(i, j);
        alone.dy.at(i, 0) = together.dy.at(i, j);
      }
      for (Index t = 0; t < length; ++t) {
        for (Index i = 0; i < 2 * s.width(); ++i) alone.kv.at(i, t) = together.kv.at(i, begin + t);
      }
      alone.forward({1, nullptr, length});
      alone.backward({1, nullptr, length}, false, false);
      const auto same = [](const Padded<T>& one, const Padded<T>& all, Index first) {
        return worst_error(
                   one, [&](Index i, Index t) { return all(i, first + t); },
                   [](Index, Index) { return 0.0; }) == 0;
      };
      CHECK(same(alone.y, together.y, j));
      CHECK(same(alone.dq, together.dq, j));
      CHECK(same(alone.weights, together.weights, begin));
      CHECK(same(alone.dkv, together.dkv, begin));
    }
  });
}

TEST_CASE_TEMPLATE("target attention: huge scores give finite results", T, float, double) {
  for_each_setting([](const Setting& s) {
    Run<T> run(s, segments.samples, segments.columns());
    run.q.randomize(6, 1e3);
    run.kv.randomize(7, 1e3);
    run.forward(segments);
    run.backward(segments, false, false);
    const auto is_finite = [](const Padded<T>& x) {
      return worst_error(
                 x, [](Index, Index) { return 0.0; }, [](Index, Index) { return 1.0; }) <
             std::numeric_limits<double>::infinity();
    };
    CHECK(is_finite(run.y));
    CHECK(is_finite(run.weights));
    CHECK(is_finite(run.dq));
    CHECK(is_finite(run.dkv));
  });
}
