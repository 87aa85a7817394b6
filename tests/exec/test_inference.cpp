// SPDX-License-Identifier: Apache-2.0
// InferenceExecutor: reuse of workspace memory, batches of any size, no allocation, any number of
// threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <thread>
#include <vector>

#include "espalier/exec/random_batch.hpp"
#include "support/allocations.hpp"
#include "support/forward.hpp"

using namespace espalier_test;

namespace {

template <class Model>
struct Fixture {
  esp::Program<float, esp::Cpu> program = esp::program_of<Model, float, esp::Cpu>();
  esp::Parameters<float> parameters = made_up_parameters<float>(program.plan);
};

/// The summation order of kernels may depend on the number of samples, so the last bits may differ.
void check_close(const std::vector<float>& a, const std::vector<float>& b) {
  CHECK(difference(a, b) < 2e-6);
}

}  // namespace

TEST_CASE_TEMPLATE(
    "inference: batches of every size in workspaces of every size are what the training executor "
    "says",
    Model, Mixed, Broad, Straight, Separate) {
  const Fixture<Model> f;
  const esp::InferenceExecutor<float> executor(f.program, f.parameters);
  esp::TrainExecutor<float> reference(f.program, vocabulary_rows, 130, 1);
  reference.parameters().copy_from(f.parameters);
  auto whole = executor.make_workspace();
  for (esp::Index n = 1; n <= 130; ++n) {
    CAPTURE(n);
    const esp::RandomBatch<float> data(f.program.plan, n, vocabulary_rows,
                                       static_cast<std::uint64_t>(n));
    std::vector<float> expected;
    {
      std::vector<std::vector<float>> values;
      std::vector<float*> out;
      for (const esp::TaskInfo& task : f.program.plan.tasks)
        values.emplace_back(static_cast<std::size_t>(n * task.outputs));
      for (auto& v : values) out.push_back(v.data());
      reference.predict(data.batch(), out);
      for (const auto& v : values) expected.insert(expected.end(), v.begin(), v.end());
    }
    for (const esp::Index capacity :
         {esp::Index{0}, esp::Index{1}, n % 64 + 1, esp::Index{64}, esp::Index{1000}}) {
      auto workspace = executor.make_workspace(capacity);
      CHECK(workspace.capacity >= 1);
      CHECK(workspace.capacity <= 64);
      workspace.values.fill(std::numeric_limits<float>::quiet_NaN());
      check_close(predictions(executor, data.batch(), workspace), expected);
    }
    // The workspace was used before.
    check_close(predictions(executor, data.batch(), whole), expected);
  }
}

TEST_CASE("inference: in double, too") {
  const Fixture<Mixed> f;
  const auto program = esp::program_of<Mixed, double, esp::Cpu>();
  esp::Parameters<double> parameters(program.plan, vocabulary_rows);
  std::copy(f.parameters.dense.begin(), f.parameters.dense.end(), parameters.dense.begin());
  for (std::size_t t = 0; t < 2; ++t) {
    std::copy(f.parameters.tables[t].begin(), f.parameters.tables[t].end(),
              parameters.tables[t].begin());
  }
  const esp::InferenceExecutor<double> executor(program, parameters);
  const esp::InferenceExecutor<float> single(f.program, f.parameters);
  CHECK(executor.values_per_sample() == single.values_per_sample());
  const esp::RandomBatch<double> data(program.plan, 70, vocabulary_rows, 7);
  const esp::RandomBatch<float> same(program.plan, 70, vocabulary_rows, 7);
  auto workspace = executor.make_workspace();
  auto other = single.make_workspace();
  std::vector<double> click(70), watch(70), rating(350);
  std::vector<double*> out{click.data(), watch.data(), rating.data()};
  executor.run(data.batch(), workspace, out);
  const std::vector<float> narrow = predictions(single, same.batch(), other);
  for (std::size_t j = 0; j < 70; ++j) {
    CHECK(click[j] == doctest::Approx(static_cast<double>(narrow[j])).epsilon(1e-4));
    double sum = 0;
    for (std::size_t c = 0; c < 5; ++c) sum += rating[5 * j + c];
    CHECK(sum == doctest::Approx(1));
  }
}

TEST_CASE("inference: a workspace that was not made is refused") {
  const Fixture<Mixed> f;
  const esp::InferenceExecutor<float> executor(f.program, f.parameters);
  const esp::RandomBatch<float> data(f.program.plan, 3, vocabulary_rows, 7);
  esp::InferenceExecutor<float>::Workspace none;
  CHECK_THROWS_WITH_AS(executor.each_microbatch(data.batch(), none, [](const auto&) {}),
                       "the workspace is empty, expected one of make_workspace()",
                       esp::ConfigError);
}

TEST_CASE("inference: nothing allocates") {
  const Fixture<Mixed> f;
  const esp::InferenceExecutor<float> executor(f.program, f.parameters);
  const esp::RandomBatch<float> large(f.program.plan, 130, vocabulary_rows, 7),
      small(f.program.plan, 3, vocabulary_rows, 8);
  auto workspace = executor.make_workspace();
  std::vector<float> click(130), watch(130), rating(650);
  std::vector<float*> out{click.data(), watch.data(), rating.data()};
  // The first run allocates the kernels' per-thread packing buffers.
  executor.run(large.batch(), workspace, out);
  const long before = allocations();
  for (int i = 0; i < 5; ++i) {
    executor.run(small.batch(), workspace, out);
    executor.run(large.batch(), workspace, out);
  }
  const long after = allocations();
  CHECK(after == before);
}

TEST_CASE("inference: one executor, many threads, a workspace each") {
  const Fixture<Mixed> f;
  const esp::InferenceExecutor<float> executor(f.program, f.parameters);
  const esp::RandomBatch<float> data(f.program.plan, 97, vocabulary_rows, 7);
  auto first = executor.make_workspace();
  const std::vector<float> expected = predictions(executor, data.batch(), first);
  std::vector<int> wrong(6, -1);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      auto workspace = executor.make_workspace();
      wrong[t] = 0;
      for (int i = 0; i < 20; ++i)
        wrong[t] += same_bits(predictions(executor, data.batch(), workspace), expected) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(6, 0));
}
