// SPDX-License-Identifier: Apache-2.0
// Schedules: the steps that a plan runs, and how passes change them.
#include "espalier/passes/schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/describe/model.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/losses/losses.hpp"
#include "espalier/optim/optim.hpp"

namespace esp = espalier;
using esp::Index;

namespace {

using Click = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
using Watch = esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.5}, esp::Tower<8>>;
using Inputs = esp::Inputs<esp::Categorical<"user", 8>, esp::NumericVector<"x", 120>>;
struct Shared : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<128, 160>>, Click, Watch> {};
struct Normed
    : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Layers<esp::Dense<8>, esp::BatchNorm>>,
                          Click, Watch> {};

using Step = esp::Step<float>;
const std::vector<Index> rows{20};

/// One line per step, such as "forward dense shared/dense0".
std::vector<std::string> lines(const esp::ExecutionSchedule<float>& schedule) {
  std::vector<std::string> made;
  for (const Step& step : schedule.steps) {
    const std::string_view scope[] = {"", "pieces ", "merge ", "once "};
    const std::string_view phase[] = {"forward ", "loss ", "backward ", "update "};
    made.push_back(std::string(scope[static_cast<int>(step.scope)]) +
                   std::string(phase[static_cast<int>(step.phase)]) + std::string(step.name) +
                   (step.node != nullptr ? " " + std::string(step.node->name.view()) : "") +
                   (step.pass.empty() ? "" : " by " + std::string(step.pass)));
  }
  return made;
}

std::ptrdiff_t place(const std::vector<std::string>& of, std::string_view line) {
  return std::find(of.begin(), of.end(), line) - of.begin();
}

}  // namespace

TEST_CASE("schedule: the plan forward, losses, the plan backward") {
  const std::vector<std::string_view> none{"projected_embeddings", "deferred_weight_gradients"};
  const esp::TrainExecutor<float> executor(esp::program_of<Shared, float, esp::Cpu>(), rows, 1024,
                                           1, {}, none);
  CHECK(lines(executor.schedule(1024)) ==
        std::vector<std::string>{
            "forward start", "forward embedding embedding", "forward numeric embedding",
            "forward dense shared/dense0", "forward dense shared/dense1", "forward dense towers",
            "forward dense click/dense1", "forward dense watch/dense1", "loss losses",
            "backward zero", "backward dense watch/dense1", "backward dense click/dense1",
            "backward dense towers", "backward dense shared/dense1", "backward dense shared/dense0",
            "backward numeric embedding", "backward embedding embedding"});
  CHECK_FALSE(executor.schedule(1024).waits);
  CHECK(executor.schedule(1024).summed_parameters.empty());
}

TEST_CASE("schedule: each pass changes its own steps, for the batches that it pays for") {
  const esp::TrainExecutor<float> executor(esp::program_of<Shared, float, esp::Cpu>(), rows, 1024,
                                           1);
  const auto large = lines(executor.schedule(1024)), small = lines(executor.schedule(64)),
             least = lines(executor.schedule(8));
  CHECK(large.front() == "pieces forward multiply tables by projected_embeddings");
  CHECK(large.back() == "pieces backward gradients of tables by projected_embeddings");
  CHECK(place(large, "forward embedding embedding") == std::ssize(large));
  CHECK(place(large, "forward dense shared/dense0 by projected_embeddings") < std::ssize(large));
  CHECK(place(large, "backward dense shared/dense0 by projected_embeddings") < std::ssize(large));
  CHECK(place(small, "backward dense shared/dense1 by deferred_weight_gradients") <
        std::ssize(small));
  CHECK(place(small, "forward dense shared/dense1") < std::ssize(small));
  CHECK(place(small, "pieces backward gradients of matrices by deferred_weight_gradients") <
        std::ssize(small));
  CHECK(place(least, "forward embedding embedding") < std::ssize(least));
  CHECK(std::none_of(least.begin(), least.end(),
                     [](const std::string& line) { return line.find(" by ") != line.npos; }));
  for (const Index samples : {8, 64, 1024}) {
    const auto& notes = executor.schedule(samples).notes;
    REQUIRE(notes.size() == 2);
    for (const esp::PassNote& note : notes) CHECK_FALSE(note.why.empty());
    CHECK(notes[0].pass == "deferred_weight_gradients");
    CHECK(notes[0].fired == (samples == 64));
    CHECK(notes[1].pass == "projected_embeddings");
    CHECK(notes[1].fired == (samples == 1024));
  }
  // Similar batch sizes share a schedule.
  CHECK(&executor.schedule(1000) == &executor.schedule(1024));
  CHECK(&executor.schedule(8) != &executor.schedule(1024));
}

TEST_CASE("schedule: what needs the whole batch waits for all microbatches") {
  const esp::TrainExecutor<float> executor(esp::program_of<Normed, float, esp::Cpu>(), rows, 64, 1);
  const auto all = lines(executor.schedule(64));
  const auto moments = place(all, "forward batch_moments shared/batch_norm1");
  REQUIRE(moments + 1 < std::ssize(all));
  CHECK(all[static_cast<std::size_t>(moments) + 1] ==
        "merge forward batch_moments shared/batch_norm1");
  const auto normalize = place(all, "backward batch_normalize shared/batch_norm1");
  REQUIRE(normalize + 1 < std::ssize(all));
  CHECK(all[static_cast<std::size_t>(normalize) + 1] ==
        "merge backward batch_normalize shared/batch_norm1");
  CHECK(executor.schedule(64).waits);
}

TEST_CASE("schedule: a pass that there is not") {
  const std::vector<std::string_view> wrong{"packed_wheights"};
  CHECK_THROWS_WITH_AS(
      esp::TrainExecutor<float>(esp::program_of<Shared, float, esp::Cpu>(), rows, 64, 1, {}, wrong),
      "without is 'packed_wheights', expected a pass: projected_embeddings, "
      "deferred_weight_gradients, bf16",
      esp::ConfigError);
}
