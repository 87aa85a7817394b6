// SPDX-License-Identifier: Apache-2.0
// An interrupted and resumed run is bitwise equal to an uninterrupted one.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <initializer_list>

#include "espalier/core/file.hpp"
#include "support/captured_stderr.hpp"
#include "support/made_up.hpp"
#include "support/optimizers.hpp"
#include "support/temporary_folder.hpp"
#include "train/interrupted_run.hpp"

using namespace espalier_test;
using namespace espalier_test::interrupted_run;

namespace {

template <class Model>
void check_interrupts(const std::function<void(esp::TrainerOptions&)>& change,
                      std::initializer_list<std::int64_t> steps) {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = three_epochs(folder, "whole");
  change(o);
  const Outcome whole = run<Model>(o);
  CHECK_FALSE(whole.result.interrupted);
  CHECK(whole.result.epochs == 3);
  for (const std::int64_t at : steps) {
    CAPTURE(at);
    esp::TrainerOptions cut = three_epochs(folder, "cut" + std::to_string(at));
    change(cut);
    esp::TrainerOptions on = cut;
    cut.schedule = Terminate{at};
    const Outcome first = run<Model>(cut);
    CHECK(first.result.interrupted);
    CHECK(first.result.epochs == at / 4);
    on.threads = 1;
    check_same(run<Model>(on), whole);
  }
  // Interrupted repeatedly, at every step.
  esp::TrainerOptions often = three_epochs(folder, "often");
  change(often);
  Outcome last;
  for (std::int64_t at = 1; at <= 12; ++at) {
    esp::TrainerOptions next = often;
    next.schedule = Terminate{at};
    last = run<Model>(next);
    CHECK(last.result.interrupted);
  }
  check_same(last, whole);
}

/// Compares runs that are interrupted at one step each and resumed with the uninterrupted run.
/// `options(name)` returns the options of a run of that name.
template <class Options>
void check_cuts(const Options& options, const Outcome& whole,
                std::initializer_list<std::int64_t> steps) {
  for (const std::int64_t at : steps) {
    CAPTURE(at);
    const std::string name = "cut" + std::to_string(at);
    esp::TrainerOptions cut = options(name);
    cut.schedule = Terminate{at};
    CHECK(run<Bottom>(cut).result.interrupted);
    check_same(run<Bottom>(options(name)), whole);
  }
}

}  // namespace

TEST_CASE("resume: every optimiser goes on as if never stopped, inside an epoch and between two") {
  using O = esp::TrainerOptions;
  const auto with = [](const esp::Optimizer& optimizer) {
    check_interrupts<Bottom>([&](O& o) { o.optimizer = optimizer; }, {2, 4, 7});
  };
  with(esp::Sgd{.learning_rate = 1e-2});
  with(esp::Sgd{.learning_rate = 1e-2, .momentum = 0.9});
  espalier_test::for_each_optimizer([&](auto optimizer) {
    optimizer.learning_rate = 1e-2;
    with(optimizer);
  });
}

TEST_CASE("resume: every architecture and balance, with clipping, weights and frozen tensors") {
  using O = esp::TrainerOptions;
  check_interrupts<Experts>([](O& o) { o.balance = esp::Uncertainty{}; }, {1, 6, 11});
  check_interrupts<Normed>([](O& o) { o.balance = esp::Uncertainty{.revised = true}; }, {3, 5, 8});
  check_interrupts<Separate>(
      [](O& o) {
        o.max_gradient_norm = 0.5;
        o.sample_weight = "weight";
        o.freeze = {"click/*/bias"};
        o.monitor = "mean_auc";
        o.batch_size = 60;
      },
      {2, 4, 9});
}

TEST_CASE("resume: groups of parameters and the average of the weights") {
  using O = esp::TrainerOptions;
  check_interrupts<Bottom>(
      [](O& o) {
        o.groups = {{.pattern = "embedding/*", .rate = 0.5, .weight_decay = 1e-2},
                    {.pattern = "*/bias", .weight_decay = 0.0}};
        o.average = esp::ExponentialAverage{.decay = 0.8};
        o.plateau = esp::Plateau{};
      },
      {2, 4, 7});
  check_interrupts<Normed>(
      [](O& o) {
        o.average = esp::ExponentialAverage{.decay = 0.95};
        o.restore_best = false;
        o.max_gradient_norm = 0.5;
        o.freeze = {"embedding/user"};
      },
      {1, 6, 11});
}

TEST_CASE("resume: the average of rows that most steps do not touch") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const auto options = [&](const std::string& name) {
    esp::TrainerOptions o = three_epochs(folder, name);
    o.epochs = 2;
    o.batch_size = 2;
    o.average = esp::ExponentialAverage{.decay = 0.97};
    return o;
  };
  const Outcome whole = run<Bottom>(options("whole"));
  check_cuts(options, whole, {7, 60, 114, 115, 150});
}

TEST_CASE("resume: what a plateau has seen is not forgotten") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const auto options = [&](const std::string& name) {
    esp::TrainerOptions o = three_epochs(folder, name);
    o.epochs = 12;
    o.optimizer = esp::Adam{.learning_rate = 5e-2};
    o.plateau = esp::Plateau{.patience = 2};
    return o;
  };
  const Outcome whole = run<Bottom>(options("whole"));
  REQUIRE(whole.history.find("\"learning_rate\":0.025,") != std::string::npos);
  REQUIRE(whole.history.find("\"learning_rate\":0.0125,") != std::string::npos);
  check_cuts(options, whole, {4, 16, 24, 30, 38, 44});
}

TEST_CASE("resume: without a validation split") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = three_epochs(folder, "whole");
  const Outcome whole = run<Bottom>(o, {});
  CHECK(whole.result.best_epoch == 0);
  esp::TrainerOptions cut = three_epochs(folder, "cut");
  cut.schedule = Terminate{6};
  CHECK(run<Bottom>(cut, {}).result.interrupted);
  cut.schedule = esp::Constant{};
  check_same(run<Bottom>(cut, {}), whole);
}

TEST_CASE("resume: after a crash in the middle of an epoch, from the end of the one before") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const Outcome whole = run<Bottom>(three_epochs(folder, "whole"));
  esp::TrainerOptions o = three_epochs(folder, "cut");
  esp::TrainerOptions crash = o;
  struct Crash {
    double operator()(std::int64_t step, std::int64_t) const {
      if (step == 7) throw std::runtime_error("crash");
      return 1;
    }
    [[nodiscard]] std::string describe() const { return esp::Constant{}.describe(); }
  };
  crash.schedule = Crash{};
  esp::Trainer<Bottom> trainer(crash);
  CHECK_THROWS_WITH(static_cast<void>(trainer.fit(train, valid)), "crash");
  CHECK(std::filesystem::exists(o.checkpoint.text()));
  check_same(run<Bottom>(o), whole);
}

TEST_CASE("resume: a run that had finished returns at once, with its model") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = three_epochs(folder, "run");
  const Outcome first = run<Bottom>(o);
  int epochs = 0;
  o.callbacks.emplace_back([&](esp::EpochInfo&) { ++epochs; });
  o.progress = esp::ShowProgress::automatic;
  std::filesystem::remove(o.checkpoint.text());  // the model file may be lost
  const CapturedStderr captured;
  const Outcome again = run<Bottom>(o);
  CHECK(epochs == 0);
  CHECK(again.result.seconds == 0);
  CHECK(captured.text() == "resuming " + o.checkpoint.text() +
                               ".resume: it had finished all 3 epochs, there is nothing to do\n");
  check_same(again, first);
}

TEST_CASE("resume: more epochs than at first are as many from the start") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = three_epochs(folder, "long");
  o.epochs = 5;
  const Outcome whole = run<Bottom>(o);
  esp::TrainerOptions more = three_epochs(folder, "more");
  CHECK(run<Bottom>(more).result.epochs == 3);
  more.epochs = 5;
  check_same(run<Bottom>(more), whole);
}

TEST_CASE(
    "resume: early stopping stays stopped until there is more patience, a callback's stop stays") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const auto options = [&](const std::string& name, int patience) {
    esp::TrainerOptions o = three_epochs(folder, name);
    o.epochs = 20;
    o.optimizer = esp::Adam{.learning_rate = 5e-2};
    o.patience = patience;
    return o;
  };
  const Outcome patient = run<Bottom>(options("patient", 4));
  const Outcome first = run<Bottom>(options("run", 1));
  REQUIRE(first.result.stopped_early);
  REQUIRE(first.result.epochs < patient.result.epochs);
  const Outcome again = run<Bottom>(options("run", 1));
  CHECK(again.result.stopped_early);
  check_same(again, first);
  check_same(run<Bottom>(options("run", 4)), patient);

  esp::TrainerOptions told = options("told", 0);
  told.callbacks.emplace_back([](esp::EpochInfo& info) { info.stop = info.epoch == 2; });
  CHECK(run<Bottom>(told).result.epochs == 2);
  told.callbacks.clear();
  told.patience = 4;
  CHECK(run<Bottom>(told).result.epochs == 2);
}

TEST_CASE("resume: a callback's patience outlasts the options'") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const auto options = [&](const std::string& name) {
    esp::TrainerOptions o = three_epochs(folder, name);
    o.epochs = 12;
    o.optimizer = esp::Adam{.learning_rate = 5e-2};
    o.patience = 1;
    o.callbacks.emplace_back([](esp::EpochInfo& info) { info.stop = false; });
    return o;
  };
  const Outcome whole = run<Bottom>(options("whole"));
  REQUIRE(whole.result.epochs == 12);
  REQUIRE(whole.result.best_epoch < 11);  // otherwise the patience is not exceeded
  check_cuts(options, whole, {16, 30, 44});
}

TEST_CASE("resume: nothing to resume from is a start; not asked for, a run starts anew") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = three_epochs(folder, "run");
  const Outcome first = run<Bottom>(o);
  o.resume = false;
  const Outcome anew = run<Bottom>(o);
  check_same(anew, first);
  CHECK(anew.result.seconds > 0);
}

TEST_CASE("resume: a FIFO in the file's place is no file, and not waited for") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const esp::TrainerOptions o = three_epochs(folder, "run");
  const std::string path = o.checkpoint.text() + ".resume";
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(message_of([&] { static_cast<void>(run<Bottom>(o)); }) ==
        "cannot read " + path + ": not a regular file");
}

TEST_CASE("resume: a report that cannot be read changes nothing") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  for (const std::string name : {"history", "diagnosis"}) {
    CAPTURE(name);
    esp::TrainerOptions o = three_epochs(folder, name);
    o.history = folder / (name + ".history.jsonl");
    o.diagnose = folder / (name + ".diagnosis.jsonl");
    o.diagnose_every = 2;
    o.schedule = Terminate{6};
    CHECK(run<Bottom>(o).result.interrupted);
    o.schedule = esp::Constant{};
    const std::string report = folder / (name + "." + name + ".jsonl"),
                      kept = esp::read_file(report);
    esp::write_file_atomically(report, "{\"epoch\":1,\"step\":\"x\"}\n");
    esp::Trainer<Bottom> trainer(o);
    const std::string untrained = message_of([&] { static_cast<void>(trainer.parameters()); });
    CHECK(message_of([&] { trainer.fit(train, valid); }) ==
          report + ": line 1: expected an object of numbers, found something else");
    CHECK(message_of([&] { static_cast<void>(trainer.parameters()); }) == untrained);
    esp::write_file_atomically(report, kept);
    CHECK_FALSE(trainer.fit(train, valid).interrupted);
    CHECK(message_of([&] { static_cast<void>(trainer.parameters()); }) != untrained);
  }
}

TEST_CASE("interrupt: what is said, and what is kept without a checkpoint") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const CapturedStderr captured;
  esp::TrainerOptions o = three_epochs(folder, "run");
  o.progress = esp::ShowProgress::automatic;
  o.schedule = Terminate{6};
  const Outcome cut = run<Bottom>(o);
  const std::string said = captured.text();
  CHECK(said.find("interrupted after step 6; saved " + o.checkpoint.text() +
                  ".resume: run again with resume to go on\n") != std::string::npos);
  o.schedule = esp::Constant{};
  run<Bottom>(o);
  CHECK(captured.text().find("resuming " + o.checkpoint.text() +
                             ".resume: epoch 2, after 128 of 230 samples\n") != std::string::npos);

  esp::TrainerOptions bare = quick_options();
  bare.handle_interrupts = true;
  bare.schedule = Terminate{6};
  bare.progress = esp::ShowProgress::automatic;
  esp::Trainer<Bottom> trainer(bare);
  CHECK(trainer.fit(train, valid).interrupted);
  CHECK(captured.text().find(
            "interrupted after step 6; nothing saved, as there is no checkpoint file\n") !=
        std::string::npos);
  // Both have the parameters of the first epoch.
  CHECK(same_bits(trainer.parameters(), cut.parameters));
}

TEST_CASE("interrupt: signals are the application's unless the options say otherwise") {
  static volatile std::sig_atomic_t caught = 0;
  auto* const before = std::signal(SIGTERM, [](int) { caught = 1; });
  esp::TrainerOptions o = quick_options();
  o.schedule = Terminate{2};
  esp::Trainer<Bottom> trainer(o);
  const esp::FitResult result = trainer.fit(train, valid);
  std::signal(SIGTERM, before);
  CHECK(caught == 1);
  CHECK_FALSE(result.interrupted);
  CHECK(result.epochs == 3);
}
