// SPDX-License-Identifier: Apache-2.0
// Settings that must be equal for a run to be resumed.
#include <doctest/doctest.h>

#include <string>

#include "espalier/core/file.hpp"
#include "espalier/describe/sharing/escm2.hpp"
#include "espalier/train/run_settings.hpp"
#include "support/made_up.hpp"
#include "support/message_of.hpp"
#include "support/temporary_folder.hpp"
#include "train/interrupted_run.hpp"

using namespace espalier_test;
using namespace espalier_test::interrupted_run;

TEST_CASE("resume: other settings are refused, naming the first difference") {
  using O = esp::TrainerOptions;
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  esp::TrainerOptions o = three_epochs(folder, "run");
  o.schedule = Terminate{6};
  const Outcome first = run<Bottom>(o);
  o.schedule = esp::Constant{};
  const std::string file = o.checkpoint.text() + ".resume: ";
  const std::string end = "; resume with the same settings, or remove the file to start anew";
  const auto refused = [&](auto change) {
    esp::TrainerOptions other = o;
    change(other);
    return message_of([&] { run<Bottom>(other); });
  };
  CHECK(refused([](O& n) { n.seed = 2; }) ==
        file + "the run was started with seed: 1, now it is seed: 2" + end);
  CHECK(refused([](O& n) { n.batch_size = 32; }) ==
        file + "the run was started with batch_size: 64, now it is batch_size: 32" + end);
  CHECK(refused([](O& n) { n.optimizer = esp::Adam{.learning_rate = 2e-2}; }) ==
        file +
            "the run was started with optimizer: adam(learning_rate=0.01, beta1=0.9, beta2=0.999, "
            "epsilon=1e-08, "
            "weight_decay=0), now it is optimizer: adam(learning_rate=0.02, beta1=0.9, "
            "beta2=0.999, epsilon=1e-08, "
            "weight_decay=0)" +
            end);
  CHECK(refused([](O& n) { n.schedule = esp::Cosine{}; }) ==
        file +
            "the run was started with schedule: constant, now it is schedule: cosine(final=0) over "
            "3 epochs" +
            end);
  CHECK(refused([](O& n) {
          n.max_gradient_norm = 1;
        }).find("max_gradient_norm: 0, now it is max_gradient_norm: 1") != std::string::npos);
  CHECK(refused([](O& n) {
          n.balance = esp::Uncertainty{};
        }).find("balance: equal, now it is balance: uncertainty(") != std::string::npos);
  CHECK(refused([](O& n) {
          n.freeze = {"*/bias"};
        }).find("freeze: none, now it is freeze: */bias") != std::string::npos);
  CHECK(refused([](O& n) {
          n.groups = {{.pattern = "*/bias", .weight_decay = 0.0}};
        }).find("groups: none, now it is groups: */bias (rate 1, weight_decay 0)") !=
        std::string::npos);
  CHECK(refused([](O& n) {
          n.average = esp::ExponentialAverage{.decay = 0.99};
        }).find("average: none, now it is average: exponential_average(decay=0.99)") !=
        std::string::npos);
  CHECK(refused([](O& n) {
          n.plateau = esp::Plateau{.least = 0.1};
        }).find("plateau: none, now it is plateau: plateau(factor=0.5, patience=1, least=0.1)") !=
        std::string::npos);
  CHECK(refused([](O& n) {
          n.monitor = "mean_auc";
        }).find("monitor: loss, now it is monitor: mean_auc") != std::string::npos);
  CHECK(refused([](O& n) { n.group = "user"; }).find("group: none, now it is group: user") !=
        std::string::npos);
  CHECK(refused([](O& n) {
          n.sample_weight = "weight";
        }).find("sample_weight: none, now it is sample_weight: weight") != std::string::npos);
  CHECK(message_of([&] {
          esp::Trainer<Bottom> trainer(o);
          trainer.fit(train, made_up(99, 2));
        }) == file +
                  "the run was started with validation rows: 100, now it is validation rows: 99" +
                  end);
  CHECK(message_of([&] {
          esp::Trainer<Bottom> trainer(o);
          trainer.fit(made_up(231, 2), valid);
        }) ==
        file + "the run was started with training rows: 230, now it is training rows: 231" + end);

  // Settings that matter to training only and are not in the model file: weights, loss options,
  // dropout.
  struct Weighted
      : esp::MultiTaskModel<
            MadeUpInputs, esp::SharedBottom<MadeUpEncoder>, Click,
            esp::Task<"watch", esp::MeanSquaredError, esp::Weight{0.25}, esp::Tower<8>>> {};
  struct Smoothed : esp::MultiTaskModel<
                        MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                        esp::Task<"click", esp::BinaryCrossEntropyWith<esp::LabelSmoothing{0.1}>,
                                  esp::Weight{1.0}, esp::Tower<8>>,
                        Watch> {};
  struct Dropped : esp::MultiTaskModel<
                       MadeUpInputs,
                       esp::SharedBottom<esp::Layers<esp::Dense<16>, esp::Dropout<esp::Rate{0.2}>,
                                                     esp::Dense<8, esp::Activation::gelu>>>,
                       Click, Watch> {};
  CHECK(message_of([&] { run<Weighted>(o); }) ==
        file +
            "the run was started with weight of 'watch': 0.5, now it is weight of 'watch': 0.25" +
            end);
  CHECK(message_of([&] { run<Smoothed>(o); }).find("the run was started with loss of 'click': ") !=
        std::string::npos);
  CHECK(message_of([&] { run<Dropped>(o); }) ==
        file +
            "the run was started with rate of 'shared/dropout1': 0.1, now it is rate of "
            "'shared/dropout1': 0.2" +
            end);

  // None of that changed the file: the run can be resumed.
  CHECK(esp::read_file(o.checkpoint.text() + ".resume") == first.state);
  CHECK(run<Bottom>(o).result.epochs == 3);
}

TEST_CASE("resume: options of a loss and of an auxiliary loss are told apart") {
  const auto settings = []<class Model>() {
    return esp::run_settings(esp::program_of<Model, float, esp::Cpu>(), esp::TrainerOptions{}, 10,
                             10);
  };
  struct Near
      : esp::MultiTaskModel<
            MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
            esp::Task<"watch", esp::Huber<esp::Delta{1.5}>, esp::Weight{1.0}, esp::Tower<8>>> {};
  struct Far : esp::MultiTaskModel<
                   MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                   esp::Task<"watch", esp::Huber<esp::Delta{5}>, esp::Weight{1.0}, esp::Tower<8>>> {
  };
  CHECK(settings.operator()<Near>() != settings.operator()<Far>());
  struct Even : esp::MultiTaskModel<
                    MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                    esp::Task<"kind", esp::SoftmaxCrossEntropy<3, esp::ClassWeights{1, 1, 1}>>> {};
  struct Last : esp::MultiTaskModel<
                    MadeUpInputs, esp::SharedBottom<MadeUpEncoder>,
                    esp::Task<"kind", esp::SoftmaxCrossEntropy<3, esp::ClassWeights{1, 1, 4}>>> {};
  CHECK(settings.operator()<Even>() != settings.operator()<Last>());
  using First = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
  using Second = esp::Task<"buy", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<8>>;
  struct Low : esp::MultiTaskModel<
                   MadeUpInputs,
                   esp::Escm2<esp::SharedBottom<MadeUpEncoder>,
                              esp::Ipw<esp::Weight{1.0}, esp::Floor{0.05}>, "click", "buy">,
                   First, Second> {};
  struct High
      : esp::MultiTaskModel<MadeUpInputs,
                            esp::Escm2<esp::SharedBottom<MadeUpEncoder>,
                                       esp::Ipw<esp::Weight{1.0}, esp::Floor{0.5}>, "click", "buy">,
                            First, Second> {};
  CHECK(settings.operator()<Low>() != settings.operator()<High>());
}
