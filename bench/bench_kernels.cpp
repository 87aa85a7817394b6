// SPDX-License-Identifier: Apache-2.0
// Single kernels on one thread: products (GFLOP/s and share of the peak), losses and activations,
// optimizer, lookups.
#include "machine.hpp"
#include "workloads.hpp"

#include <cmath>

#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/losses/apply.hpp"

namespace {

using bench::Index;
namespace esp = espalier;

esp::Buffer<float> random_buffer(Index size, std::uint64_t seed) {
  esp::Buffer<float> values(static_cast<std::size_t>(size));
  esp::Random random(seed);
  for (float& v : values) v = static_cast<float>(random.normal());
  return values;
}

enum class Product { forward, weight_gradient, input_gradient };

/// y (out × n) = relu(W x + b), and its two gradients.
void product(benchmark::State& state, Product kind, Index samples, Index in, Index out,
             esp::Precision precision) {
  const auto w = random_buffer(in * out, 1), b = random_buffer(out, 2),
             x = random_buffer(in * samples, 3);
  auto y = random_buffer(out * samples, 4), dx = random_buffer(in * samples, 5),
       dw = random_buffer(in * out, 6), db = random_buffer(out, 7);
  const esp::View<const float> xv{x.data(), in, samples, in};
  const esp::View<float> yv{y.data(), out, samples, out}, dxv{dx.data(), in, samples, in};
  const esp::Cpu device = precision.device();
  const double sizes = 4.0 * static_cast<double>(in * out + in * samples + out * samples);
  const double flops = 2.0 * static_cast<double>(in * out * samples);
  bench::machine(1);
  bench::FloorCounter counter(state, flops, 0, 1, precision);
  for (auto _ : state) {
    if (kind == Product::forward) {
      esp::cpu::dense_forward<float>(device, w.data(), b.data(), xv, esp::Activation::relu, {}, yv);
    } else if (kind == Product::weight_gradient) {
      esp::cpu::dense_weight_gradient<float>(device, yv, xv, dw.data(), db.data());
    } else {
      esp::cpu::dense_input_gradient<float>(device, w.data(), yv, dxv, false);
    }
    benchmark::ClobberMemory();
  }
  counter.stop();
  state.counters["KiB"] = sizes / 1024;
}

void add_products(esp::Precision precision) {
  struct Shape {
    Index samples, in, out;
  };
  std::vector<Shape> shapes;
  for (const Index samples : {32, 256}) {
    for (const Index in : {64, 256, 512, 1024}) {
      for (const Index out : {64, 256, 512}) shapes.push_back({samples, in, out});
    }
  }
  for (const Index samples : {1, 8, 128}) {  // typical for multi-task layers
    for (const Index out : {1, 8, 16, 256}) shapes.push_back({samples, 256, out});
  }
  shapes.push_back({128, 499, 128});
  shapes.push_back({128, 429, 512});
  for (const auto& [kind, name] : {std::pair{Product::forward, "forward"},
                                   {Product::weight_gradient, "weight_gradient"},
                                   {Product::input_gradient, "input_gradient"}}) {
    for (const Shape& s : shapes) {
      const Product which = kind;
      benchmark::RegisterBenchmark(
          (std::string(precision.reduced() ? "Product_bf16/" : "Product/") + name +
           "/batch:" + std::to_string(s.samples) + "/in:" + std::to_string(s.in) +
           "/out:" + std::to_string(s.out))
              .c_str(),
          [which, s, precision](benchmark::State& state) {
            product(state, which, s.samples, s.in, s.out, precision);
          })
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

constexpr Index many = 10000000;

/// Value and gradient of a loss over ten million samples: reads logits and labels, writes
/// gradients.
template <class Loss>
void loss(benchmark::State& state, int threads) {
  auto z = random_buffer(many, 1), y = random_buffer(many, 2), g = random_buffer(many, 3);
  for (float& v : y)
    v = Loss::label == esp::LabelKind::binary ? (v > 0 ? 1.0F : 0.0F) : std::abs(v);
  if constexpr (Loss::label == esp::LabelKind::count) {
    for (float& v : y) v = std::floor(v);
  }
  esp::ThreadPool pool(threads);
  const Index part = many / threads;
  bench::machine(threads);
  bench::FloorCounter counter(state, 0, 12.0 * many, threads);
  for (auto _ : state) {
    pool.run(threads, [&](Index piece, int) {
      const Index at = piece * part;
      benchmark::DoNotOptimize(esp::apply_loss<Loss, float>(
          {z.data() + at, 1, part, 1}, y.data() + at, nullptr, 1e-7F, {g.data() + at, 1, part, 1}));
    });
  }
  counter.stop();
}

template <class Loss>
void add_loss() {
  for (const int threads : {1, 2}) {
    benchmark::RegisterBenchmark(
        ("Loss/" + std::string(Loss::name) + "/threads:" + std::to_string(threads)).c_str(),
        [threads](benchmark::State& state) { loss<Loss>(state, threads); })
        ->Unit(benchmark::kMillisecond);
  }
}

/// Adam over a million parameters: reads and writes p, m, v; reads g.
void adam(benchmark::State& state) {
  constexpr Index n = 1 << 20;
  auto p = random_buffer(n, 1), m = random_buffer(n, 2), v = random_buffer(n, 3);
  const auto g = random_buffer(n, 4);
  for (float& x : v) x = std::abs(x);
  float* states[] = {m.data(), v.data()};
  const esp::Optimizer optimizer = esp::Adam{};
  std::int64_t step = 0;
  bench::machine(1);
  bench::FloorCounter counter(state, 0, 28.0 * n, 1);
  for (auto _ : state) optimizer.update(p.data(), g.data(), states, n, {++step, 1, 1});
  counter.stop();
}

/// Rows of 16 floats from a table of 100,000 rows.
void gather(benchmark::State& state) {
  constexpr Index rows = 100000, width = 16, samples = 4096;
  const auto table = random_buffer(rows * width, 1);
  esp::Buffer<float> out(static_cast<std::size_t>(width * samples));
  esp::Random random(5);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(samples));
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>(random.below(rows));
  bench::machine(1);
  bench::FloorCounter counter(state, 0, 8.0 * width * samples, 1);
  for (auto _ : state) {
    esp::cpu::gather<float>({}, table.data(), ids.data(), {out.data(), width, samples, width});
    benchmark::ClobberMemory();
  }
  counter.stop();
}

/// An activation and its derivative over 256 rows × 128 samples, in the second-level cache.
void activation(benchmark::State& state, esp::Activation a) {
  constexpr Index rows = 256, samples = 128;
  const auto x = random_buffer(rows * samples, 1);
  auto y = random_buffer(rows * samples, 2), d = random_buffer(rows * samples, 3);
  const esp::Cpu device;
  bench::machine(1);
  bench::FloorCounter counter(state, 0, 20.0 * rows * samples, 1);
  for (auto _ : state) {
    esp::cpu::activation_forward<float>(device, a, {x.data(), rows, samples, rows},
                                        {y.data(), rows, samples, rows});
    esp::cpu::activation_backward<float>(device, a, {x.data(), rows, samples, rows},
                                         {y.data(), rows, samples, rows},
                                         {d.data(), rows, samples, rows});
    benchmark::ClobberMemory();
  }
  counter.stop();
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * rows * samples);
}

}  // namespace

int main(int argc, char** argv) {
  add_products(esp::Precision::Fp32);
  add_products(esp::Precision::Bf16);
  add_loss<esp::BinaryCrossEntropy>();
  add_loss<esp::Focal<>>();
  add_loss<esp::WeightedLogistic>();
  add_loss<esp::Poisson>();
  add_loss<esp::MeanSquaredError>();
  for (const auto& [a, name] : {std::pair{esp::Activation::gelu, "gelu"},
                                {esp::Activation::silu, "silu"},
                                {esp::Activation::tanh, "tanh"},
                                {esp::Activation::sigmoid, "sigmoid"}}) {
    const esp::Activation which = a;
    benchmark::RegisterBenchmark((std::string("Activation/") + name).c_str(),
                                 [which](benchmark::State& state) { activation(state, which); })
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::RegisterBenchmark("Adam", adam)->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("Gather", gather)->Unit(benchmark::kMicrosecond);
  return bench::run(argc, argv);
}
