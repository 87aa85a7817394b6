// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "espalier/core/glob.hpp"
#include "espalier/core/threads.hpp"
#include "espalier/passes/microbatches.hpp"
#include "support/child_process.hpp"

using espalier::Index;

TEST_CASE("every piece runs once, whatever the number of threads") {
  for (const int threads : {1, 2, 3, 8}) {
    espalier::ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const Index count : {0, 1, 2, 7, 100}) {
      for (int again = 0; again < 50; ++again) {
        std::vector<std::atomic<int>> done(static_cast<std::size_t>(count));
        pool.run(count, [&](Index piece, int worker) {
          CHECK((worker >= 0 && worker < threads));
          done[static_cast<std::size_t>(piece)].fetch_add(1);
        });
        for (const auto& d : done) CHECK(d.load() == 1);
      }
    }
  }
}

TEST_CASE("an exception in a piece arrives at the caller, and the pool lives on") {
  espalier::ThreadPool pool(3);
  for (int again = 0; again < 20; ++again) {
    CHECK_THROWS_AS(pool.run(16,
                             [](Index piece, int) {
                               if (piece == 5) throw std::runtime_error("five");
                             }),
                    std::runtime_error);
    std::atomic<int> sum{0};
    pool.run(16, [&](Index piece, int) { sum += static_cast<int>(piece); });
    CHECK(sum == 120);
  }
}

TEST_CASE("something is done once on every thread of a pool") {
  for (const int threads : {1, 2, 5}) {
    espalier::ThreadPool pool(threads);
    for (int round = 0; round < 20; ++round) {
      std::vector<std::thread::id> seen(static_cast<std::size_t>(threads));
      std::atomic<int> calls{0};
      pool.on_every_thread([&](int worker) {
        seen[static_cast<std::size_t>(worker)] = std::this_thread::get_id();
        ++calls;
      });
      CHECK(calls == threads);
      std::sort(seen.begin(), seen.end());
      CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());  // no thread runs twice
      CHECK(seen.front() != std::thread::id{});
    }
    CHECK_THROWS_AS(pool.on_every_thread([](int) { throw std::runtime_error("no room"); }),
                    std::runtime_error);
  }
}

TEST_CASE("a pool works in the child of a fork, and can be destroyed there") {
  espalier::ThreadPool pool(3);
  auto* const dropped = new espalier::ThreadPool(3);
  const auto both = [&] {
    std::atomic<int> sum{0}, workers{0};
    pool.run(16, [&](Index piece, int) { sum += static_cast<int>(piece); });
    pool.on_every_thread([&](int) { ++workers; });
    return sum * 10 + workers;
  };
  CHECK(both() == 1203);
  // Lets the other threads go to sleep: the condition variable has waiters.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (espalier_test::may_start_threads_in_child) {
    CHECK(espalier_test::child([&] { return both() == 1203 && both() == 1203 ? 7 : 1; }) == 7);
    CHECK(espalier_test::child(
              [&] { return espalier_test::child([&] { return both() == 1203 ? 7 : 1; }); }) == 7);
  }
  CHECK(espalier_test::child([&] {
          delete dropped;
          return 7;
        }) == 7);
  CHECK(both() == 1203);
  delete dropped;
}

TEST_CASE("microbatches and accumulators cover the batch in order") {
  for (Index n = 1; n < 6000; n += n < 600 ? 1 : 97) {
    const auto m = espalier::Microbatches::of(n);
    Index at = 0, seen = 0;
    CHECK(m.accumulators <= espalier::Microbatches::max_accumulators);
    for (Index a = 0; a < m.accumulators; ++a) {
      CHECK(m.first(a + 1) > m.first(a));  // none is empty
      for (Index i = m.first(a); i < m.first(a + 1); ++i, ++seen) {
        CHECK(i == seen);
        CHECK(m.first_sample(i) == at);
        CHECK(m.samples_of(i) > 0);
        at += m.samples_of(i);
      }
    }
    CHECK(at == n);
    CHECK(seen == m.count);
  }
}

TEST_CASE("patterns") {
  using espalier::matches;
  CHECK(matches("shared/*", "shared/dense0/weight"));
  CHECK(matches("*/bias", "click/dense1/bias"));
  CHECK(matches("*", ""));
  CHECK(matches("a?c", "abc"));
  CHECK(matches("*a*b*", "xxaxxbxx"));
  CHECK_FALSE(matches("a?c", "ac"));
  CHECK_FALSE(matches("shared", "shared/"));
  CHECK_FALSE(matches("", "a"));
  CHECK_FALSE(matches("*aaaaaaaaaaaaaaaaaaaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}
