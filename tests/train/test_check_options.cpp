// SPDX-License-Identifier: Apache-2.0
// Invalid options: one error message each, before training starts.
#include <doctest/doctest.h>

#include <filesystem>

#include "espalier/core/file.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

template <class Change>
std::string refused(Change change) {
  return message_of([&] {
    esp::TrainerOptions o = quick_options();
    change(o);
    esp::Trainer<Bottom> trainer(o);
  });
}

}  // namespace

TEST_CASE("options: numbers out of range") {
  using O = esp::TrainerOptions;
  CHECK(refused([](O&) {}) == "accepted");
  CHECK(refused([](O& o) { o.epochs = 0; }) == "epochs is 0, expected 1 or more");
  CHECK(refused([](O& o) { o.batch_size = -5; }) == "batch_size is -5, expected 1 or more");
  CHECK(refused([](O& o) { o.threads = -1; }) == "threads is -1, expected 0 to 1024");
  CHECK(refused([](O& o) { o.threads = 100000; }) == "threads is 100000, expected 0 to 1024");
  CHECK(refused([](O& o) { o.patience = -2; }) == "patience is -2, expected 0 or more");
  CHECK(refused([](O& o) { o.max_gradient_norm = -0.5; }) ==
        "max_gradient_norm is -0.5, expected 0 or more");
  CHECK(refused([](O& o) { o.max_gradient_norm = std::nan(""); }) ==
        "max_gradient_norm is nan, expected 0 or more");
  CHECK(refused([](O& o) { o.optimizer = esp::Adam{.learning_rate = -1}; }) ==
        "adam: learning_rate is -1; expected a number in [0, inf)");
  CHECK(refused([](O& o) { o.schedule = esp::Cosine{.final = 2}; }) ==
        "cosine: final is 2; expected a number in [0, 1]");
  CHECK(refused([](O& o) { o.balance = esp::Uncertainty{.learning_rate = 0}; }) ==
        "uncertainty: learning_rate is 0, expected a number greater than 0");
}

TEST_CASE("options: names of files, columns and tensors") {
  using O = esp::TrainerOptions;
  CHECK(refused([](O& o) { o.history = "run.txt"; }) ==
        "history file 'run.txt': expected a name that ends in .csv or .jsonl");
  CHECK(refused([](O& o) { o.curves = "run.png"; }) ==
        "curves file 'run.png': expected a name that ends in .svg");
  CHECK(refused([](O& o) { o.checkpoint = o.history = "run.jsonl"; }) ==
        "checkpoint and history are both 'run.jsonl', expected files of their own");
  CHECK(refused([](O& o) {
          o.diagnose = "a/run.csv";
          o.history = "a/run.csv";
        }) == "history and diagnose are both 'a/run.csv', expected files of their own");
  CHECK(refused([](O& o) {
          o.diagnose = "run.csv";
          o.curves = "run.svg";
        }) == "curves and the picture of diagnose are both 'run.svg', expected files of their own");
  CHECK(refused([](O& o) { o.resume = true; }) ==
        "resume is set, but no checkpoint to resume from");
  CHECK(refused([](O& o) {
          o.freeze = {"*/bias", "bottom/*"};
        }) ==
        "freeze pattern 'bottom/*' fits no tensor; there are e.g. 'shared/dense0/weight', "
        "'shared/dense0/bias', "
        "'shared/dense2/weight', 'shared/dense2/bias', 'embedding/user'");
  CHECK(refused([](O& o) { o.monitor = "click/f1"; }) ==
        "monitor 'click/f1': task 'click' has no metric 'f1'; it has auc, pr_auc, log_loss, "
        "accuracy, ece, ratio");
  const auto fit = [](esp::TrainerOptions o) {
    return message_of([&] {
      esp::Trainer<Bottom> trainer(o);
      trainer.fit(made_up(80, 1), made_up(80, 2));
    });
  };
  esp::TrainerOptions o = quick_options();
  o.sample_weight = "importance";
  CHECK(fit(o) ==
        "made-up: no column 'importance'; there are 'x', 'y', 'user', 'tags', 'click', 'watch', "
        "'weight'");
  o.sample_weight = "user";
  CHECK(fit(o) == "made-up: column 'user' holds text, expected numbers");
  o.sample_weight = "y";
  CHECK(fit(o).find("weight 'y'") != std::string::npos);
  o.sample_weight = "";
  o.group = "session";
  CHECK(fit(o) ==
        "made-up: no column 'session'; there are 'x', 'y', 'user', 'tags', 'click', 'watch', "
        "'weight'");
}

TEST_CASE("options: a folder that cannot be is said before the first epoch") {
  const TemporaryFolder folder;
  esp::write_file_atomically(folder / "file", "");
  for (const int which : {0, 1, 2, 3}) {
    esp::TrainerOptions o = quick_options();
    if (which == 0) o.checkpoint = folder / "file/run.safetensors";
    if (which == 1) o.history = folder / "file/run.csv";
    if (which == 2) o.curves = folder / "file/run.svg";
    if (which == 3) o.events = folder / "file/run";
    int epochs = 0;
    o.callbacks.emplace_back([&](esp::EpochInfo&) { ++epochs; });
    esp::Trainer<Bottom> trainer(o);
    CHECK(message_of([&] { trainer.fit(made_up(80, 1)); }) ==
          "cannot make folder " + (folder / "file") + ": Not a directory");
    CHECK(epochs == 0);
  }
  CHECK(folder.names() == std::vector<std::string>{"file"});
  esp::make_folders(folder / "models.csv");
  for (const int which : {0, 1}) {
    esp::TrainerOptions o = quick_options();
    if (which == 0) o.checkpoint = folder / "models.csv";
    if (which == 1) o.history = folder / "models.csv";
    esp::Trainer<Bottom> trainer(o);
    CHECK(message_of([&] { trainer.fit(made_up(80, 1)); }) ==
          (which == 0 ? "checkpoint" : "history") + std::string(" file '") +
              (folder / "models.csv") + "' is a folder");
  }
}

TEST_CASE("options: a validation split that is given and empty is no missing one") {
  const esp::Dataset data = made_up(80, 1);
  esp::Trainer<Bottom> trainer(quick_options());
  CHECK(message_of([&] { trainer.fit(data, data.head(0)); }) ==
        "the validation split is empty: it has none of the 80 rows of made-up; expected some, or "
        "none given: fit(train)");
  CHECK(trainer.fit(data).best_epoch == 0);
}

TEST_CASE("options: a monitor that the validation split cannot tell") {
  esp::TrainerOptions o = quick_options();
  o.monitor = "click/auc";
  int epochs = 0;
  o.callbacks.emplace_back([&](esp::EpochInfo&) { ++epochs; });
  esp::Table table = made_up_table(80, 2);
  table.remove("click");
  table.add(esp::Column::number("click", std::vector<double>(80, 1.0)));
  esp::Trainer<Bottom> trainer(o);
  CHECK(message_of([&] { trainer.fit(made_up(80, 1), esp::Dataset(table)); }) ==
        "monitor 'click/auc' is undefined on the validation split: it has no labels for it, or "
        "only one class of them");
  CHECK(epochs == 0);
}
