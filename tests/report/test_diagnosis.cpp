// SPDX-License-Identifier: Apache-2.0
// Diagnosis during training: correct values, written to the files, without effect on training.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "espalier/balance/mgda.hpp"
#include "espalier/core/file.hpp"
#include "espalier/exec/gradient_probe.hpp"
#include "espalier/exec/random_batch.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/report/event_file.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

using esp::Index;

const std::vector<Index> rows{50, 30};
using NormedEncoder = esp::Layers<esp::Dense<12>, esp::BatchNorm, esp::Dense<8>>;
struct NormedExperts
    : esp::MultiTaskModel<MadeUpInputs, esp::Mmoe<3, NormedEncoder>, Click, Watch> {};

/// The inner product of the gradients of tasks a and b over the group's tensors and tables.
double product(esp::TrainExecutor<double>& executor, const std::string& group,
               const std::vector<std::vector<double>>& dense,
               const std::vector<std::map<std::pair<int, int>, std::vector<double>>>& tables,
               std::size_t a, std::size_t b) {
  double sum = 0;
  for (const esp::ParameterInfo& t : executor.plan().tensors) {
    if (!t.trainable || t.task != esp::shared_by_tasks) continue;
    if (group != "all" && esp::layer_group(t.name.view()) != group) continue;
    for (auto i = static_cast<std::size_t>(t.offset);
         i < static_cast<std::size_t>(t.offset + t.size()); ++i)
      sum += dense[a][i] * dense[b][i];
  }
  for (const auto& [at, row] : tables[a]) {
    if (group != "all" &&
        executor.plan().tables[static_cast<std::size_t>(at.first)].name.view() != group)
      continue;
    for (std::size_t i = 0; i < row.size(); ++i) sum += row[i] * tables[b].at(at)[i];
  }
  return sum;
}

template <class Model>
void check_probe() {
  esp::TrainExecutor<double> executor(esp::program_of<Model, double, esp::Cpu>(), rows, 150, 2);
  esp::initialize(executor.plan(), 3, executor.parameters());
  executor.prepare(esp::Adam{}, {});
  const std::vector<double> weights{1, 0.5};
  const esp::RandomBatch<double> data(executor.plan(), 150, rows, 11, 0.1, true);
  std::vector<std::vector<double>> dense;
  std::vector<std::map<std::pair<int, int>, std::vector<double>>> tables(2);
  const esp::Parameters<double> before = executor.parameters();
  for (std::size_t k = 0; k < 2; ++k) {
    std::vector<double> one(2, 0.0);
    one[k] = weights[k];
    executor.forward_backward(data.batch(), one, 7);
    dense.emplace_back(static_cast<std::size_t>(executor.plan().sizes.parameters));
    executor.read_gradient(dense.back());
    auto& sparse = executor.collect_sparse();
    for (Index s = 0; s < sparse.shards(); ++s) {
      const auto& shard = sparse.shard(s);
      for (std::size_t i = 0; i < shard.rows.size(); ++i) {
        const auto from = shard.sums.begin() + static_cast<std::ptrdiff_t>(i) * shard.width;
        tables[k][{shard.table, shard.rows[i]}].assign(from, from + shard.width);
      }
    }
    executor.clear_gradient();
  }
  executor.parameters().copy_from(before);
  esp::GradientProbe<double> probe(executor);
  for (int round = 0; round < 2; ++round) {
    executor.poison(std::nan(""));
    const auto groups = probe.measure(data.batch(), weights, 7);
    REQUIRE(groups.size() > 3);
    CHECK(groups[0].name == "all");
    for (const esp::GroupGradients& group : groups) {
      CAPTURE(group.name);
      const double a = product(executor, group.name, dense, tables, 0, 0),
                   b = product(executor, group.name, dense, tables, 1, 1),
                   ab = product(executor, group.name, dense, tables, 0, 1);
      CHECK(group.norm(0, 2) == doctest::Approx(std::sqrt(a)).epsilon(1e-10));
      CHECK(group.norm(1, 2) == doctest::Approx(std::sqrt(b)).epsilon(1e-10));
      CHECK(group.cosine(0, 1, 2) == doctest::Approx(ab / std::sqrt(a * b)).epsilon(1e-9));
      CHECK(group.cosine(1, 0, 2) == group.cosine(0, 1, 2));
      CHECK(a > 0);
    }
    for (std::size_t i = 0; i < before.dense.size(); ++i)
      REQUIRE(executor.parameters().dense[i] == before.dense[i]);
    std::vector<double> left(dense[0].size());
    executor.read_gradient(left);
    for (const double g : left) REQUIRE(g == 0);
  }
}

esp::TrainerOptions measured_options(const TemporaryFolder& folder, const char* file) {
  esp::TrainerOptions o = quick_options();
  o.diagnose = folder / file;
  o.diagnose_every = 3;
  return o;
}

}  // namespace

TEST_CASE("diagnosis: the group of a tensor is its layer, with all experts together") {
  CHECK(esp::layer_group("shared/dense0/weight") == "shared/dense0");
  CHECK(esp::layer_group("expert12/residual4/dense0/bias") == "expert/residual4/dense0");
  CHECK(esp::layer_group("level0/click/expert1/dense0/weight") == "level0/click/expert/dense0");
  CHECK(esp::layer_group("expertise1/weight") == "expertise1");
  CHECK(esp::layer_group("weight") == "weight");
}

TEST_CASE_TEMPLATE("diagnosis: each group's Gramian against separate runs; nothing is left behind",
                   Model, Bottom, Experts, Normed, NormedExperts) {
  check_probe<Model>();
}

TEST_CASE("diagnosis: absent tasks and frozen layers do not count") {
  esp::TrainExecutor<double> executor(esp::program_of<Experts, double, esp::Cpu>(), rows, 40, 2);
  esp::initialize(executor.plan(), 3, executor.parameters());
  executor.prepare(esp::Adam{}, std::vector<std::string>{"expert*/dense0/*", "embedding/user"});
  const esp::RandomBatch<double> data(executor.plan(), 40, rows, 11, 0, true);
  esp::GradientProbe<double> probe(executor);
  const auto groups = probe.measure(data.batch(), std::vector<double>{1, 0}, 7);
  for (const esp::GroupGradients& group : groups) {
    CHECK(group.name != "expert/dense0");
    CHECK(group.name != "embedding/user");
    CHECK(group.norm(0, 2) > 0);
    CHECK(group.norm(1, 2) == 0);
    CHECK(std::isnan(group.cosine(0, 1, 2)));
  }
}

TEST_CASE_TEMPLATE("diagnosis: a run that is measured learns the same bits", Model, Experts, Normed,
                   NormedExperts) {
  const esp::Dataset train = made_up(500, 1, 0.1), valid = made_up(200, 2);
  for (const bool by_gradients : {false, true}) {
    const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
    esp::TrainerOptions plain = quick_options(), measured = measured_options(folder, "d.jsonl");
    if (by_gradients) plain.balance = measured.balance = esp::Mgda{};
    esp::Trainer<Model> a(plain), b(measured);
    a.fit(train, valid);
    b.fit(train, valid);
    CHECK(same_bits(a.parameters(), b.parameters()));
    CHECK(esp::History::read(folder / "d.jsonl").rows().size() == 8);  // of 24 steps
  }
}

TEST_CASE("diagnosis: to a file, a picture beside it, and the event file") {
  const esp::Dataset train = made_up(500, 1, 0.1), valid = made_up(200, 2);
  for (const char* file : {"deep/d.jsonl", "d.csv"}) {
    CAPTURE(file);
    const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
    esp::TrainerOptions o = measured_options(folder, file);
    o.events = folder / "events";
    esp::Trainer<Experts> trainer(o);
    trainer.fit(train, valid);
    const esp::History history = esp::History::read(o.diagnose);
    REQUIRE(history.rows().size() == 8);
    for (std::size_t i = 0; i < 8; ++i) {
      const esp::HistoryRow& row = history.rows()[i];
      CHECK(row.step == 1 + 3 * static_cast<std::int64_t>(i));
      CHECK(row.epoch == 1 + (static_cast<int>(row.step) - 1) / 8);
      CHECK(row.value("gradient_norm/all/click") > 0);
      CHECK(row.value("gradient_norm/all/click") > row.value("gradient_norm/expert/dense0/click"));
      CHECK(std::abs(row.value("gradient_cosine/all/click~watch")) <= 1);
      CHECK(std::abs(row.value("gradient_cosine/embedding/user/click~watch")) <= 1);
      for (const char* task : {"click", "watch"}) {
        const std::string gate = std::string("gate/gates/") + task;
        double sum = 0;
        for (const char* expert : {"0", "1", "2"}) sum += row.value(gate + "/load/" + expert);
        CHECK(sum == doctest::Approx(1));
        CHECK(row.value(gate + "/entropy") > 0);
        CHECK(row.value(gate + "/load_entropy") <= std::log(3) + 1e-6);
      }
    }
    std::string picture = o.diagnose.text();
    picture.replace(picture.rfind('.'), std::string::npos, ".svg");
    const std::string svg = esp::read_file(picture);
    for (const char* words :
         {"Length of gradients", "Agreement of gradients: all",
          "Agreement of gradients: expert/dense0", "Agreement of gradients: embedding/tags",
          "Entropy of gates", "Load of experts: gates/click", "click~watch", "expert 2"}) {
      CAPTURE(words);
      CHECK(svg.find(words) != std::string::npos);
    }
    std::size_t files = 0, found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(o.events.text())) {
      ++files;
      for (const esp::Event& event : esp::read_event_file(entry.path().string()).events) {
        for (const esp::ScalarEvent& scalar : event.scalars) {
          if (scalar.tag != "gradient_cosine/all/click~watch") continue;
          CHECK(event.step == history.rows()[found].step);
          CHECK(scalar.value == static_cast<float>(history.rows()[found].value(scalar.tag)));
          ++found;
        }
      }
    }
    CHECK(files == 1);
    CHECK(found == 8);
    // The run's history has one row per epoch.
    CHECK(trainer.history().rows().size() == 3);
  }
}

TEST_CASE("diagnosis: a model without gates, and one task alone") {
  struct One : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click> {};
  const esp::Dataset train = made_up(200, 1);
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::Trainer<One> trainer(measured_options(folder, "d.csv"));
  trainer.fit(train);
  const esp::History history = esp::History::read(folder / "d.csv");
  CHECK(history.rows().size() == 4);
  for (const std::string& column : history.columns()) CHECK(column.starts_with("gradient_norm/"));
  CHECK(esp::file_exists(folder / "d.svg"));
}

TEST_CASE("diagnosis: a resumed run has the rows of one that never stopped") {
  const esp::Dataset train = made_up(500, 1), valid = made_up(200, 2);
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = measured_options(folder, "whole.jsonl");
  o.patience = 0;
  o.epochs = 4;
  esp::Trainer<Experts>(o).fit(train, valid);
  o.diagnose = folder / "parts.jsonl";
  o.checkpoint = folder / "model.safetensors";
  o.epochs = 2;
  esp::Trainer<Experts>(o).fit(train, valid);
  // As if the run had been killed later, after further measurements.
  esp::History more = esp::History::read(o.diagnose);
  more.add({3, 19, {{"gradient_norm/all/click", 5.0}}});
  more.write(o.diagnose);
  o.epochs = 4;
  o.resume = true;
  esp::Trainer<Experts>(o).fit(train, valid);
  CHECK(esp::read_file(folder / "parts.jsonl") == esp::read_file(folder / "whole.jsonl"));
  // A run that is not resumed starts a new file.
  o.resume = false;
  o.epochs = 1;
  esp::Trainer<Experts>(o).fit(train, valid);
  CHECK(esp::History::read(folder / "parts.jsonl").rows().size() == 3);
}

TEST_CASE("diagnosis: options that cannot be are refused") {
  esp::TrainerOptions o = quick_options();
  o.diagnose = "d.txt";
  CHECK(message_of([&] { esp::Trainer<Experts> trainer(o); }) ==
        "diagnose file 'd.txt': expected a name that ends in .csv or .jsonl");
  o.diagnose = "d.csv";
  o.diagnose_every = 0;
  CHECK(message_of([&] { esp::Trainer<Experts> trainer(o); }) ==
        "diagnose_every is 0, expected 1 or more");
}
