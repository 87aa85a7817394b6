// SPDX-License-Identifier: Apache-2.0
// Runs of three epochs that a signal interrupts, and that are resumed.
#pragma once

#include <doctest/doctest.h>

#include <bit>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>

#include "espalier/core/file.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

namespace espalier_test::interrupted_run {

// Four steps of 64 per epoch.
inline const esp::Dataset train = made_up(230, 1, 0.1), valid = made_up(100, 2);

/// A constant learning rate; raises SIGTERM during step `at`.
struct Terminate {
  std::int64_t at = 0;
  double operator()(std::int64_t step, std::int64_t) const {
    if (step == at) std::raise(SIGTERM);
    return 1;
  }
  [[nodiscard]] std::string describe() const { return esp::Constant{}.describe(); }
};

inline esp::TrainerOptions three_epochs(const TemporaryFolder& folder, const std::string& name) {
  esp::TrainerOptions o = quick_options();
  o.patience = 0;
  o.handle_interrupts = true;
  o.resume = true;
  o.checkpoint = folder / (name + ".safetensors");
  o.history = folder / (name + ".jsonl");
  return o;
}

struct Outcome {
  esp::Parameters<float> parameters;
  esp::FitResult result;
  std::string history, checkpoint, state;
};

template <class Model>
Outcome run(const esp::TrainerOptions& o, const esp::Dataset& held_out = valid) {
  esp::Trainer<Model> trainer(o);
  Outcome outcome;
  outcome.result = trainer.fit(train, held_out);
  outcome.parameters = trainer.parameters();
  outcome.history = trainer.history().to_jsonl();
  if (std::filesystem::exists(o.checkpoint.text()))
    outcome.checkpoint = esp::read_file(o.checkpoint);
  if (std::filesystem::exists(o.checkpoint.text() + ".resume"))
    outcome.state = esp::read_file(o.checkpoint.text() + ".resume");
  return outcome;
}

/// Checks that two runs are equal in every respect.
inline void check_same(const Outcome& a, const Outcome& b) {
  CHECK(same_bits(a.parameters, b.parameters));
  CHECK(a.result.epochs == b.result.epochs);
  CHECK(a.result.best_epoch == b.result.best_epoch);
  CHECK(std::bit_cast<std::uint64_t>(a.result.best_value) ==
        std::bit_cast<std::uint64_t>(b.result.best_value));
  CHECK(a.history == b.history);
  CHECK((a.checkpoint == b.checkpoint));
  CHECK((a.state == b.state));  // moments, balance, loop
}

}  // namespace espalier_test::interrupted_run
