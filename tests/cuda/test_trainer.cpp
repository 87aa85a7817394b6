// SPDX-License-Identifier: Apache-2.0
// Trainer<Model, Cuda>, on the emulator, against the CPU's trainer.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "cuda/own_loss.hpp"
#include "cuda/recording.hpp"
#include "espalier/balance/balance.hpp"
#include "espalier/cuda.hpp"
#include "support/made_up.hpp"
#include "support/parameter_values.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

using CpuTrainer = esp::Trainer<Bottom>;
using GpuTrainer = esp::Trainer<Bottom, esp::Cuda>;

/// A loss with a constant in the unit of the label, whose deviation is not 1.
struct InLabelUnits : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click,
                                          esp::Task<"watch", esp::Huber<>, esp::Tower<4>>> {};

esp::TrainerOptions options() {
  esp::TrainerOptions o = quick_options();
  o.batch_size = 40;
  o.epochs = 2;
  return o;
}

/// The last batch of an epoch is smaller; some labels are missing; rows have weights.
const esp::Dataset& train() {
  static const esp::Dataset data = made_up(110, 1, 0.2);
  return data;
}
const esp::Dataset& valid() {
  static const esp::Dataset data = made_up(50, 2, 0.2);
  return data;
}

std::vector<float> weights_of(const esp::PlanTrainer& trainer) {
  return values_of(trainer.parameters());
}

/// Both trainers learn the same, epoch by epoch.
void check_alike(esp::TrainerOptions o) {
  std::vector<double> losses[2];
  std::vector<float> weights[2];
  esp::Report reports[2];
  o.optimizer = esp::Sgd{.learning_rate = 0.1, .momentum = 0.9};
  o.sample_weight = "weight";
  const auto run = [&](auto& trainer, int which) {
    const esp::FitResult result = trainer.fit(train(), valid());
    CHECK(result.epochs == o.epochs);
    weights[which] = weights_of(trainer);
    reports[which] = trainer.evaluate(valid());
  };
  for (const int which : {0, 1}) {
    o.callbacks.clear();
    o.callbacks.emplace_back([&, which](esp::EpochInfo& info) {
      losses[which].push_back(info.train_loss);
      losses[which].push_back(info.validation_loss);
    });
    if (which == 0) {
      CpuTrainer trainer(o);
      run(trainer, 0);
    } else {
      GpuTrainer trainer(o);
      run(trainer, 1);
    }
  }
  REQUIRE(losses[0].size() == losses[1].size());
  for (std::size_t i = 0; i < losses[0].size(); ++i)
    CHECK(losses[1][i] == doctest::Approx(losses[0][i]).epsilon(1e-4));
  CHECK(most_apart(weights[0], weights[1]) <= 1e-3);
  CHECK(reports[1].value("click", "auc") ==
        doctest::Approx(reports[0].value("click", "auc")).epsilon(1e-2));
  CHECK(reports[1].value("watch", "rmse") ==
        doctest::Approx(reports[0].value("watch", "rmse")).epsilon(1e-3));
}

}  // namespace

TEST_CASE("cuda: a trainer learns as on the CPU") {
  check_alike(options());
  esp::TrainerOptions o = options();
  o.max_gradient_norm = 0.3;
  o.freeze = {"*/bias"};
  check_alike(o);
}

TEST_CASE("cuda: a loss of an application's own") {
  using Rating = esp::Task<"watch", own::Cubic, esp::Tower<4>>;
  struct Model : esp::MultiTaskModel<MadeUpInputs, esp::SharedBottom<esp::Mlp<8>>, Rating> {};
  esp::Trainer<Model> cpu(options());
  esp::Trainer<Model, esp::Cuda> gpu(options());
  cpu.fit(train());
  gpu.fit(train());
  CHECK(most_apart(weights_of(cpu), weights_of(gpu)) <= 1e-3);
}

TEST_CASE("cuda: weights of tasks that depend on the losses of a step") {
  esp::TrainerOptions o = options();
  o.balance = esp::GeometricMean{};
  REQUIRE(esp::LossWeighting(o.balance).needs_current_losses());
  check_alike(o);
}

TEST_CASE("cuda: methods that weigh the gradients of tasks") {
  esp::TrainerOptions o = options();
  o.balance = esp::Mgda{};
  check_alike(o);
  o.balance = esp::NashMtl{};
  o.max_gradient_norm = 0.3;
  o.freeze = {"*/dense0/*"};
  check_alike(o);
}

TEST_CASE("cuda: a run that was interrupted goes on with the same bits") {
  const TemporaryFolder folder;
  esp::TrainerOptions o = options();
  o.epochs = 3;
  o.patience = 0;
  GpuTrainer whole(o);
  whole.fit(train(), valid());

  o.checkpoint = folder / "model.safetensors";
  o.epochs = 1;
  GpuTrainer(o).fit(train(), valid());
  o.epochs = 3;
  o.resume = true;
  GpuTrainer resumed(o);
  resumed.fit(train(), valid());
  CHECK(weights_of(resumed) == weights_of(whole));
  CHECK(resumed.predict(valid()).values == whole.predict(valid()).values);

  SUBCASE("not on the CPU, where sums have another order") {
    o.epochs = 4;
    const std::string said = message_of([&] { CpuTrainer(o).fit(train(), valid()); });
    CHECK(
        said.find("the run was started with precision: fp32 on cuda, now it is precision: fp32") !=
        std::string::npos);
  }
  SUBCASE("the model that it saved is the CPU's") {
    CpuTrainer loaded(options());
    loaded.load(folder / "model.safetensors");
    CHECK(weights_of(loaded) == weights_of(whole));
    GpuTrainer again(options());
    again.load(folder / "model.safetensors");
    CHECK(weights_of(again) == weights_of(whole));
    CHECK(again.predict(valid()).values == whole.predict(valid()).values);
    const esp::Predictor<Bottom, esp::Cuda> predictor(folder / "model.safetensors");
    CHECK(predictor.predict(valid()).values == whole.predict(valid()).values);
    CHECK(predictor.predict_row({{"x", 0.5}, {"user", "u3"}}).size() == 2);
    using Gpu = esp::Predictor<Bottom, esp::Cuda>;
    CHECK(message_of([&] { Gpu(folder / "model.safetensors", esp::Precision::Bf16); }) ==
          "precision is bf16, expected fp32: bf16 is not on GPUs yet");
  }
}

TEST_CASE_TEMPLATE("cuda: a diagnosis measures what the CPU measures", M, Bottom, InLabelUnits) {
  const TemporaryFolder folder;
  std::vector<esp::HistoryRow> rows[2];
  for (const int which : {0, 1}) {
    esp::TrainerOptions o = options();
    o.epochs = 1;
    o.diagnose_every = 2;
    o.optimizer = esp::Sgd{.learning_rate = 0.1};
    o.diagnose = folder / (which == 0 ? "cpu.jsonl" : "gpu.jsonl");
    if (which == 0) {
      esp::Trainer<M>(o).fit(train());
    } else {
      esp::Trainer<M, esp::Cuda>(o).fit(train());
    }
    rows[which] = esp::History::read(o.diagnose.text()).rows();
  }
  REQUIRE(rows[0].size() == 2);
  REQUIRE(rows[1].size() == 2);
  for (std::size_t r = 0; r < 2; ++r) {
    REQUIRE(rows[0][r].values.size() == rows[1][r].values.size());
    for (std::size_t i = 0; i < rows[0][r].values.size(); ++i) {
      CHECK(rows[1][r].values[i].first == rows[0][r].values[i].first);
      CHECK(rows[1][r].values[i].second ==
            doctest::Approx(rows[0][r].values[i].second).epsilon(1e-3));
    }
  }
}

TEST_CASE("cuda: a trainer says what is not on GPUs yet") {
  const auto message = [](const esp::TrainerOptions& o) {
    return message_of([&] { GpuTrainer(o).fit(train()); });
  };
  esp::TrainerOptions o = options();
  o.precision = esp::Precision::Bf16;
  CHECK(message(o) == "precision is bf16, expected fp32: bf16 is not on GPUs yet");
  o = options();
  o.average = esp::ExponentialAverage{};
  CHECK(message(o) == "average is set: averages of parameters are not on GPUs yet");
  o = options();
  o.balance = esp::GradDrop{};
  CHECK(message(o) ==
        "balance 'grad_drop' rewrites the tasks' gradients, which is not on GPUs yet; expected a "
        "method that weighs losses or gradients");
  o.balance = esp::Mgda{};
  o.balance_on = esp::BalanceOn::representation;
  CHECK(message(o) == "balance_on is representation, which is not on GPUs yet");
  o = options();
  o.optimizer = esp::Sgd{.learning_rate = 1e30};
  CHECK_THROWS_AS(GpuTrainer(o).fit(train()), esp::DivergenceError);
}
