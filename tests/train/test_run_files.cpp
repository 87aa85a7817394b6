// SPDX-License-Identifier: Apache-2.0
// Errors with the files of a run: a path that cannot be written is reported before the first epoch;
// a later error does not cost the checkpoint; rerunning a finished run changes no file.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>

#include "espalier/core/file.hpp"
#include "espalier/report/event_file.hpp"
#include "support/captured_stderr.hpp"
#include "support/child_process.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

const esp::Dataset train = made_up(200, 1), valid = made_up(100, 2);  // four steps of 64 per epoch

/// The error message of a run, or "accepted", and the number of its epochs.
std::pair<std::string, int> fit(esp::TrainerOptions o) {
  int epochs = 0;
  o.callbacks.emplace_back([&](esp::EpochInfo&) { ++epochs; });
  esp::Trainer<Bottom> trainer(o);
  const std::string said = message_of([&] { trainer.fit(train, valid); });
  return {said, epochs};
}

/// Options of a run that resumes.
esp::TrainerOptions resumed_in(const TemporaryFolder& folder) {
  esp::TrainerOptions o = quick_options();
  o.checkpoint = folder / "model.safetensors";
  o.resume = true;
  return o;
}

/// The modification time and content of every file below a folder.
std::map<std::string, std::pair<std::filesystem::file_time_type, std::string>> contents(
    const TemporaryFolder& folder) {
  std::map<std::string, std::pair<std::filesystem::file_time_type, std::string>> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (entry.is_regular_file())
      all[entry.path().string()] = {entry.last_write_time(), esp::read_file(entry.path().string())};
  }
  return all;
}

}  // namespace

TEST_CASE("run files: a folder that takes no files is said before the first epoch") {
  for (const int which : {0, 1, 2, 3, 4}) {
    CAPTURE(which);
    esp::TrainerOptions o = quick_options();
    const std::string path = "/proc/espalier" + std::string(which == 0   ? ".safetensors"
                                                            : which == 2 ? ".svg"
                                                                         : ".csv");
    if (which == 0) o.checkpoint = path;
    if (which == 1) o.history = path;
    if (which == 2) o.curves = path;
    if (which == 3) o.diagnose = path;
    if (which == 4) o.events = "/proc/";
    const auto [said, epochs] = fit(o);
    CHECK(said.starts_with("cannot write " + (which == 4 ? "/proc/events" : path) + ": "));
    CHECK(epochs == 0);
  }
}

TEST_CASE(
    "run files: a read-only folder is said before the first epoch, also where permissions do not "
    "bind") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = resumed_in(folder);
  o.epochs = 1;
  CHECK(fit(o).first == "accepted");
  const int ended = child([&] {
    if (!own_mounts()) return 77;
    if (::mount(folder.path().c_str(), folder.path().c_str(), nullptr, MS_BIND, nullptr) != 0)
      return 77;
    if (::mount(nullptr, folder.path().c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY,
                nullptr) != 0)
      return 77;
    // The run is finished: nothing to write.
    if (fit(o) != std::pair<std::string, int>{"accepted", 0}) return 1;
    o.epochs = 2;
    if (fit(o) != std::pair{"cannot write " + o.checkpoint.text() + ": Read-only file system", 0})
      return 2;
    return 7;
  });
  CAPTURE(ended);
  if (ended == 77) MESSAGE("skipped: not allowed to mount");
  CHECK((ended == 7 || ended == 77));
}

TEST_CASE("run files: a history that cannot be written any more costs no checkpoint") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = resumed_in(folder);
  o.history = folder / "reports/run.jsonl";
  o.callbacks.emplace_back([&](esp::EpochInfo& info) {
    if (info.epoch == 2) std::filesystem::remove_all(folder / "reports");
  });
  CHECK(fit(o) ==
        std::pair{"cannot write " + (folder / "reports/run.jsonl") + ": No such file or directory",
                  2});
  o.callbacks.clear();
  CHECK(fit(o) == std::pair<std::string, int>{"accepted", 1});  // two epochs were saved
  esp::Trainer<Bottom> loaded(quick_options());
  loaded.load(o.checkpoint);
}

TEST_CASE("run files: events and a diagnosis on a full disk cost no checkpoint") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "small");
  const int ended = child([&] {
    if (!own_mounts()) return 77;
    if (::mount("none", (folder / "small").c_str(), "tmpfs", 0, "size=4k") != 0) return 77;
    esp::TrainerOptions o = resumed_in(folder);
    o.events = folder / "small";
    o.diagnose = folder / "diagnosis.jsonl";
    o.diagnose_every = 1;
    o.batch_size = 2;  // 100 measurements per epoch: the first epoch already fills the disk
    const auto [said, epochs] = fit(o);
    if (!said.starts_with("cannot write " + (folder / "small/events.out.tfevents.")) ||
        !said.ends_with(": No space left on device") || epochs != 1) {
      return 1;
    }
    esp::Trainer<Bottom> loaded(quick_options());
    loaded.load(o.checkpoint);
    o.events = std::string();
    o.diagnose = std::string();
    return fit(o) == std::pair<std::string, int>{"accepted", 2} ? 7 : 2;
  });
  CAPTURE(ended);
  if (ended == 77) MESSAGE("skipped: not allowed to mount");
  CHECK((ended == 7 || ended == 77));
}

TEST_CASE("run files: standard error closed, nothing that is said gets into them") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = quick_options();
  o.events = folder / "events";
  o.checkpoint = folder / "model.safetensors";
  o.progress = esp::ShowProgress::automatic;
  CHECK(child([&] {
          ::close(STDERR_FILENO);
          return fit(o) == std::pair<std::string, int>{"accepted", 3} ? 7 : 1;
        }) == 7);
  int records = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "events")) {
    const esp::EventLog log = esp::read_event_file(entry.path().string());
    CHECK_FALSE(log.cut_off);
    records += static_cast<int>(log.events.size());
  }
  CHECK(records > 3);
}

TEST_CASE("run files: a second run of one that is over leaves everything as it is") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = resumed_in(folder);
  o.history = folder / "run.jsonl";
  o.events = folder / "events";
  o.curves = folder / "curves.svg";
  o.diagnose = folder / "diagnosis.csv";
  CHECK(fit(o) == std::pair<std::string, int>{"accepted", 3});
  const auto before = contents(folder);
  CHECK(before.size() == 7);  // includes the diagnosis chart and the resume file
  CHECK(fit(o) == std::pair<std::string, int>{"accepted", 0});
  CHECK((contents(folder) == before));
  o.epochs = 4;
  CHECK(fit(o) == std::pair<std::string, int>{"accepted", 1});
  CHECK(contents(folder).size() == 8);
}

TEST_CASE("run files: events begin with the first step of the run, also of the first run") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = resumed_in(folder);
  o.events = folder / "events";
  for (const int epochs : {1, 3}) {
    o.epochs = epochs;
    CHECK(fit(o).first == "accepted");
  }
  // Steps of the values, by the start step of their file.
  std::map<std::int64_t, std::vector<std::int64_t>> steps;
  for (const auto& entry : std::filesystem::directory_iterator(o.events.text())) {
    const esp::EventLog log = esp::read_event_file(entry.path().string());
    REQUIRE(log.events.size() > 2);
    CHECK(log.events[1].session_start);
    for (const esp::Event& event : log.events) {
      if (!event.scalars.empty() && event.scalars[0].tag == "train/loss")
        steps[log.events[1].step].push_back(event.step);
    }
  }
  CHECK(steps == std::map<std::int64_t, std::vector<std::int64_t>>{{0, {4}}, {5, {8, 12}}});
}

TEST_CASE("run files: a resumed run says which rows of its history are lost") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = resumed_in(folder);
  o.history = folder / "run.jsonl";
  o.diagnose = folder / "diagnosis.jsonl";
  o.epochs = 2;
  CHECK(fit(o).first == "accepted");
  std::filesystem::remove(o.history.text());
  std::filesystem::remove(o.diagnose.text());
  o.epochs = 3;
  o.progress = esp::ShowProgress::automatic;
  const CapturedStderr captured;
  CHECK(fit(o).first == "accepted");
  CHECK(captured.text().find("history file " + o.history.text() +
                             " lacks epochs 1 to 2 of this run\n") != std::string::npos);
  CHECK(captured.text().find("diagnose file " + o.diagnose.text() +
                             " lacks steps 1 to 8 of this run\n") != std::string::npos);
  CHECK(esp::History::read(o.history).rows().size() == 1);
}
