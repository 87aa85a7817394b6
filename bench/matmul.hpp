// SPDX-License-Identifier: Apache-2.0
// The products that are compared with other libraries: shapes, names, values, and a check that all
// compute the same. Does not use espalier.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace bench {

enum class Gradient : std::uint8_t { none, weights, input };

/// A dense layer's products. A sample is a row of `in` or `out` values here, an output a row of W.
///   forward          y = relu(x Wᵀ + b)
///   weight_gradient  dW = dyᵀ x, db = Σ dy
///   input_gradient   dx = dy W
struct MatmulCase {
  Gradient gradient;
  std::int64_t batch, in, out;
  int threads;

  [[nodiscard]] std::string name() const {
    const char* kind = gradient == Gradient::none      ? "forward"
                       : gradient == Gradient::weights ? "weight_gradient"
                                                       : "input_gradient";
    return std::string("Matmul/") + kind + "/batch:" + std::to_string(batch) +
           "/in:" + std::to_string(in) + "/out:" + std::to_string(out) +
           "/threads:" + std::to_string(threads);
  }
  [[nodiscard]] double flops() const { return 2.0 * static_cast<double>(batch * in * out); }
};

inline std::vector<MatmulCase> matmul_cases() {
  std::vector<MatmulCase> cases;
  for (const Gradient gradient : {Gradient::none, Gradient::weights, Gradient::input}) {
    for (const int threads : {1, 2}) {
      for (const std::int64_t batch : {32, 128, 512, 1024, 4096}) {
        for (const std::int64_t in : {64, 256, 1024}) {
          for (const std::int64_t out : {64, 256, 1024})
            cases.push_back({gradient, batch, in, out, threads});
        }
        for (const std::int64_t in : {64, 256}) {  // as in the last layers of towers and in gates
          for (const std::int64_t out : {1, 8, 16})
            cases.push_back({gradient, batch, in, out, threads});
        }
      }
    }
  }
  return cases;
}

/// Floats aligned to a cache line, uniform in [-1, 1).
class Values {
 public:
  Values(std::int64_t count, std::uint32_t seed)
      : data_(static_cast<float*>(std::aligned_alloc(
            64, (static_cast<std::size_t>(count) * sizeof(float) + 63U) & ~63U))) {
    for (std::int64_t i = 0; i < count; ++i) {
      seed = seed * 1664525U + 1013904223U;
      data_[static_cast<std::size_t>(i)] = static_cast<float>(seed >> 8U) * 0x1p-23F - 1;
    }
  }
  [[nodiscard]] float* data() const { return data_.get(); }
  float& operator[](std::int64_t i) const { return data_[static_cast<std::size_t>(i)]; }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float[], Free> data_;
};

/// The arrays that a case reads and writes. A library's implementation derives from this.
struct MatmulValues {
  MatmulCase c;
  Values x, w, b, y, dx, dw, db;  ///< y is dy in gradient cases

  explicit MatmulValues(const MatmulCase& of)
      : c(of),
        x(c.batch * c.in, 1),
        w(c.in * c.out, 2),
        b(c.out, 3),
        y(c.batch * c.out, 4),
        dx(c.batch * c.in, 5),
        dw(c.in * c.out, 6),
        db(c.out, 7) {
    for (std::int64_t i = 0; i < c.in * c.out; ++i) dw[i] = 0;
    for (std::int64_t i = 0; i < c.out; ++i) db[i] = 0;
  }
  MatmulValues(const MatmulValues&) = delete;
  MatmulValues& operator=(const MatmulValues&) = delete;

  /// Compares a few values with sums in double after one run. Exits with an error message if they
  /// differ.
  void check() const {
    const auto expect = [this](float found, double expected, double terms) {
      if (std::abs(static_cast<double>(found) - expected) < 1e-5 * (terms + 10)) return;
      std::fprintf(stderr, "%s: %g, expected %g\n", c.name().c_str(), static_cast<double>(found),
                   expected);
      std::exit(1);
    };
    for (const std::int64_t part : {0, 1, 2}) {
      const std::int64_t s = part * (c.batch - 1) / 2, i = part * (c.in - 1) / 2,
                         o = part * (c.out - 1) / 2;
      double sum = 0, bias = 0;
      if (c.gradient == Gradient::none) {
        for (std::int64_t p = 0; p < c.in; ++p)
          sum += static_cast<double>(x[s * c.in + p]) * static_cast<double>(w[o * c.in + p]);
        sum += static_cast<double>(b[o]);
        expect(y[s * c.out + o], sum > 0 ? sum : 0, static_cast<double>(c.in));
      } else if (c.gradient == Gradient::weights) {
        for (std::int64_t p = 0; p < c.batch; ++p) {
          sum += static_cast<double>(y[p * c.out + o]) * static_cast<double>(x[p * c.in + i]);
          bias += static_cast<double>(y[p * c.out + o]);
        }
        expect(dw[o * c.in + i], sum, static_cast<double>(c.batch));
        expect(db[o], bias, static_cast<double>(c.batch));
      } else {
        for (std::int64_t p = 0; p < c.out; ++p)
          sum += static_cast<double>(y[s * c.out + p]) * static_cast<double>(w[p * c.in + i]);
        expect(dx[s * c.in + i], sum, static_cast<double>(c.out));
      }
    }
  }
};

/// Registers every case. `Way` derives from MatmulValues; its run() computes, its finish() stores
/// the results where check() reads them, its report(state, seconds) adds counters.
template <class Way, class... Options>
void add_matmul(Options... options) {
  for (const MatmulCase& c : matmul_cases()) {
    const auto measure = [c, options...](benchmark::State& state) {
      static std::unique_ptr<Way> way;  // a case is called several times in a row
      static std::string prepared;
      if (prepared != c.name()) {
        way.reset();
        way = std::make_unique<Way>(c, options...);
        way->run();
        way->finish();
        way->check();
        prepared = c.name();
      }
      const auto start = std::chrono::steady_clock::now();
      for (auto _ : state) {
        way->run();
        benchmark::ClobberMemory();
      }
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      way->report(state, taken.count() / static_cast<double>(state.iterations()));
    };
    benchmark::RegisterBenchmark(c.name().c_str(), measure)->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace bench
