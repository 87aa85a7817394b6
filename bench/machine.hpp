// SPDX-License-Identifier: Apache-2.0
// Measures the machine's limits: multiply-adds per second in registers, bytes per second from
// memory. The minimum time of a case is
//   flops / peak + bytes / bandwidth
// with both measured on as many threads as the case has.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "harness.hpp"

#include "espalier/core/buffer.hpp"
#include "espalier/core/threads.hpp"
#include "espalier/kernels/cpu/bfloat16_pairs.hpp"
#include "espalier/kernels/cpu/gemm.hpp"
#include "espalier/kernels/cpu/simd.hpp"
#include "espalier/kernels/precision.hpp"

namespace bench {

using espalier::Index;

inline double seconds_of(const auto& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Independent chains of multiply-adds: as many as two units with a latency of 4 to 5 cycles need.
/// `Vector` is of floats; inlined into a function compiled for the processor.
template <class Vector>
[[gnu::always_inline]] inline float chains(Index rounds) {
  constexpr int lanes = sizeof(Vector) / sizeof(float);
  std::array<Vector, 12> sums{};
  Vector a{}, b{};
  for (int i = 0; i < lanes; ++i) {
    a[i] = 0.999999F;
    b[i] = 1e-6F;
  }
  benchmark::DoNotOptimize(a);
  benchmark::DoNotOptimize(b);
  for (Index r = 0; r < rounds; ++r) {
    for (Vector& sum : sums) sum = sum * a + b;
  }
  Vector all{};
  for (const Vector& sum : sums) all += sum;
  float total = 0;
  for (int i = 0; i < lanes; ++i) total += all[i];
  benchmark::DoNotOptimize(total);
  return 2.0F * 12 * lanes;  // operations per round
}

[[gnu::noinline]] inline float multiply_adds(Index rounds) {
  return chains<espalier::cpu::Vector<float>>(rounds);
}
#if ESPALIER_DISPATCH
ESPALIER_BEGIN_TARGET("avx2,fma")
[[gnu::noinline]] inline float multiply_adds_avx2(Index rounds) {
  return chains<espalier::cpu::avx2::Vector<float>>(rounds);
}
ESPALIER_END_TARGET
ESPALIER_BEGIN_TARGET("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")
[[gnu::noinline]] inline float multiply_adds_avx512(Index rounds) {
  return chains<espalier::cpu::avx512::Vector<float>>(rounds);
}
ESPALIER_END_TARGET
#endif

/// The function for the instruction set that products use.
[[nodiscard]] inline float (*multiply_adds_in_use())(Index) {
#if ESPALIER_DISPATCH
  switch (espalier::instruction_set()) {
    case espalier::InstructionSet::avx512:
      return &multiply_adds_avx512;
    case espalier::InstructionSet::avx2:
      return &multiply_adds_avx2;
    case espalier::InstructionSet::compiled:
      break;
  }
#endif
  return &multiply_adds;
}

/// The same for products of bf16 pairs, as in the kernels.
constexpr double pair_products_do =
    2.0 * 12 * 2 * static_cast<double>(espalier::cpu::lanes<float>);  ///< operations per round
[[gnu::noinline]] inline float pair_products(Index rounds) {
  using espalier::cpu::Pairs;
  constexpr std::size_t chains = 12;
  std::array<espalier::cpu::Vector<float>, chains> sums{};
  Pairs a = Pairs{} + 0x3F803F80U, b = Pairs{} + 0x33803380U;
  benchmark::DoNotOptimize(a);
  benchmark::DoNotOptimize(b);
  for (Index r = 0; r < rounds; ++r) {
    for (auto& sum : sums) espalier::cpu::MachinePairs::multiply_add(sum, a, b);
  }
  espalier::cpu::Vector<float> all{};
  for (const auto& sum : sums) all += sum;
  return all[0];
}

struct Machine {
  double flops = 0;       ///< per second; a multiply-add counts as two
  double bf16_flops = 0;  ///< the same in bf16
  double bytes = 0;       ///< per second: triad a = b + s · c from memory
};

inline Machine measure_machine(int threads) {
  espalier::ThreadPool pool(threads);
  Machine machine;
  constexpr Index rounds = 2000000;
  // Half a second each, until the system runs each thread on its own core.
  const auto best_rate = [&](double done, const auto& work) {
    double best = 0;
    for (double spent = 0; spent < 0.5;) {
      const double seconds = seconds_of(
          [&] { pool.run(threads, [&](Index, int) { benchmark::DoNotOptimize(work()); }); });
      best = (std::max)(best, threads * done / seconds);
      spent += seconds;
    }
    return best;
  };
  const auto run = multiply_adds_in_use();
  machine.flops = best_rate(static_cast<double>(run(1)) * rounds, [run] { return run(rounds); });
  machine.bf16_flops = best_rate(pair_products_do * rounds, [] { return pair_products(rounds); });
  constexpr std::size_t count = std::size_t{1} << 24U;  // 64 MiB each
  espalier::Buffer<float> a(count), b(count), c(count);
  b.fill(1);
  c.fill(2);
  const Index part = static_cast<Index>(count) / threads;
  const auto triad = [&](Index piece, int) {
    float* ESPALIER_RESTRICT to = a.data() + piece * part;
    const float *x = b.data() + piece * part, *y = c.data() + piece * part;
    for (Index i = 0; i < part; ++i) to[i] = x[i] + 3.0F * y[i];
    benchmark::DoNotOptimize(to);
    benchmark::ClobberMemory();
  };
  for (double spent = 0; spent < 0.5;) {
    const double seconds = seconds_of([&] { pool.run(threads, triad); });
    machine.bytes = (std::max)(machine.bytes, 12.0 * static_cast<double>(part * threads) / seconds);
    spent += seconds;
  }
  return machine;
}

/// Measured once per number of threads, on first use.
inline const Machine& machine(int threads) {
  static std::map<int, Machine> known;
  auto at = known.find(threads);
  if (at == known.end()) at = known.emplace(threads, measure_machine(threads)).first;
  return at->second;
}

/// The minimum seconds for `flops` and `bytes`.
inline double floor_seconds(double flops, double bytes, int threads,
                            espalier::Precision precision = espalier::Precision::Fp32) {
  const Machine& m = machine(threads);
  return flops / (precision.reduced() ? m.bf16_flops : m.flops) + bytes / m.bytes;
}

/// Adds peak and bandwidth to the benchmark's context.
inline void add_context(std::initializer_list<int> thread_counts) {
  for (const int threads : thread_counts) {
    const Machine& m = machine(threads);
    char text[80];
    std::snprintf(text, sizeof text, "%.1f GFLOP/s, bf16 %.1f, triad %.1f GB/s", m.flops / 1e9,
                  m.bf16_flops / 1e9, m.bytes / 1e9);
    benchmark::AddCustomContext(
        "peak_" + std::to_string(threads) + (threads == 1 ? "_thread" : "_threads"), text);
  }
}

/// Adds fraction_of_floor, GFLOP/s and GB/s of a case, given the minimum work of one iteration.
class FloorCounter {
 public:
  FloorCounter(benchmark::State& state, double flops, double bytes, int threads,
               espalier::Precision precision = espalier::Precision::Fp32)
      : state_(state),
        flops_(flops),
        bytes_(bytes),
        threads_(threads),
        precision_(precision),
        start_(std::chrono::steady_clock::now()) {}
  FloorCounter(const FloorCounter&) = delete;
  FloorCounter& operator=(const FloorCounter&) = delete;

  /// Must be called right after the loop.
  void stop() {
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() /
        static_cast<double>((std::max)(state_.iterations(), benchmark::IterationCount{1}));
    state_.counters["fraction_of_floor"] =
        floor_seconds(flops_, bytes_, threads_, precision_) / seconds;
    if (flops_ > 0) state_.counters["GFLOP/s"] = flops_ / seconds / 1e9;
    if (bytes_ > 0) state_.counters["GB/s"] = bytes_ / seconds / 1e9;
  }

 private:
  benchmark::State& state_;
  double flops_, bytes_;
  int threads_;
  espalier::Precision precision_;
  std::chrono::steady_clock::time_point start_;
};

/// The main function of a benchmark.
inline int run(int argc, char** argv) {
  bool only_list = false;
  for (int i = 1; i < argc; ++i)
    only_list = only_list || std::string_view(argv[i]).starts_with("--benchmark_list");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  if (!only_list) add_context({1, 2});
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace bench
