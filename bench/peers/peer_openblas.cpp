// SPDX-License-Identifier: Apache-2.0
// The products of bench/bench_matmul.cpp on OpenBLAS: sgemm, or sgemv if there is one output; bias
// and ReLU in one pass afterwards. scripts/compare sets the environment in which it is fastest.
#include <cblas.h>
#include <omp.h>

#include "matmul.hpp"

namespace {

using bench::Gradient;

class OpenBlas : public bench::MatmulValues {
 public:
  explicit OpenBlas(const bench::MatmulCase& of)
      : MatmulValues(of),
        batch_(static_cast<blasint>(c.batch)),
        in_(static_cast<blasint>(c.in)),
        out_(static_cast<blasint>(c.out)),
        ones_(c.batch, 1) {
    openblas_set_num_threads(c.threads);
    omp_set_num_threads(c.threads);
    for (std::int64_t i = 0; i < c.batch; ++i) ones_[i] = 1;
  }

  void run() {
    if (c.gradient == Gradient::none) {
      forward();
    } else if (c.gradient == Gradient::weights) {
      weight_gradient();
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, batch_, in_, out_, 1, y.data(), out_,
                  w.data(), in_, 0, dx.data(), in_);
    }
  }

  void finish() {}

  void report(benchmark::State& state, double seconds) const {
    state.counters["GFLOP/s"] = c.flops() / seconds / 1e9;
  }

 private:
  void forward() {
    if (out_ == 1) {
      cblas_sgemv(CblasRowMajor, CblasNoTrans, batch_, in_, 1, x.data(), in_, w.data(), 1, 0,
                  y.data(), 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, batch_, out_, in_, 1, x.data(), in_,
                  w.data(), in_, 0, y.data(), out_);
    }
    const std::int64_t batch = c.batch, out = c.out;
    const float* const bias = b.data();
    float* const values = y.data();
#pragma omp parallel for num_threads(c.threads) if (c.threads > 1 && batch * out > 16384)
    for (std::int64_t s = 0; s < batch; ++s) {
      float* const sample = values + s * out;
      for (std::int64_t o = 0; o < out; ++o) {
        const float sum = sample[o] + bias[o];
        sample[o] = sum > 0 ? sum : 0;
      }
    }
  }

  void weight_gradient() {
    if (out_ == 1) {
      cblas_sgemv(CblasRowMajor, CblasTrans, batch_, in_, 1, x.data(), in_, y.data(), 1, 0,
                  dw.data(), 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out_, in_, batch_, 1, y.data(), out_,
                  x.data(), in_, 0, dw.data(), in_);
    }
    cblas_sgemv(CblasRowMajor, CblasTrans, batch_, out_, 1, y.data(), out_, ones_.data(), 1, 0,
                db.data(), 1);
  }

  blasint batch_, in_, out_;
  bench::Values ones_;
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext("openblas", openblas_get_config());
  benchmark::AddCustomContext("openblas_kernels", openblas_get_corename());
  bench::add_matmul<OpenBlas>();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
