// SPDX-License-Identifier: Apache-2.0
// A model file stores the metrics of the validation split.
#include <doctest/doctest.h>

#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/resume.hpp"
#include "espalier/model/safetensors.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

void check_same(const esp::Report& a, const esp::Report& b) {
  REQUIRE(a.tasks.size() == b.tasks.size());
  for (std::size_t k = 0; k < a.tasks.size(); ++k) {
    CHECK(a.tasks[k].task == b.tasks[k].task);
    CHECK(a.tasks[k].labelled == b.tasks[k].labelled);
    CHECK(a.tasks[k].mean == b.tasks[k].mean);
    REQUIRE(a.tasks[k].metrics.size() == b.tasks[k].metrics.size());
    for (std::size_t m = 0; m < a.tasks[k].metrics.size(); ++m) {
      CHECK(a.tasks[k].metrics[m].name == b.tasks[k].metrics[m].name);
      CHECK(a.tasks[k].metrics[m].value == b.tasks[k].metrics[m].value);
    }
  }
}

esp::SavedMetrics metrics_in(const std::string& path) {
  return esp::load_metrics(esp::SafetensorsFile(path));
}

}  // namespace

TEST_CASE("metrics of the best epoch are in the checkpoint, and stay with the weights") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.epochs = 6;
  o.optimizer = esp::Adam{.learning_rate = 5e-2};
  o.checkpoint = folder / "m.safetensors";
  const esp::Dataset train = made_up(300, 1), valid = made_up(150, 2, 0.1);
  esp::Trainer<Bottom> trainer(o);
  const esp::FitResult fit = trainer.fit(train, valid);
  REQUIRE(fit.best_epoch < fit.epochs);
  const esp::Report expected = trainer.evaluate(valid);
  const esp::SavedMetrics saved = metrics_in(o.checkpoint);
  CHECK(saved.epoch == fit.best_epoch);
  check_same(saved.report, expected);
  check_same(metrics_in(esp::resume_path(o.checkpoint)).report, expected);

  trainer.save(folder / "saved.safetensors");
  check_same(metrics_in(folder / "saved.safetensors").report, expected);
  esp::Trainer<Bottom> loaded(quick_options());
  loaded.load(folder / "saved.safetensors");
  loaded.save(folder / "again.safetensors");
  check_same(metrics_in(folder / "again.safetensors").report, expected);

  // Training without a validation split stores no metrics: the earlier ones do not apply to the new
  // parameters.
  loaded.fit(train);
  loaded.save(folder / "without.safetensors");
  CHECK(metrics_in(folder / "without.safetensors").epoch == 0);
  const esp::SafetensorsFile without(folder / "without.safetensors");
  CHECK(without.find_metadata("metrics") == nullptr);
}

TEST_CASE("a resumed run keeps the metrics of an epoch before") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.epochs = 6;
  o.optimizer = esp::Adam{.learning_rate = 5e-2};
  const esp::Dataset train = made_up(300, 1), valid = made_up(150, 2, 0.1);
  const auto run = [&](const std::string& path, int epochs, bool resume) {
    o.checkpoint = path;
    o.resume = resume;
    o.epochs = epochs;
    return esp::Trainer<Bottom>(o).fit(train, valid);
  };
  const esp::FitResult whole = run(folder / "whole.safetensors", 6, false);
  static_cast<void>(run(folder / "cut.safetensors", whole.best_epoch, false));
  const esp::FitResult rest = run(folder / "cut.safetensors", 6, true);
  REQUIRE(rest.best_epoch == whole.best_epoch);
  REQUIRE(rest.best_epoch < 6);
  CHECK(metrics_in(folder / "cut.safetensors").epoch == whole.best_epoch);
  CHECK(esp::read_file(folder / "cut.safetensors") == esp::read_file(folder / "whole.safetensors"));
}

TEST_CASE("metrics as JSON: what is undefined is null, another shape is refused") {
  const esp::SavedMetrics saved{
      2, {{{"click", {{"auc", esp::undefined}, {"log_loss", 0.1}}, 7, 0.25}}}};
  const std::string text =
      R"({"split":"validation","epoch":2,"tasks":{"click":{"labelled":7,"mean":0.25,"metrics":{"auc":null,"log_loss":0.1}}}})";
  CHECK(esp::to_json(saved).dump() == text);
  const esp::SavedMetrics read = esp::metrics_from_json(esp::Json::parse(text));
  CHECK(std::isnan(read.report.value("click", "auc")));
  CHECK(read.report.value("click", "log_loss") == 0.1);
  CHECK(read.report.tasks[0].labelled == 7);
  CHECK(message_of([] {
          static_cast<void>(esp::metrics_from_json(esp::Json::parse(R"({"epoch":0,"tasks":{}})")));
        }) == "epoch is 0, expected 1 or more");

  const TemporaryFolder folder;
  esp::SafetensorsWriter writer;
  writer.metadata("metrics", R"({"epoch":1})");
  writer.write(folder / "m");
  CHECK(message_of([&] { static_cast<void>(metrics_in(folder / "m")); }) ==
        (folder / "m") + ": metadata 'metrics': JSON: expected a member 'tasks', found none");
}
