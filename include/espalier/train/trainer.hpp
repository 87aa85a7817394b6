// SPDX-License-Identifier: Apache-2.0
// `Trainer<Model>`: epochs over a dataset, validation, early stopping; evaluation; saving.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/nan.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/features.hpp"
#include "espalier/exec/executor.hpp"
#include "espalier/exec/predictions.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/model/saved_metrics.hpp"
#include "espalier/report/diagnosis.hpp"
#include "espalier/train/monitor.hpp"
#include "espalier/train/options.hpp"
#include "espalier/train/recorder.hpp"
#include "espalier/train/run_files.hpp"

namespace espalier {

/// Trains any plan in single precision. `Trainer<Model>` is this with the plan of a model. Not for two threads at once.
class PlanTrainer {
 public:
  using CpuProgram = Program<float, Cpu>;

  /// Throws ConfigError for options that cannot be.
  /// `evaluate_task`: for the kinds of labels that the tasks have.
  PlanTrainer(const CpuProgram& program, TrainerOptions options,
              Evaluate evaluate_task = &espalier::evaluate<>);
  PlanTrainer(PlanTrainer&&) noexcept;
  PlanTrainer& operator=(PlanTrainer&&) noexcept;
  ~PlanTrainer();

  /// Learns from `train`; `valid`, if given, decides when to stop and which epoch to keep.
  ///
  /// The first call learns vocabularies and normalisation from `train`, and starts from random weights; after load() or
  /// another fit() it goes on from what there is, with an optimiser that has forgotten; means over the training split (MeanOf
  /// with Folds) are each time those of `train`. A resumed run goes on exactly where it was; one that had finished returns at once.
  ///
  /// Throws DataError and ConfigError before anything has changed; CheckpointError when the run cannot be resumed;
  /// DivergenceError when a loss is no number any more, with the weights of the best epoch in place; where there is none
  /// yet (or no validation split), with those that it went on from, and on a first fit() none; IoError; and what callbacks
  /// throw.
  FitResult fit(const Dataset& train, const Dataset& valid = {});

  /// Metrics of every task over the whole of `data`. On the training split those of a model with means over that split (MeanOf with
  /// Folds) are too good: the means know each row's own label, as they did not while training.
  [[nodiscard]] Report evaluate(const Dataset& data, const EvaluateOptions& options = {});

  /// Predictions for every row of `data`, in order. Labels, weights and groups are not looked at, nor need they be there.
  [[nodiscard]] Predictions predict(const Dataset& data);
  /// Of data that features() encoded.
  [[nodiscard]] Predictions predict(const EncodedData& data);

  /// Writes the model: weights, description, vocabularies, normalisation. `Predictor<Model>` and load() read it.
  void save(const std::string& path) const;

  /// Takes over the weights, vocabularies and normalisation of a saved model; fit() then goes on from them (fine-tuning).
  /// Throws IoError and CheckpointError; then nothing has changed.
  void load(const std::string& path);

  [[nodiscard]] const PlanView& plan() const { return program_.plan; }
  [[nodiscard]] const TrainerOptions& options() const { return options_; }
  [[nodiscard]] const Features& features() const { return features_; }
  [[nodiscard]] const History& history() const { return recorder_.history(); }
  [[nodiscard]] const Parameters<float>& parameters() const;

 private:
  struct Splits {
    EncodedData train, valid;
  };

  [[nodiscard]] Grouping grouping() const {
    const GroupFunctions* const groups = options_.group.functions();
    return groups == nullptr ? Grouping() : groups->grouping;
  }

  void require_trained() const {
    if (!executor_) throw ConfigError("the model has no weights yet: call fit() or load() first");
  }

  [[nodiscard]] std::unique_ptr<TrainExecutor<float>> make_executor(const Features& features,
                                                                    Index batch) const;

  [[nodiscard]] bool out_of_patience(const LoopState& loop) const {
    return options_.patience > 0 && loop.best_epoch > 0 && loop.epoch - loop.best_epoch >= options_.patience;
  }

  [[nodiscard]] bool finished(const LoopState& loop) const { return loop.stopped || loop.epoch >= options_.epochs; }

  [[nodiscard]] RunParts parts(TrainExecutor<float>& executor, Parameters<float>& best,
                               const Splits& splits) const;

  void save_state(const Splits& splits, const LoopState& loop);
  [[nodiscard]] std::string where(const LoopState& loop, const Splits& splits) const;

  /// What the reader of the data noted, and tasks that cannot learn.
  void say_notes(const Dataset& train, const Dataset& valid, const Splits& splits) const;

  /// Steps of a resumed run that the diagnosis does not have.
  void say_missing_diagnosis(const LoopState& loop) const;

  FitResult run(const Splits& splits, LoopState& loop, Index batch);

  /// One step, after which `loop` has moved.
  void learn(const Batch<float>& batch, LoopState& loop);

  void diagnose(const Batch<float>& batch, const LoopState& loop, std::uint64_t key);

  void finish_epoch(const Splits& splits, LoopState& loop);

  /// Validates, keeps and saves what the epoch came to: by the average of the weights, where there is one.
  [[nodiscard]] EpochInfo judge_epoch(const Splits& splits, LoopState& loop);

  /// After a plateau long enough the next epoch's rate is lower.
  void reduce_rate(LoopState& loop) const;

  /// Σ weight_k · loss_k over the tasks that have a loss and a weight above 0; NaN when none has.
  [[nodiscard]] double weighted(std::span<const double> losses) const;

  /// The model as the checkpoint has it: of the best epoch, or without validation of the last.
  void save_checkpoint(const LoopState& loop) const;

  void save_interrupted(const Splits& splits, const LoopState& loop);

  CpuProgram program_;
  TrainerOptions options_;
  Evaluate evaluate_;
  Monitor monitor_;
  Features features_;
  std::vector<double> base_weights_;  ///< the tasks' own
  std::unique_ptr<TrainExecutor<float>> executor_;
  std::unique_ptr<Parameters<float>> best_;
  SavedMetrics metrics_;  ///< of the weights that there are, on the validation split
  std::optional<LossWeighting> balance_;
  std::unique_ptr<AggregatorFactory::Pass> task_gradients_;  ///< of executor_, for a gradient method
  std::shared_ptr<Diagnosis<float>> diagnosis_;           ///< of executor_, if asked for
  Recorder recorder_;
  bool said_dominance_ = false;  ///< of this run
  // Of the step:
  std::vector<double> weights_;
  double rate_ = 1;
  const Batch<float>* batch_ = nullptr;
  const LoopState* loop_ = nullptr;
};

/// The trainer of one model type:
///
///     Trainer<Model> trainer{{.epochs = 20, .batch_size = 512, .optimizer = Adam{.learning_rate = 1e-3}}};
///     trainer.fit(train, valid);
///     std::cout << trainer.evaluate(test);
template <class Model>
class Trainer : public PlanTrainer {
 public:
  ESPALIER_COLD explicit Trainer(TrainerOptions options = {})
      : PlanTrainer(program_of<Model, float, Cpu>(), std::move(options),
                    evaluate_of(typename detail::Fold<Model>::TaskList{})) {
    require_nan();
  }

 private:
  template <class... Tasks>
  static constexpr Evaluate evaluate_of(TypeList<Tasks...>) {
    return &espalier::evaluate<Tasks::Loss::label...>;
  }
};

/// `Trainer trainer{{…}};` names no model, and is told so.
Trainer(TrainerOptions = {})->Trainer<void>;

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/train/trainer_definitions.hpp"
#endif
