// SPDX-License-Identifier: Apache-2.0
// The output of a run: history, event files, curves, and messages.
#include <doctest/doctest.h>

#include <filesystem>

#include "espalier/core/file.hpp"
#include "espalier/report/event_file.hpp"
#include "support/captured_stderr.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

const esp::Dataset train = made_up(200, 1), valid = made_up(200, 2);

/// Values that the callbacks received.
struct Seen {
  int epoch = 0;
  double learning_rate = 0, train_loss = 0, click = 0, valid_loss = 0, auc = 0;
};

std::vector<Seen> watch(esp::TrainerOptions& o) {
  std::vector<Seen> seen;
  esp::TrainerOptions watched = o;
  watched.callbacks.emplace_back([&](esp::EpochInfo& info) {
    seen.push_back({info.epoch, info.learning_rate, info.train_loss, info.task_losses[0],
                    info.validation_loss, info.validation->value("click", "auc")});
  });
  esp::Trainer<Bottom> trainer(watched);
  trainer.fit(train, valid);
  CHECK(trainer.history().rows().size() == seen.size());
  return seen;
}

}  // namespace

TEST_CASE("reports: history as JSON lines and as CSV, every value that a callback sees") {
  const TemporaryFolder folder;
  for (const char* name : {"deep/run.jsonl", "run.csv"}) {
    CAPTURE(name);
    esp::TrainerOptions o = quick_options();
    o.history = folder / name;
    o.schedule = esp::Linear{};
    const std::vector<Seen> seen = watch(o);
    const esp::History history = esp::History::read(o.history);
    REQUIRE(history.rows().size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const esp::HistoryRow& row = history.rows()[i];
      CHECK(row.epoch == static_cast<int>(i) + 1);
      CHECK(row.step == 4 * static_cast<std::int64_t>(i + 1));  // 200 rows in batches of 64
      CHECK(row.value("learning_rate") == seen[i].learning_rate);
      CHECK(row.value("train/loss") == seen[i].train_loss);
      CHECK(row.value("train/click/loss") == seen[i].click);
      CHECK(row.value("valid/loss") == seen[i].valid_loss);
      CHECK(row.value("valid/click/auc") == seen[i].auc);
      CHECK(row.value("valid/watch/rmse") > 0);
    }
    CHECK(seen[0].learning_rate > seen[1].learning_rate);
    // A run that is not resumed starts a new history.
    o.epochs = 1;
    watch(o);
    CHECK(esp::History::read(o.history).rows().size() == 1);
  }
}

TEST_CASE("reports: event files hold the same") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.events = folder / "events";
  const std::vector<Seen> seen = watch(o);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(o.events.text()))
    files.push_back(entry.path());
  REQUIRE(files.size() == 1);
  const esp::EventLog log = esp::read_event_file(files[0].string());
  CHECK_FALSE(log.cut_off);
  std::vector<float> losses, aucs;
  for (const esp::Event& event : log.events) {
    for (const esp::ScalarEvent& scalar : event.scalars) {
      if (scalar.tag == "valid/loss") losses.push_back(scalar.value);
      if (scalar.tag == "valid/click/auc") aucs.push_back(scalar.value);
      if (scalar.tag == "valid/loss")
        CHECK(event.step == 4 * static_cast<std::int64_t>(losses.size()));
    }
  }
  REQUIRE(losses.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(losses[i] == static_cast<float>(seen[i].valid_loss));
    CHECK(aucs[i] == static_cast<float>(seen[i].auc));
  }
}

TEST_CASE("reports: curves as an image") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.curves = folder / "curves.svg";
  watch(o);
  const std::string svg = esp::read_file(o.curves);
  for (const char* part : {"<svg", "Training loss", "Validation AUC", "Validation RMSE", "click",
                           "watch", "best epoch"}) {
    CAPTURE(part);
    CHECK(svg.find(part) != std::string::npos);
  }
}

TEST_CASE("reports: what is said, and nothing when told to be quiet") {
  esp::Table table = made_up_table(150, 1);
  table.notes.emplace_back("made-up: 3 rows skipped");
  table.remove("watch");
  table.add(esp::Column::number("watch", std::vector<double>(150, std::nan(""))));
  const esp::Dataset noted{table};
  const auto run = [&](esp::ShowProgress progress) {
    const CapturedStderr captured;
    esp::TrainerOptions o = quick_options();
    o.epochs = 30;
    o.monitor = "mean_auc";
    o.patience = 1;
    o.progress = progress;
    esp::Trainer<Bottom> trainer(o);
    trainer.fit(noted, valid);
    return captured.text();
  };
  CHECK(run(esp::ShowProgress::never).empty());
  const std::string said = run(esp::ShowProgress::automatic);
  CAPTURE(said);
  CHECK(said.find("made-up: 3 rows skipped\n") == 0);
  CHECK(said.find("task 'watch' has no labels in the training split: it will not learn\n") !=
        std::string::npos);
  CHECK(said.find("validation: loss ") != std::string::npos);
  CHECK(said.find("(best so far)") != std::string::npos);
  CHECK(said.find("stopped early: no better mean_auc since epoch ") != std::string::npos);
  CHECK(said.find('\r') == std::string::npos);  // not a terminal: no progress bar
}

TEST_CASE("reports: a training that can learn nothing says so") {
  struct Measured
      : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                            esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{0}>> {};
  const auto said = [](auto trainer) {
    const CapturedStderr captured;
    trainer.fit(made_up(60, 1));
    return captured.text();
  };
  esp::TrainerOptions o = quick_options();
  o.epochs = 1;
  o.progress = esp::ShowProgress::automatic;
  const std::string weightless = said(esp::Trainer<Measured>(o)),
                    free = said(esp::Trainer<Bottom>(o));
  o.freeze = {"*"};
  const std::string frozen = said(esp::Trainer<Bottom>(o));
  CHECK(weightless.find("every task has weight 0: nothing will be learnt\n") != std::string::npos);
  CHECK(frozen.find("freeze fits every tensor and table: no parameter will learn\n") !=
        std::string::npos);
  for (const char* part : {"weight 0", "freeze"}) CHECK(free.find(part) == std::string::npos);
}

TEST_CASE("reports: notes of a table that both splits are of are said once") {
  esp::Table table = made_up_table(150, 1);
  table.notes.emplace_back("joined: 3 keys without a partner");
  const auto [first, second, rest] = esp::Dataset(table).split(0.5, 0.5, 0);
  const CapturedStderr captured;
  esp::TrainerOptions o = quick_options();
  o.epochs = 1;
  o.progress = esp::ShowProgress::automatic;
  esp::Trainer<Bottom> trainer(o);
  trainer.fit(first, second);
  const std::string said = captured.text();
  const std::size_t at = said.find("3 keys without");
  CHECK(at != std::string::npos);
  CHECK(said.find("3 keys without", at + 1) == std::string::npos);
  CHECK(rest.size() == 0);
}
