// SPDX-License-Identifier: Apache-2.0
// The trainer with every balancing method.
#include <doctest/doctest.h>

#include <string>

#include "espalier/balance/balance.hpp"
#include "espalier/exec/make_balance.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"
#include "support/worst.hpp"

using namespace espalier_test;

TEST_CASE("trainer: every balancing method learns, on parameters and on representations") {
  const esp::Dataset train = made_up(1500, 1, 0.05), test = made_up(600, 2);
  for (const esp::NamedBalance& entry : esp::named_balances()) {
    CAPTURE(entry.name);
    for (const esp::BalanceOn on : {esp::BalanceOn::parameters, esp::BalanceOn::representation}) {
      esp::TrainerOptions options = quick_options();
      options.epochs = 8;
      options.balance = entry.make();
      options.balance_on = on;
      if (on == esp::BalanceOn::representation && options.balance.aggregator_factory() == nullptr)
        continue;
      esp::Trainer<Experts> trainer(options);
      trainer.fit(train);
      const esp::Report report = trainer.evaluate(test);
      // Krum follows one task per step.
      CHECK(report.value("click", "auc") > (entry.name == "krum" ? 0.4 : 0.8));
      CHECK(report.value("watch", "rmse") < (entry.name == "krum" ? 3.5 : 1.8));
    }
  }
}

TEST_CASE("trainer: one task is trained as without balancing, whatever the method") {
  struct One : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click> {};
  const esp::Dataset train = made_up(400, 1);
  esp::TrainerOptions options = quick_options();
  esp::Trainer<One> plain(options);
  plain.fit(train);
  for (const esp::NamedBalance& entry : esp::named_balances()) {
    options.balance = entry.make();
    if (options.balance.aggregator_factory() == nullptr) continue;
    CAPTURE(entry.name);
    esp::Trainer<One> trainer(options);
    trainer.fit(train);
    double worst = 0;
    for (std::size_t i = 0; i < plain.parameters().dense.size(); ++i) {
      espalier_test::keep_worst(
          worst, static_cast<double>(
                     std::abs(plain.parameters().dense[i] - trainer.parameters().dense[i])));
    }
    CHECK(worst < 1e-6);
  }
}

TEST_CASE("trainer: gradient methods give the same bits for any number of threads") {
  const esp::Dataset train = made_up(700, 1, 0.1);
  for (const std::string_view name : {"ca_grad", "grad_drop", "trimmed_mean", "mo_co"}) {
    const auto run = [&](int threads) {
      esp::TrainerOptions options = quick_options();
      options.balance = esp::make_balance(name);
      options.threads = threads;
      esp::Trainer<Experts> trainer(options);
      trainer.fit(train);
      return trainer.parameters();
    };
    const auto one = run(1);
    CHECK(same_bits(one, run(2)));
    CHECK(same_bits(one, run(5)));
  }
}

TEST_CASE("trainer: a run with a balancing method that remembers is resumed bit for bit") {
  const esp::Dataset train = made_up(500, 1), valid = made_up(200, 2);
  for (const std::string_view name :
       {"grad_vac", "cr_mogm", "grad_norm", "famo", "excess_mtl", "mo_co", "grad_drop"}) {
    CAPTURE(name);
    const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
    esp::TrainerOptions options = quick_options();
    options.balance = esp::make_balance(name);
    options.patience = 0;
    options.epochs = 4;
    options.restore_best = false;
    esp::Trainer<Experts> whole(options);
    whole.fit(train, valid);
    options.checkpoint = folder / "model.safetensors";
    options.epochs = 2;
    esp::Trainer<Experts>(options).fit(train, valid);
    options.epochs = 4;
    options.resume = true;
    esp::Trainer<Experts> resumed(options);
    resumed.fit(train, valid);
    CHECK(same_bits(whole.parameters(), resumed.parameters()));
    options.balance_on = esp::BalanceOn::representation;
    if (options.balance.aggregator_factory() != nullptr) {
      CHECK(message_of([&] {
              esp::Trainer<Experts>(options).fit(train, valid);
            }).find("on representations") != std::string::npos);
    }
  }
}
