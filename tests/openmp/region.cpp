// SPDX-License-Identifier: Apache-2.0
// Compiled with the OpenMP flag; linked, in either order, with threads.cpp, which is not.
#include "region.hpp"

#include <omp.h>

#include <atomic>
#include <thread>
#include <vector>

#include "support/made_up.hpp"

using namespace espalier_test;

bool pools_run_serially_in_region() {
  std::atomic<int> wrong{0}, regions{0};
#pragma omp parallel num_threads(2)
  {
    if (omp_get_num_threads() == 2) ++regions;
    esp::ThreadPool three(3), any(0);
    if (any.threads() != 1) ++wrong;
    const auto here = std::this_thread::get_id();
    int pieces = 0, calls = 0;
    three.run(50, [&](esp::Index, int worker) {
      if (worker != 0 || std::this_thread::get_id() != here) ++wrong;
      ++pieces;
    });
    three.on_every_thread([&](int worker) {
      if (worker != 0 || std::this_thread::get_id() != here) ++wrong;
      ++calls;
    });
    if (pieces != 50 || calls != 1) ++wrong;
  }
  return wrong == 0 && regions == 2;
}

bool trains_in_region() {
  esp::TrainerOptions options = quick_options();
  options.epochs = 2;
  options.threads = 2;
  const esp::Dataset train = made_up(230, 1), test = made_up(77, 3);
  const auto predictions = [&] {
    esp::Trainer<Bottom> trainer(options);
    trainer.fit(train);
    return trainer.predict(test).values[0];
  };
  const auto outside = predictions();
  std::atomic<int> same{0};
#pragma omp parallel num_threads(2)
  {
    if (same_bits(predictions(), outside)) ++same;
  }
  return same == 2;
}
