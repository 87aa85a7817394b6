// SPDX-License-Identifier: Apache-2.0
// Pools that use OpenMP's threads. This file is compiled without the OpenMP flag, as an application
// may be.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "region.hpp"
#include "support/child_process.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

/// OMP_NUM_THREADS; 0 if not set.
int asked() {
  const char* const text = std::getenv("OMP_NUM_THREADS");
  return text == nullptr ? 0 : std::atoi(text);
}

/// The number of threads of this process according to /proc; −1 if there is no /proc.
int threads_of_process() {
  std::error_code none;
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", none))
    count += task.exists() ? 1 : 0;
  return none ? -1 : count;
}

/// Checks that hold for every pool.
void check_pool(esp::ThreadPool& pool) {
  std::vector<std::atomic<int>> done(100);
  pool.run(100, [&](esp::Index piece, int worker) {
    if (worker >= 0 && worker < pool.threads()) done[static_cast<std::size_t>(piece)].fetch_add(1);
  });
  CHECK(std::all_of(done.begin(), done.end(), [](const auto& d) { return d.load() == 1; }));
  CHECK_THROWS_AS(pool.run(16,
                           [](esp::Index piece, int) {
                             if (piece == 5) throw std::runtime_error("five");
                           }),
                  std::runtime_error);
  CHECK_THROWS_AS(pool.on_every_thread([](int) { throw std::runtime_error("no room"); }),
                  std::runtime_error);
  std::atomic<int> sum{0};
  pool.run(16, [&](esp::Index piece, int) { sum += static_cast<int>(piece); });
  CHECK(sum == 120);
}

esp::Parameters<float> trained(int threads) {
  esp::TrainerOptions options = quick_options();
  options.epochs = 2;
  options.batch_size = 200;
  options.threads = threads;
  esp::Trainer<Experts> trainer(options);
  trainer.fit(made_up(430, 1, 0.1), made_up(100, 2));
  return trainer.parameters();
}

}  // namespace

// Must be the first test: no other test has started threads yet.
TEST_CASE("openmp: OMP_NUM_THREADS is the number of threads") {
  REQUIRE(esp::thread_backend() != nullptr);
  CHECK(threads_of_process() <= 1);
  esp::ThreadPool pool(0);
  if (asked() > 0) CHECK(pool.threads() == asked());
  std::mutex mutex;
  std::vector<std::thread::id> seen;
  pool.on_every_thread([&](int) {
    const std::lock_guard lock(mutex);
    seen.push_back(std::this_thread::get_id());
  });
  CHECK(static_cast<int>(seen.size()) == pool.threads());
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  if (threads_of_process() > 0) CHECK(threads_of_process() == pool.threads());
  pool.run(50, [](esp::Index, int) {});
  if (threads_of_process() > 0) CHECK(threads_of_process() == pool.threads());
}

TEST_CASE("openmp: pieces, errors and exceptions as on threads of a pool's own") {
  for (const int threads : {1, 2, 3, 7}) {
    esp::ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    check_pool(pool);
    esp::ThreadPool own(threads, nullptr);
    check_pool(own);
  }
}

TEST_CASE("openmp: a trained model is the same bits as on the pool's own threads") {
  const esp::ThreadBackend* const openmp = esp::thread_backend();
  const auto by_openmp = trained(3), one = trained(1);
  esp::set_thread_backend(nullptr);
  const auto by_own = trained(3);
  esp::set_thread_backend(openmp);
  CHECK(same_bits(by_openmp, by_own));
  CHECK(same_bits(by_openmp, one));
}

TEST_CASE("openmp: within an application's parallel region pools run serially") {
  CHECK(pools_run_serially_in_region());
  CHECK(trains_in_region());
}

TEST_CASE("openmp: in the child of a fork pools have threads of their own") {
  esp::ThreadPool pool(3);
  const auto sum = [](esp::ThreadPool& p) {
    std::atomic<int> total{0}, workers{0};
    p.run(16, [&](esp::Index piece, int) { total += static_cast<int>(piece); });
    p.on_every_thread([&](int) { ++workers; });
    return total * 10 + workers;
  };
  CHECK(sum(pool) == 1203);
  CHECK(child([&] { return sum(pool) == 1203 && sum(pool) == 1203 ? 7 : 1; }) == 7);
  CHECK(child([&] {
          esp::ThreadPool made_there(2);
          return esp::thread_backend() == nullptr && sum(made_there) == 1202 ? 7 : 1;
        }) == 7);
  const esp::Dataset train = made_up(230, 1), data = made_up(77, 3);
  esp::Trainer<Bottom> trainer(quick_options());  // uses two threads
  trainer.fit(train);
  const esp::Predictions before = trainer.predict(data);
  CHECK(child([&] {
          const bool same = same_bits(trainer.predict(data).values[0], before.values[0]);
          esp::Trainer<Bottom> another(quick_options());
          another.fit(train);
          return same && same_bits(another.predict(data).values[0], before.values[0]) ? 7 : 1;
        }) == 7);
  CHECK(sum(pool) == 1203);
}
