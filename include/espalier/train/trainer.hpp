// SPDX-License-Identifier: Apache-2.0
// `Trainer<Model>`: training epochs, validation, early stopping; evaluation; saving.
#pragma once

#include <functional>
#include <map>
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
#include "espalier/exec/aggregator_factory.hpp"
#include "espalier/exec/cpu_executor.hpp"
#include "espalier/exec/executor_interface.hpp"
#include "espalier/exec/predictions.hpp"
#include "espalier/model/saved_metrics.hpp"
#include "espalier/report/diagnosis.hpp"
#include "espalier/train/monitor.hpp"
#include "espalier/train/options.hpp"
#include "espalier/train/recorder.hpp"
#include "espalier/train/run_files.hpp"

namespace espalier {

/// Trains any plan in single precision. `Trainer<Model>` is this class with the plan of a model.
/// Not thread-safe.
class PlanTrainer {
 public:
  using CpuProgram = Program<float, Cpu>;

  /// Throws ConfigError for invalid options. `evaluate_task`: evaluate() for the label kinds of the
  /// tasks. `make`: makes the executor; the CPU's by default.
  PlanTrainer(const CpuProgram& program, TrainerOptions options,
              Evaluate evaluate_task = &espalier::evaluate<>,
              MakeExecutor make = &ExecutorOf<Cpu>::make_any);
  PlanTrainer(PlanTrainer&&) noexcept;
  PlanTrainer& operator=(PlanTrainer&&) noexcept;
  ~PlanTrainer();

  /// Trains on `train`. `valid`, if given, decides when to stop and which epoch to keep.
  ///
  /// The first call learns vocabularies and normalization from `train` and starts from random
  /// weights. After load() or another fit(), it continues from the current weights with a fresh
  /// optimizer state; means over the training split (MeanOf with Folds) are always computed again
  /// from `train`. A resumed run continues exactly where it was; a resumed run that had finished
  /// returns at once.
  ///
  /// Throws DataError and ConfigError before anything has changed; CheckpointError if the run
  /// cannot be resumed; IoError; and what callbacks throw. Throws DivergenceError if a loss, a
  /// weight or a prediction is no longer finite. The weights are then those of the best epoch. If
  /// there is none yet (or no validation split), they are those from which the call started; after
  /// a first fit(), there are none.
  FitResult fit(const Dataset& train, const Dataset& valid = {});

  /// Metrics of every task over all of `data`. On the training split of a model with means over
  /// that split (MeanOf with Folds), they are too good: the means include each row's own label,
  /// which they did not during training.
  [[nodiscard]] Report evaluate(const Dataset& data, const EvaluateOptions& options = {});

  /// Predictions for every row of `data`, in order. Labels, weights and groups are ignored and may
  /// be missing.
  [[nodiscard]] Predictions predict(const Dataset& data);
  /// The same for data that features() encoded.
  [[nodiscard]] Predictions predict(const EncodedData& data);

  /// Writes the model: weights, description, vocabularies, normalization. `Predictor<Model>` and
  /// load() read it.
  void save(const std::string& path) const;

  /// Loads the weights, vocabularies and normalization of a saved model; fit() then continues from
  /// them (fine-tuning). Throws IoError and CheckpointError, and then changes nothing.
  void load(const std::string& path);

  /// For a Text input: sets its tokenizer, and what the first fit() calls to fill in the weights of
  /// its encoder. Called by load_encoder(). Throws ConfigError if there is no such input, or if the
  /// trainer has weights already.
  void start_text(std::string_view field, std::shared_ptr<const TextTokenizer> tokenizer,
                  std::function<void(Parameters<float>&)> fill);

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

  [[nodiscard]] std::unique_ptr<ExecutorInterface> make_executor(const Features& features,
                                                                 Index batch) const;

  [[nodiscard]] bool out_of_patience(const LoopState& loop) const {
    return options_.patience > 0 && loop.best_epoch > 0 &&
           loop.epoch - loop.best_epoch >= options_.patience;
  }

  [[nodiscard]] bool finished(const LoopState& loop) const {
    return loop.stopped || loop.epoch >= options_.epochs;
  }

  [[nodiscard]] RunParts parts(ExecutorInterface& executor, Parameters<float>& best,
                               const Splits& splits) const;

  void save_state(const Splits& splits, const LoopState& loop);
  [[nodiscard]] std::string where(const LoopState& loop, const Splits& splits) const;

  /// Prints the notes of the data reader, and notes about tasks that cannot learn.
  void say_notes(const Dataset& train, const Dataset& valid, const Splits& splits) const;

  /// Prints which steps of a resumed run are missing in the diagnosis.
  void say_missing_diagnosis(const LoopState& loop) const;

  FitResult run(const Splits& splits, LoopState& loop, Index batch);

  /// Executes one step and advances `loop`.
  void learn(const Batch<float>& batch, LoopState& loop);

  void diagnose(const Batch<float>& batch, const LoopState& loop, std::uint64_t key);

  void finish_epoch(const Splits& splits, LoopState& loop);

  /// Validates the epoch, keeps the best weights and saves them; uses the moving average of the
  /// weights if there is one.
  [[nodiscard]] EpochInfo judge_epoch(const Splits& splits, LoopState& loop);

  /// Reduces the learning rate of the next epoch after a sufficiently long plateau.
  void reduce_rate(LoopState& loop) const;

  /// Σ weight_k · loss_k over the tasks that have a loss and for which Monitor::decides(): weight
  /// above 0, or all weights 0. NaN if there is no such task.
  [[nodiscard]] double weighted(std::span<const double> losses) const;

  /// Saves the model: the weights of the best epoch, or of the last epoch without validation.
  void save_checkpoint(const LoopState& loop) const;

  void save_interrupted(const Splits& splits, const LoopState& loop);

  CpuProgram program_;
  TrainerOptions options_;
  Evaluate evaluate_;
  MakeExecutor make_;
  Monitor monitor_;
  /// Per Text input: fills in the weights of its encoder.
  std::map<std::string, std::function<void(Parameters<float>&)>, std::less<>> starts_;
  Features features_;
  std::vector<double> base_weights_;  ///< weights of the tasks in the plan
  std::unique_ptr<ExecutorInterface> executor_;
  std::unique_ptr<Parameters<float>> best_;
  SavedMetrics metrics_;  ///< of the current weights on the validation split
  std::optional<LossWeighting> balance_;
  /// Uses executor_; for a gradient method.
  std::unique_ptr<AggregatorFactory::Pass> task_gradients_;
  std::shared_ptr<Diagnosis<float>> diagnosis_;  ///< uses executor_; if requested
  Recorder recorder_;
  bool said_dominance_ = false;  ///< in this run
  // State of the current step:
  std::vector<double> weights_;
  double rate_ = 1;
  const Batch<float>* batch_ = nullptr;
  const LoopState* loop_ = nullptr;
};

/// The trainer of one model type:
///
///     Trainer<Model> trainer{
///         {.epochs = 20, .batch_size = 512, .optimizer = Adam{.learning_rate = 1e-3}}};
///     trainer.fit(train, valid);
///     std::cout << trainer.evaluate(test);
///
/// `Device`: Cpu, or Cuda with <espalier/cuda.hpp>.
template <class Model, class Device = Cpu>
class Trainer : public PlanTrainer {
 public:
  ESPALIER_COLD explicit Trainer(TrainerOptions options = {})
      : PlanTrainer(program_of<Model, float, Cpu>(), std::move(options),
                    evaluate_of(typename detail::Fold<Model>::TaskList{}),
                    ExecutorOf<Device>::template make<Model>) {
    require_nan();
  }

 private:
  template <class... Tasks>
  static constexpr Evaluate evaluate_of(TypeList<Tasks...>) {
    return &espalier::evaluate<Tasks::Loss::label...>;
  }
};

/// `Trainer trainer{{…}};` names no model; this guide turns it into a clear error message.
Trainer(TrainerOptions = {})->Trainer<void>;

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/train/trainer_definitions.hpp"
#endif
