// SPDX-License-Identifier: Apache-2.0
// Self-attention against the naive form in double: all pairs of tokens, weights kept.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/kernels/cpu/attention.hpp"
#include "kernels/padded.hpp"
#include "support/instruction_sets.hpp"
#include "support/worst.hpp"

using namespace espalier_test;
namespace esp = espalier;

namespace {

enum class Kind { softmax, pointwise };

struct Setting {
  Index heads, d;
  bool causal;
  Kind kind;
  Index distances = 0;  ///< with a bias of their own; 0: no bias

  [[nodiscard]] Index width() const { return heads * d; }
  [[nodiscard]] esp::Attention attention() const { return {heads, causal}; }
  [[nodiscard]] esp::DistanceBuckets buckets() const { return {distances, causal}; }
  [[nodiscard]] Index bucket_count() const { return distances > 0 ? buckets().count() : 0; }
};

template <class F>
void for_each_setting(std::initializer_list<Index> heads, std::initializer_list<Index> ds, F f) {
  for (const Index h : heads) {
    for (const Index d : ds) {
      for (const bool causal : {false, true}) {
        for (const Kind kind : {Kind::softmax, Kind::pointwise}) f(Setting{h, d, causal, kind, 0});
      }
    }
  }
}

/// Samples of these lengths; the first offset is not 0.
class Samples {
 public:
  Samples(std::initializer_list<Index> lengths) {
    for (const Index n : lengths)
      offsets_.push_back(offsets_.back() + static_cast<std::int32_t>(n));
  }
  [[nodiscard]] esp::Segments segments() const {
    return {static_cast<Index>(offsets_.size()) - 1, offsets_.data(), 7};
  }

 private:
  std::vector<std::int32_t> offsets_{3};
};

/// A matrix of doubles, of zeros.
class Matrix {
 public:
  Matrix(Index rows, Index cols)
      : rows_(rows), values_(static_cast<std::size_t>(rows * cols), 0.0) {}
  double& operator()(Index i, Index j) { return values_[static_cast<std::size_t>(i + j * rows_)]; }
  double operator()(Index i, Index j) const {
    return values_[static_cast<std::size_t>(i + j * rows_)];
  }
  [[nodiscard]] double largest() const {
    double most = 0;
    for (const double v : values_) keep_worst(most, std::abs(v));
    return most;
  }

 private:
  Index rows_;
  std::vector<double> values_;
};

/// One head's weights of query i over the tokens [begin, end) that it attends to.
struct Weights {
  std::vector<double> scores, weights;
  double log_sum = 0;

  template <class T>
  Weights(const Padded<T>& qkv, const Padded<T>& bias, const Setting& s, Index head, Index i,
          Index begin, Index end) {
    const Index q = head * s.d, k = q + s.width();
    double most = -std::numeric_limits<double>::infinity(), sum = 0;
    for (Index u = begin; u < end; ++u) {
      double dot = 0;
      for (Index c = 0; c < s.d; ++c) dot += qkv(q + c, i) * qkv(k + c, u);
      scores.push_back(dot / std::sqrt(static_cast<double>(s.d)));
      if (s.distances > 0) scores.back() += bias(s.buckets().of(i - u), head);
      most = (std::max)(most, scores.back());
    }
    for (const double score : scores) sum += std::exp(score - most);
    log_sum = most + std::log(sum);
    for (const double score : scores) {
      weights.push_back(s.kind == Kind::softmax ? std::exp(score - log_sum)
                                                : score / (1 + std::exp(-score)) / count());
    }
  }

  [[nodiscard]] double count() const { return static_cast<double>(scores.size()); }

  /// The gradients of the scores, from those of the weights.
  [[nodiscard]] std::vector<double> gradients(const std::vector<double>& of_weights,
                                              Kind kind) const {
    std::vector<double> made;
    double mean = 0;
    for (std::size_t u = 0; u < weights.size(); ++u) mean += weights[u] * of_weights[u];
    for (std::size_t u = 0; u < weights.size(); ++u) {
      const double sigmoid = 1 / (1 + std::exp(-scores[u]));
      made.push_back(kind == Kind::softmax
                         ? weights[u] * (of_weights[u] - mean)
                         : sigmoid * (1 + scores[u] * (1 - sigmoid)) * of_weights[u] / count());
    }
    return made;
  }
};

/// The naive form, with its gradients.
struct Naive {
  Matrix y, log_sum, dqkv, dbias, bias_terms;  ///< bias_terms: sums of magnitudes

  template <class T>
  Naive(const Padded<T>& qkv, const Padded<T>& bias, const Padded<T>& dy, esp::Segments segments,
        const Setting& s)
      : y(s.width(), qkv.cols()),
        log_sum(s.heads, qkv.cols()),
        dqkv(3 * s.width(), qkv.cols()),
        dbias(s.bucket_count(), s.heads),
        bias_terms(s.bucket_count(), s.heads) {
    for (Index j = 0; j < segments.samples; ++j) {
      const Index begin = segments.begin(j), end = segments.end(j);
      for (Index h = 0; h < s.heads; ++h) {
        for (Index i = begin; i < end; ++i)
          add(qkv, bias, dy, s, h, i, begin, s.causal ? i + 1 : end);
      }
    }
  }

 private:
  template <class T>
  void add(const Padded<T>& qkv, const Padded<T>& bias, const Padded<T>& dy, const Setting& s,
           Index h, Index i, Index begin, Index end) {
    const Weights w(qkv, bias, s, h, i, begin, end);
    const Index q = h * s.d, k = q + s.width(), v = k + s.width();
    std::vector<double> of_weights;
    log_sum(h, i) = w.log_sum;
    for (Index u = begin; u < end; ++u) {
      const double weight = w.weights[static_cast<std::size_t>(u - begin)];
      double dot = 0;
      for (Index c = 0; c < s.d; ++c) {
        y(q + c, i) += weight * qkv(v + c, u);
        dqkv(v + c, u) += weight * dy(q + c, i);
        dot += qkv(v + c, u) * dy(q + c, i);
      }
      of_weights.push_back(dot);
    }
    const std::vector<double> of_scores = w.gradients(of_weights, s.kind);
    for (Index u = begin; u < end; ++u) {
      if (s.distances > 0) {
        const double slope = of_scores[static_cast<std::size_t>(u - begin)];
        dbias(s.buckets().of(i - u), h) += slope;
        bias_terms(s.buckets().of(i - u), h) += std::abs(slope);
      }
      const double g =
          of_scores[static_cast<std::size_t>(u - begin)] / std::sqrt(static_cast<double>(s.d));
      for (Index c = 0; c < s.d; ++c) {
        dqkv(q + c, i) += g * qkv(k + c, u);
        dqkv(k + c, u) += g * qkv(q + c, i);
      }
    }
  }
};

/// Operands of the kernels, padded in different ways.
template <class T>
struct Run {
  Setting s;
  Padded<T> qkv, y, log_sum, dy, dqkv;
  Padded<T> bias, dbias;  ///< a column per head

  Run(const Setting& setting, Index tokens)
      : s(setting),
        qkv(3 * s.width(), tokens, s.d % 3, 1),
        y(s.width(), tokens, s.d % 2, 3),
        log_sum(s.heads, tokens, s.d % 4, 2),
        dy(s.width(), tokens, s.d % 5, 1),
        dqkv(3 * s.width(), tokens, s.heads % 3, 2),
        bias(s.bucket_count(), s.heads, 0, 1),
        dbias(s.bucket_count(), s.heads, 0, 3) {
    qkv.randomize(1, 0.7);
    dy.randomize(2);
    bias.randomize(5, 0.6);
    dbias.fill(0);
  }

  [[nodiscard]] esp::AttentionBias<T> attention_bias() {
    if (s.distances == 0) return {};
    return {s.buckets(), bias.data(), dbias.data()};
  }
  void forward(esp::Segments segments) {
    if (s.kind == Kind::softmax) {
      esp::cpu::attention_forward(esp::Cpu{}, std::as_const(qkv).view(), segments, s.attention(),
                                  y.view(), log_sum.view(), attention_bias());
    } else {
      esp::cpu::pointwise_attention_forward(esp::Cpu{}, std::as_const(qkv).view(), segments,
                                            s.attention(), y.view(), attention_bias());
    }
  }
  void backward(esp::Segments segments, bool accumulate = false) {
    if (s.kind == Kind::softmax) {
      esp::cpu::attention_backward(esp::Cpu{}, std::as_const(qkv).view(), segments, s.attention(),
                                   std::as_const(y).view(), std::as_const(log_sum).view(),
                                   std::as_const(dy).view(), dqkv.view(), accumulate,
                                   attention_bias());
    } else {
      esp::cpu::pointwise_attention_backward(esp::Cpu{}, std::as_const(qkv).view(), segments,
                                             s.attention(), std::as_const(dy).view(), dqkv.view(),
                                             accumulate, attention_bias());
    }
  }
  [[nodiscard]] bool fenced() const {
    return qkv.fenced() && y.fenced() && log_sum.fenced() && dy.fenced() && dqkv.fenced() &&
           bias.fenced() && dbias.fenced();
  }
};

template <class T>
constexpr double tolerance = std::is_same_v<T, float> ? 1e-6 : 1e-12;

/// Errors relative to the largest value.
template <class T>
void check_against_naive(const Setting& s, esp::Segments segments) {
  CAPTURE(s.heads);
  CAPTURE(s.d);
  CAPTURE(s.causal);
  CAPTURE(static_cast<int>(s.kind));
  CAPTURE(s.distances);
  Run<T> run(s, segments.columns());
  const Naive naive(run.qkv, run.bias, run.dy, segments, s);
  const auto bound = [](const Matrix& m) {
    return [error = tolerance<T> * m.largest()](Index, Index) { return error; };
  };
  const double largest = naive.dqkv.largest();
  with_each_instruction_set([&](esp::InstructionSet) {
    for (const bool accumulate : {false, true}) {
      run.y.fill(std::numeric_limits<T>::quiet_NaN());
      run.log_sum.fill(std::numeric_limits<T>::quiet_NaN());
      run.dqkv.fill(std::numeric_limits<T>::quiet_NaN());
      if (accumulate) run.dqkv.randomize(3);
      run.dbias.randomize(6);  // its gradients are always added
      const Padded<T> before = run.dqkv, bias_before = run.dbias;
      run.forward(segments);
      run.backward(segments, accumulate);
      CHECK(worst_error(run.y, naive.y, bound(naive.y)) <= 1);
      if (s.kind == Kind::softmax)
        CHECK(worst_error(run.log_sum, naive.log_sum, bound(naive.log_sum)) <= 1);
      const auto old = [&](Index i, Index j) { return accumulate ? before(i, j) : 0; };
      CHECK(worst_error(
                run.dqkv, [&](Index i, Index j) { return old(i, j) + naive.dqkv(i, j); },
                [&](Index i, Index j) { return tolerance<T> * (largest + std::abs(old(i, j))); }) <=
            1);
      CHECK(worst_error(
                run.dbias, [&](Index i, Index j) { return bias_before(i, j) + naive.dbias(i, j); },
                [&](Index i, Index j) {
                  return tolerance<T> * (naive.bias_terms(i, j) + std::abs(bias_before(i, j)));
                }) <= 1);
      CHECK(run.fenced());
    }
  });
}

}  // namespace

TEST_CASE_TEMPLATE("attention: values and gradients for samples of many lengths", T, float,
                   double) {
  const Samples samples{2, 0, 1, 17, 70, 15, 0, 33, 16};
  for_each_setting({1, 2, 3}, {1, 3, 5, 16, 33},
                   [&](const Setting& s) { check_against_naive<T>(s, samples.segments()); });
}

TEST_CASE_TEMPLATE("attention: lengths and heads around the size of a tile", T, float, double) {
  const Samples samples{63, 64, 65, 130};
  const auto check = [&](const Setting& s) { check_against_naive<T>(s, samples.segments()); };
  for_each_setting({1}, {4, 64, 131}, check);
  for_each_setting({2}, {65}, check);
}

TEST_CASE_TEMPLATE("attention: a bias by distance", T, float, double) {
  const Samples samples{2, 0, 1, 17, 130, 0, 33, 64, 65};
  for (const Index distances : {1, 2, 7, 64, 65, 200}) {
    for_each_setting({1, 3}, {3, 16}, [&](Setting s) {
      s.distances = distances;
      check_against_naive<T>(s, samples.segments());
    });
  }
}

TEST_CASE_TEMPLATE("attention: the same number of tokens in every sample", T, float, double) {
  for_each_setting({2}, {6}, [&](const Setting& s) {
    for (const Index steps : {0, 1, 2, 10, 67}) check_against_naive<T>(s, {3, nullptr, steps});
  });
}

TEST_CASE("attention: gradients by central differences") {
  const Samples samples{5, 0, 1, 17, 2};
  const esp::Segments segments = samples.segments();
  const auto check = [&](const Setting& s) {
    CAPTURE(s.heads);
    CAPTURE(s.d);
    CAPTURE(s.causal);
    CAPTURE(static_cast<int>(s.kind));
    CAPTURE(s.distances);
    Run<double> run(s, segments.columns());
    run.forward(segments);
    run.backward(segments);
    const auto product = [&] {
      run.forward(segments);
      double sum = 0;
      for (Index j = 0; j < run.y.cols(); ++j) {
        for (Index i = 0; i < run.y.rows(); ++i) sum += run.y(i, j) * run.dy(i, j);
      }
      return sum;
    };
    const auto check_gradient = [&](Padded<double>& x, const Padded<double>& dx) {
      constexpr double step = 1e-5;
      double worst = 0, largest = 0;
      for (Index j = 0; j < x.cols(); ++j) {
        for (Index i = 0; i < x.rows(); ++i) {
          const double value = x(i, j);
          x.at(i, j) = value + step;
          const double above = product();
          x.at(i, j) = value - step;
          const double below = product();
          x.at(i, j) = value;
          keep_worst(worst, std::abs((above - below) / (2 * step) - dx(i, j)));
          keep_worst(largest, std::abs(dx(i, j)));
        }
      }
      CHECK(worst <= 1e-6 * (largest + 1e-3));  // one bucket for all pairs changes no softmax
    };
    check_gradient(run.qkv, run.dqkv);
    if (s.distances > 0) check_gradient(run.bias, run.dbias);
  };
  for_each_setting({1, 2}, {1, 3}, check);
  for (const Index distances : {1, 4, 30}) {
    for_each_setting({2}, {3}, [&](Setting s) {
      s.distances = distances;
      check(s);
    });
  }
}

TEST_CASE_TEMPLATE("attention: a sample's results do not depend on other samples", T, float,
                   double) {
  const Samples samples{17, 70, 0, 3, 129};
  const esp::Segments segments = samples.segments();
  for_each_setting({2}, {5, 16}, [&](Setting s) {
    s.distances = s.d == 5 ? 0 : 20;
    Run<T> together(s, segments.columns());
    together.forward(segments);
    together.backward(segments);
    for (Index j = 0; j < segments.samples; ++j) {
      const Index begin = segments.begin(j), length = segments.length(j);
      Run<T> alone(s, length);
      for (Index t = 0; t < length; ++t) {
        for (Index i = 0; i < 3 * s.width(); ++i)
          alone.qkv.at(i, t) = together.qkv.at(i, begin + t);
        for (Index i = 0; i < s.width(); ++i) alone.dy.at(i, t) = together.dy.at(i, begin + t);
      }
      alone.forward({1, nullptr, length});
      alone.backward({1, nullptr, length});
      const auto none = [](Index, Index) { return 0.0; };
      const auto same = [&](const Padded<T>& one, const Padded<T>& all) {
        return worst_error(
                   one, [&](Index i, Index t) { return all(i, begin + t); }, none) == 0;
      };
      CHECK(same(alone.y, together.y));
      CHECK(same(alone.log_sum, together.log_sum));
      CHECK(same(alone.dqkv, together.dqkv));
    }
  });
}

TEST_CASE_TEMPLATE("attention: scores of ±10⁴ and more give finite results", T, float, double) {
  const Samples samples{1, 9, 70};
  const esp::Segments segments = samples.segments();
  for_each_setting({2}, {3, 16}, [&](const Setting& s) {
    for (const double scale : {30.0, 100.0, 1e4}) {
      CAPTURE(scale);
      Run<T> run(s, segments.columns());
      run.qkv.randomize(4, scale);
      with_each_instruction_set([&](esp::InstructionSet) {
        run.forward(segments);
        run.backward(segments);
        const auto is_finite = [](const Padded<T>& x) {
          return worst_error(
                     x, [](Index, Index) { return 0.0; }, [](Index, Index) { return 1.0; }) <
                 std::numeric_limits<double>::infinity();
        };
        CHECK(is_finite(run.y));
        CHECK(is_finite(run.dqkv));
        if (s.kind == Kind::softmax) CHECK(is_finite(run.log_sum));
      });
      // A mean of v: at most the largest of them.
      const double most = 6 * scale;
      if (s.kind == Kind::softmax)
        CHECK(worst_error(
                  run.y, [](Index, Index) { return 0.0; }, [&](Index, Index) { return most; }) <=
              1);
    }
  });
}

TEST_CASE("attention: equal scores give the mean") {
  const Samples samples{40};
  for (const bool causal : {false, true}) {
    Run<float> run({1, 8, causal, Kind::softmax, 0}, 40);
    for (Index j = 0; j < 40; ++j) {
      for (Index i = 0; i < 8; ++i) run.qkv.at(i, j) = 0;
    }
    run.forward(samples.segments());
    CHECK(worst_error(
              run.y,
              [&](Index i, Index j) {
                const Index n = causal ? j + 1 : 40;
                double sum = 0;
                for (Index u = 0; u < n; ++u) sum += run.qkv(16 + i, u);
                return sum / static_cast<double>(n);
              },
              [](Index, Index) { return 1e-6; }) <= 1);
    CHECK(worst_error(
              run.log_sum,
              [&](Index, Index j) { return std::log(static_cast<double>(causal ? j + 1 : 40)); },
              [](Index, Index) { return 1e-6; }) <= 1);
  }
}

TEST_CASE("attention: a sample of 8192 tokens, of which a few are checked") {
  const Index length = 8192;
  for (const Kind kind : {Kind::softmax, Kind::pointwise}) {
    const Setting s{1, 4, kind == Kind::pointwise, kind, 0};
    CAPTURE(static_cast<int>(kind));
    Run<float> run(s, length);
    run.forward({1, nullptr, length});
    run.backward({1, nullptr, length});
    double worst = 0;
    for (const Index i : {Index{0}, Index{1}, Index{63}, Index{64}, Index{5000}, length - 1}) {
      const Weights w(run.qkv, run.bias, s, 0, i, 0, s.causal ? i + 1 : length);
      std::vector<double> y(4, 0.0), dq(4, 0.0), of_weights;
      for (std::size_t u = 0; u < w.weights.size(); ++u) {
        double dot = 0;
        for (Index c = 0; c < 4; ++c) {
          const double v = run.qkv(8 + c, static_cast<Index>(u));
          y[static_cast<std::size_t>(c)] += w.weights[u] * v;
          dot += v * run.dy(c, i);
        }
        of_weights.push_back(dot);
      }
      const std::vector<double> of_scores = w.gradients(of_weights, s.kind);
      for (std::size_t u = 0; u < w.weights.size(); ++u) {
        for (Index c = 0; c < 4; ++c) {
          dq[static_cast<std::size_t>(c)] +=
              of_scores[u] / 2 * run.qkv(4 + c, static_cast<Index>(u));
        }
      }
      for (Index c = 0; c < 4; ++c) {
        keep_worst(worst, std::abs(run.y(c, i) - y[static_cast<std::size_t>(c)]));
        keep_worst(worst, std::abs(run.dqkv(c, i) - dq[static_cast<std::size_t>(c)]));
      }
      if (s.kind == Kind::softmax) keep_worst(worst, std::abs(run.log_sum(0, i) - w.log_sum) / 10);
    }
    CHECK(worst <= 1e-6);
  }
}
