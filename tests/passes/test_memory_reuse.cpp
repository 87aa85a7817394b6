// SPDX-License-Identifier: Apache-2.0
// Inference with shared memory compared with inference that has separate memory per block.
#include "espalier/passes/memory_reuse.hpp"

#include <doctest/doctest.h>

#include <vector>

#include "support/forward.hpp"

using namespace espalier_test;

namespace {

const std::vector<std::string_view> without{"memory_reuse"};

template <class Model>
void check_places() {
  const auto program = esp::program_of<Model, float, esp::Cpu>();
  const esp::PlanView& plan = program.plan;
  auto schedule = esp::forward_schedule(program, false);
  esp::MemoryReuse<float> pass;
  pass.apply(schedule);
  struct Use {
    int base, moved, size, first, last;
  };
  std::vector<Use> uses;
  const auto use = [&](const esp::Block& before, const esp::Block& after, int node) {
    if (!before.exists()) return;
    CHECK(after.base + after.stride * after.steps <= schedule.values);
    CHECK(after.row == before.row);
    for (Use& u : uses) {
      if (u.base != before.base) continue;
      CHECK(u.moved == after.base);
      u.last = node;
      return;
    }
    uses.push_back({before.base, after.base, before.stride * before.steps, node, node});
  };
  const int nodes = static_cast<int>(plan.nodes.size());
  REQUIRE(schedule.steps.size() == plan.nodes.size());
  for (int i = 0; i < nodes; ++i) {
    const esp::Node &a = plan.nodes[static_cast<std::size_t>(i)],
                    &b = *schedule.steps[static_cast<std::size_t>(i)].node;
    use(a.in, b.in, i);
    use(a.in2, b.in2, i);
    use(a.cache, b.cache, i);
    use(a.out, b.out, i);
  }
  for (std::size_t k = 0; k < plan.tasks.size(); ++k)
    use(plan.tasks[k].output, schedule.outputs[k], nodes);
  int overlaps = 0;
  for (std::size_t i = 0; i < uses.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const bool alive = uses[i].first <= uses[j].last && uses[j].first <= uses[i].last;
      const bool apart = uses[i].moved + uses[i].size <= uses[j].moved ||
                         uses[j].moved + uses[j].size <= uses[i].moved;
      if (alive) CHECK(apart);
      overlaps += apart ? 0 : 1;
    }
  }
  if (nodes > 12) CHECK(overlaps > 0);  // memory is reused
  CHECK(schedule.values <= plan.sizes.values);
  CHECK(note_of(schedule.notes, "memory_reuse").fired == (schedule.values < plan.sizes.values));
}

template <class Model>
void check_bits() {
  const auto program = esp::program_of<Model, float, esp::Cpu>();
  const auto parameters = made_up_parameters<float>(program.plan);
  const esp::InferenceExecutor<float> with(program, parameters),
      plain(program, parameters, without);
  CHECK(plain.values_per_sample() == program.plan.sizes.values);
  CHECK(with.values_per_sample() <= plain.values_per_sample());
  for (const esp::Index samples : {1, 5, 64, 130})
    CHECK(same_bits(predictions(with, samples), predictions(plain, samples)));
}

}  // namespace

TEST_CASE("memory reuse: blocks that live at one time lie apart") {
  check_places<Bottom>();
  check_places<Separate>();
  check_places<Experts>();
  check_places<Normed>();
  check_places<Mixed>();
  check_places<Straight>();
}

TEST_CASE("memory reuse: the same bits with and without") {
  check_bits<Mixed>();
  check_bits<Broad>();
  check_bits<Straight>();
  check_bits<Separate>();
}

TEST_CASE("memory reuse: left out, it says so") {
  const auto program = esp::program_of<Mixed, float, esp::Cpu>();
  const auto parameters = made_up_parameters<float>(program.plan);
  const esp::InferenceExecutor<float> plain(program, parameters, without);
  const esp::PassNote note = note_of(plain.schedule().notes, "memory_reuse");
  CHECK_FALSE(note.fired);
  CHECK(note.why == "left out");
}
