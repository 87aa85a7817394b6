// SPDX-License-Identifier: Apache-2.0
// `shared_bottom` on dlib. A dlib network has one output: --form=plain is one network for the trunk
// and one per tower; --form=fused, for inference, is one network with the towers side by side,
// their last layer a product in which other towers' weights are 0. scripts/compare sets the
// environment in which OpenBLAS, which dlib calls for products, is fastest.
#include <cblas.h>
#include <dlib/dnn.h>
#include <dlib/revision.h>
#include <omp.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "harness.hpp"

namespace {

using Values = dlib::input<dlib::matrix<float>>;
using Trunk = dlib::relu<dlib::fc<256, dlib::relu<dlib::fc<512, Values>>>>;
using Tower = dlib::fc<1, dlib::relu<dlib::fc<64, Values>>>;
using Fused = dlib::fc<3, dlib::relu<dlib::fc<192, Trunk>>>;
constexpr long inputs = 256, towers = 3, tower_units = 64;
constexpr bool binary[] = {true, true, false};
constexpr float weights[] = {1, 1, 0.5F};

float sigmoid(float z) { return 1 / (1 + std::exp(-z)); }

void set_threads(int threads) {
  openblas_set_num_threads(threads);
  omp_set_num_threads(threads);
}

/// A new network must convert samples once before it accepts tensors.
template <class Net>
void prepare(Net& net, long width) {
  const dlib::matrix<float> sample = dlib::zeros_matrix<float>(width, 1);
  dlib::resizable_tensor tensor;
  net.to_tensor(&sample, &sample + 1, tensor);
}

dlib::resizable_tensor random_samples(long samples, unsigned seed) {
  dlib::resizable_tensor x(samples, 1, inputs, 1);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (float* p = x.host(); p != x.host() + x.size(); ++p) *p = normal(random);
  return x;
}

struct Plain {
  Trunk trunk;
  Tower tower[towers];

  Plain() {
    prepare(trunk, inputs);
    for (Tower& t : tower) prepare(t, 256);
  }
  /// Fills z, sample by sample, with one value per tower.
  void forward(const dlib::tensor& x, float* z) {
    const dlib::tensor& h = trunk.forward(x);
    for (long k = 0; k < towers; ++k) {
      const float* from = tower[k].forward(h).host();
      for (long s = 0; s < x.num_samples(); ++s) z[s * towers + k] = from[s];
    }
  }
};

struct OneNet {
  Fused net;

  OneNet() {
    prepare(net, inputs);
    net.forward(random_samples(1, 1));  // allocates the parameters
    auto last = net.layer_details().get_weights();
    for (long i = 0; i < towers * tower_units; ++i) {
      for (long k = 0; k < towers; ++k) {
        if (i / tower_units != k) last.host()[i * towers + k] = 0;
      }
    }
  }
  void forward(const dlib::tensor& x, float* z) {
    const float* from = net.forward(x).host();
    std::copy(from, from + x.num_samples() * towers, z);
  }
};

template <class Net>
void infer(benchmark::State& state, long samples, int threads) {
  set_threads(threads);
  Net net;
  std::vector<dlib::resizable_tensor> data;
  for (unsigned i = 0; i < 8; ++i) data.push_back(random_samples(samples, i + 1));
  std::vector<float> z(static_cast<std::size_t>(samples * towers));
  std::size_t next = 0;
  const auto predict = [&] {
    net.forward(data[next++ % data.size()], z.data());
    for (std::size_t i = 0; i < z.size(); ++i) {
      if (binary[i % towers]) z[i] = sigmoid(z[i]);
    }
    benchmark::DoNotOptimize(z.data());
    benchmark::ClobberMemory();
  };
  for (int i = 0; i < 5; ++i) predict();
  if (samples == 1) {
    bench::Latencies latencies;
    for (auto _ : state) latencies.time(predict);
    latencies.report(state);
  } else {
    for (auto _ : state) predict();
  }
}

/// A step of Adam. Losses and their gradients are computed by hand, because dlib's losses belong to
/// one network each.
class Step {
 public:
  explicit Step(long samples) : x_(random_samples(samples, 1)), dz_(samples, 1), dh_(samples, 256) {
    std::mt19937 random(2);
    std::normal_distribution<float> normal;
    for (long i = 0; i < samples * towers; ++i) {
      const float value = normal(random);
      labels_.push_back(binary[i % towers] ? static_cast<float>(value > 0) : value);
    }
  }

  double run() {
    const long samples = x_.num_samples();
    const auto n = static_cast<float>(samples);
    const dlib::tensor& h = net_.trunk.forward(x_);
    dh_ = 0;
    double total = 0;
    for (long k = 0; k < towers; ++k) {
      const float* z = net_.tower[k].forward(h).host();
      float* d = dz_.host_write_only();
      for (long s = 0; s < samples; ++s) {
        const float y = labels_[static_cast<std::size_t>(s * towers + k)];
        if (binary[k]) {
          total += static_cast<double>(weights[k] * ((z[s] > 0 ? z[s] : 0) - z[s] * y +
                                                     std::log1p(std::exp(-std::abs(z[s])))));
          d[s] = weights[k] * (sigmoid(z[s]) - y) / n;
        } else {
          total += static_cast<double>(weights[k] * (z[s] - y) * (z[s] - y));
          d[s] = 2 * weights[k] * (z[s] - y) / n;
        }
      }
      net_.tower[k].back_propagate_error(h, dz_);
      dlib::tt::add(1, dh_, 1, net_.tower[k].get_final_data_gradient());
    }
    net_.trunk.back_propagate_error(x_, dh_);
    net_.trunk.update_parameters(trunk_solvers_, 1e-3);
    for (long k = 0; k < towers; ++k)
      net_.tower[k].update_parameters(tower_solvers_[static_cast<std::size_t>(k)], 1e-3);
    return total / static_cast<double>(n);
  }

 private:
  using Solvers = std::vector<dlib::adam>;
  Plain net_;
  dlib::resizable_tensor x_, dz_, dh_;
  std::vector<float> labels_;
  Solvers trunk_solvers_ = Solvers(Trunk::num_computational_layers, dlib::adam(0, 0.9F, 0.999F));
  std::vector<Solvers> tower_solvers_ = std::vector<Solvers>(
      towers, Solvers(Tower::num_computational_layers, dlib::adam(0, 0.9F, 0.999F)));
};

void train_step(benchmark::State& state, long samples, int threads) {
  set_threads(threads);
  Step step(samples);
  for (int i = 0; i < 3; ++i) step.run();
  for (auto _ : state) benchmark::DoNotOptimize(step.run());
}

std::string case_name(const char* kind, long batch, int threads) {
  return std::string(kind) + "/shared_bottom/batch:" + std::to_string(batch) +
         "/threads:" + std::to_string(threads);
}

void add(bool fused) {
  for (const int threads : {1, 2}) {
    for (const long batch : {1L, 1024L}) {
      if (batch == 1 && threads > 1) continue;
      benchmark::RegisterBenchmark(case_name("Infer", batch, threads).c_str(), [=](benchmark::State&
                                                                                       state) {
        fused ? infer<OneNet>(state, batch, threads) : infer<Plain>(state, batch, threads);
      })->Unit(benchmark::kMicrosecond);
    }
    for (const long batch : {32L, 256L, 1024L, 4096L}) {
      if (fused) continue;
      benchmark::RegisterBenchmark(
          case_name("TrainStep", batch, threads).c_str(),
          [=](benchmark::State& state) { train_step(state, batch, threads); })
          ->Unit(benchmark::kMillisecond);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string form = bench::take_form(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("openblas_kernels", openblas_get_corename());
  benchmark::AddCustomContext(
      "dlib", std::to_string(DLIB_MAJOR_VERSION) + "." + std::to_string(DLIB_MINOR_VERSION));
  add(form == "fused");
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
