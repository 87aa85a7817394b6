// SPDX-License-Identifier: Apache-2.0
// The products of dense layers as a training step runs them, on one and two threads; bench/peers/
// has the same cases for other libraries. One thread: one product. Two threads: the batch's slices,
// as exec/executor.hpp cuts it; weight gradients from the whole batch if
// passes/deferred_weight_gradients.hpp does so (x and δ are contiguous already), otherwise one
// buffer per accumulator, then summed.
#include "machine.hpp"
#include "matmul.hpp"

#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/optim/pack.hpp"
#include "espalier/passes/deferred_weight_gradients.hpp"
#include "espalier/passes/microbatches.hpp"

namespace {

namespace esp = espalier;
using bench::Index;

class Espalier : public bench::MatmulValues {
 public:
  explicit Espalier(const bench::MatmulCase& of)
      : MatmulValues(of), pool_(c.threads), microbatches_(esp::Microbatches::of(c.batch)) {
    bench::machine(c.threads);
    pool_.on_every_thread([](int) { esp::cpu::prepare_thread<float>({}); });
    if (c.threads == 1 || c.gradient != bench::Gradient::weights) return;
    whole_batch_ = matrix_.pays(microbatches_);
    if (whole_batch_) return;
    for (Index accumulator = 1; accumulator < microbatches_.accumulators; ++accumulator) {
      accumulators_.emplace_back(static_cast<std::size_t>(c.out * c.in + c.out));
    }
  }

  void run() {
    if (c.threads == 1) {
      run(0, c.batch, dw.data(), db.data());
      return;
    }
    if (whole_batch_) {
      pool_.run(matrix_.pieces(), [this](Index piece, int) {
        const Index row = matrix_.first_row(piece), rows = matrix_.first_row(piece + 1) - row;
        esp::cpu::dense_weight_gradient<float>({}, {y.data() + row, rows, c.batch, c.out},
                                               {x.data(), c.in, c.batch, c.in},
                                               dw.data() + row * c.in, db.data() + row);
      });
      return;
    }
    pool_.run(microbatches_.accumulators, [this](Index accumulator, int) {
      float* to = dw.data();
      float* bias = db.data();
      if (accumulator > 0 && !accumulators_.empty()) {
        to = accumulators_[static_cast<std::size_t>(accumulator - 1)].data();
        bias = to + c.out * c.in;
      }
      for (Index s = microbatches_.first(accumulator); s < microbatches_.first(accumulator + 1);
           ++s)
        run(microbatches_.first_sample(s), microbatches_.samples_of(s), to, bias);
    });
    if (!accumulators_.empty()) sum_accumulators();
  }

  void finish() {}

  void report(benchmark::State& state, double seconds) const {
    state.counters["GFLOP/s"] = c.flops() / seconds / 1e9;
    state.counters["fraction_of_floor"] = bench::floor_seconds(c.flops(), 0, c.threads) / seconds;
  }

 private:
  void run(Index first, Index count, float* weights, float* bias) {
    const esp::Cpu device;
    const esp::View<const float> in{x.data() + first * c.in, c.in, count, c.in};
    const esp::View<float> out{y.data() + first * c.out, c.out, count, c.out};
    if (c.gradient == bench::Gradient::none) {
      esp::cpu::dense_forward<float>(device, w.data(), b.data(), in, esp::Activation::relu, {},
                                     out);
    } else if (c.gradient == bench::Gradient::weights) {
      esp::cpu::dense_weight_gradient<float>(device, out, in, weights, bias);
    } else {
      const esp::View<float> gradient{dx.data() + first * c.in, c.in, count, c.in};
      esp::cpu::dense_input_gradient<float>(device, w.data(), out, gradient, false);
    }
  }

  /// Adds every accumulator to the first and clears it, piece by piece, as the executor does.
  void sum_accumulators() {
    constexpr Index piece_size = 4096;
    const Index weights = c.out * c.in;
    pool_.run((weights + piece_size - 1) / piece_size, [&](Index piece, int) {
      const Index begin = piece * piece_size, end = (std::min)(begin + piece_size, weights);
      Index i = begin;
      for (; i + esp::pack_size<float> <= end; i += esp::pack_size<float>) {
        esp::Pack<float> total = esp::load_pack(dw.data() + i);
        for (esp::Buffer<float>& accumulator : accumulators_) {
          total += esp::load_pack(accumulator.data() + i);
          esp::store_pack(accumulator.data() + i, esp::Pack<float>{});
        }
        esp::store_pack(dw.data() + i, total);
      }
      for (; i < end; ++i) {
        for (esp::Buffer<float>& accumulator : accumulators_)
          dw[i] += std::exchange(accumulator.data()[i], 0.0F);
      }
    });
    for (esp::Buffer<float>& accumulator : accumulators_) {
      for (Index o = 0; o < c.out; ++o)
        db[o] += std::exchange(accumulator.data()[weights + o], 0.0F);
    }
  }

  esp::ThreadPool pool_;
  esp::Microbatches microbatches_;
  esp::DeferredMatrix matrix_{c.in, c.out};
  bool whole_batch_ = false;
  std::vector<esp::Buffer<float>> accumulators_;  ///< all accumulators but the first
};

}  // namespace

int main(int argc, char** argv) {
  bench::add_matmul<Espalier>();
  return bench::run(argc, argv);
}
