// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <csignal>

#include "espalier/train/interrupt.hpp"
#include "support/child_process.hpp"

using namespace espalier;
using espalier_test::child;

namespace {

volatile std::sig_atomic_t own_calls = 0;
void own_handler(int) { own_calls = own_calls + 1; }

}  // namespace

TEST_CASE("a signal becomes a flag while a guard lives, and handlers come back") {
  auto* const before = std::signal(SIGINT, &own_handler);
  {
    const InterruptGuard guard;
    CHECK_FALSE(guard.interrupted());
    std::raise(SIGINT);
    CHECK(guard.interrupted());
    CHECK(guard.signal() == SIGINT);
    CHECK(own_calls == 0);
  }
  std::raise(SIGINT);
  CHECK(own_calls == 1);
  {
    const InterruptGuard guard;
    CHECK_FALSE(guard.interrupted());
    for (int i = 0; i < 3; ++i) std::raise(SIGTERM);
    CHECK(guard.signal() == SIGTERM);
  }
  std::signal(SIGINT, before);
}

TEST_CASE("guards inside each other share the flag") {
  const InterruptGuard outer;
  {
    const InterruptGuard inner;
    std::raise(SIGTERM);
    CHECK(inner.interrupted());
  }
  CHECK(outer.interrupted());
  {
    const InterruptGuard again;
    CHECK(again.interrupted());
  }
  std::raise(SIGTERM);
  CHECK(outer.signal() == SIGTERM);
}

TEST_CASE("a second SIGINT ends the program") {
  CHECK(child([] {
          const InterruptGuard guard;
          std::raise(SIGINT);
          return guard.interrupted() ? 7 : 1;
        }) == 7);
  CHECK(child([] {
          const InterruptGuard guard;
          std::raise(SIGINT);
          std::raise(SIGINT);
          return 1;
        }) == -SIGINT);
  CHECK(child([] {
          { const InterruptGuard guard; }
          std::raise(SIGTERM);
          return 1;
        }) == -SIGTERM);
}

TEST_CASE("what was ignored stays ignored") {
  CHECK(child([] {
          std::signal(SIGINT, SIG_IGN);
          const InterruptGuard guard;
          std::raise(SIGINT);
          std::raise(SIGINT);
          return guard.interrupted() ? 1 : 7;
        }) == 7);
}
