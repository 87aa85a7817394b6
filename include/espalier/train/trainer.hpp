// SPDX-License-Identifier: Apache-2.0
// `Trainer<Model>`: epochs over a dataset, validation, early stopping; evaluation; saving.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "espalier/data/dataset.hpp"
#include "espalier/data/features.hpp"
#include "espalier/metrics/evaluate.hpp"
#include "espalier/train/checkpoint.hpp"
#include "espalier/train/executor.hpp"
#include "espalier/train/interrupt.hpp"
#include "espalier/train/monitor.hpp"
#include "espalier/train/options.hpp"
#include "espalier/train/predictions.hpp"
#include "espalier/train/prefetch.hpp"
#include "espalier/train/recorder.hpp"

namespace espalier {

/// Trains any plan in single precision. `Trainer<Model>` is this with the plan of a model.
class PlanTrainer {
 public:
  using CpuProgram = Program<float, cpu::Device>;

  /// Throws ConfigError for options that cannot be.
  PlanTrainer(const CpuProgram& program, TrainerOptions options)
      : program_(program),
        options_(std::move(options)),
        monitor_(program.plan, options_.monitor),
        features_(program.plan.schema, options_.sample_weight, options_.group) {
    const auto at_least = [](const char* name, double value, double least) {
      if (!(value >= least)) {
        throw ConfigError(std::string(name) + " is " + std::to_string(value) + ", expected " +
                          std::to_string(static_cast<long long>(least)) + " or more");
      }
    };
    at_least("epochs", options_.epochs, 1);
    at_least("batch_size", static_cast<double>(options_.batch_size), 1);
    at_least("threads", options_.threads, 0);
    at_least("patience", options_.patience, 0);
    at_least("max_gradient_norm", options_.max_gradient_norm, 0);
    static_cast<void>(Trainable(program.plan, options_.freeze));
    for (const TaskInfo& task : program.plan.tasks) base_weights_.push_back(task.weight);
    if (options_.resume && options_.checkpoint.empty()) throw ConfigError("resume needs a checkpoint file");
  }

  /// Learns from `train`; `valid` (may be empty) decides when to stop and which epoch to keep.
  /// Vocabularies and normalisation come from `train` alone, or from what was loaded before.
  FitResult fit(const Dataset& train, const Dataset& valid = {}) {
    if (train.size() == 0) throw DataError("the training split is empty");
    const bool resumed = options_.resume && resume_exists(options_.checkpoint);
    if (!fitted_ && !resumed) {
      features_.fit(train);
      fitted_ = true;
      make_executor();
      initialize(program_.plan, options_.seed, executor_->parameters());
    }
    LoopState loop;
    if (resumed) {
      features_.restore(load_resume_features(options_.checkpoint, program_.plan));
      fitted_ = true;
      make_executor();
    }
    executor_->prepare(options_.optimizer, options_.freeze);
    balance_.emplace(options_.balance);
    balance_->reset(base_weights_.size());
    best_ = std::make_unique<Parameters<float>>(executor_->parameters());
    if (resumed) {
      ResumeView view = resume_view();
      loop = load_resume(options_.checkpoint, program_.plan, view);
      balance_->restore(view.balance);
    }
    return run(train, valid, loop, resumed);
  }

  /// Metrics of every task over the whole of `data`.
  [[nodiscard]] Report evaluate(const Dataset& data, const EvaluateOptions& options = {}) {
    const EncodedData encoded = encode(data);
    return report(encoded, predict(encoded), options);
  }

  /// Predictions for every row of `data`; labels may be absent.
  [[nodiscard]] Predictions predict(const Dataset& data) { return predict(encode(data)); }

  /// Writes the model: weights, description, vocabularies, normalisation. `Predictor<Model>` and load() read it.
  void save(const std::string& path) const {
    require_trained();
    save_model(path, program_.plan, executor_->parameters(), features_.state());
  }

  /// Takes over the weights, vocabularies and normalisation of a saved model; fit() then goes on from them (fine-tuning).
  void load(const std::string& path) {
    features_.restore(load_features(path, program_.plan));
    fitted_ = true;
    make_executor();
    load_parameters(path, program_.plan, executor_->parameters());
  }

  [[nodiscard]] const PlanView& plan() const { return program_.plan; }
  [[nodiscard]] const TrainerOptions& options() const { return options_; }
  [[nodiscard]] const Features& features() const { return features_; }
  [[nodiscard]] const History& history() const { return recorder_.history(); }
  [[nodiscard]] const Parameters<float>& parameters() const {
    require_trained();
    return executor_->parameters();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void require_trained() const {
    if (!executor_) throw ConfigError("the model has no weights yet: call fit() or load() first");
  }

  EncodedData encode(const Dataset& data) const {
    require_trained();
    return features_.encode(data);
  }

  void make_executor() {
    executor_ = std::make_unique<TrainExecutor<float>>(program_, features_.vocabulary_rows(), options_.batch_size,
                                                       options_.threads);
  }

  ResumeView resume_view() {
    std::string schedule = options_.schedule.describe();
    if (schedule != Schedule(Constant{}).describe()) schedule += " over " + std::to_string(options_.epochs) + " epochs";
    std::string frozen;
    for (const std::string& pattern : options_.freeze) frozen += " " + pattern;
    return {executor_->parameters(),
            executor_->optimizer_state(),
            *best_,
            balance_->state(),
            {"optimizer: " + options_.optimizer.describe(), "schedule: " + schedule,
             "balance: " + std::string(options_.balance.name()), "batch_size: " + std::to_string(options_.batch_size),
             "seed: " + std::to_string(options_.seed), "max_gradient_norm: " + Json(options_.max_gradient_norm).dump(),
             "freeze:" + frozen, "monitor: " + options_.monitor}};
  }

  FitResult run(const Dataset& train, const Dataset& valid, LoopState loop, bool resumed) {
    const EncodedData data = features_.encode(train);
    const EncodedData held_out = valid.size() > 0 ? features_.encode(valid) : EncodedData{};
    const Index rows = data.size(), batches = (rows + options_.batch_size - 1) / options_.batch_size;
    const std::int64_t total_steps = static_cast<std::int64_t>(batches) * options_.epochs;
    std::unique_ptr<InterruptGuard> interrupts;
    if (options_.handle_interrupts) interrupts = std::make_unique<InterruptGuard>();
    recorder_ = Recorder(options_, program_.plan, loop, resumed);
    FitResult result;
    std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
    std::array<BatchBuffer<float>, 2> slots{BatchBuffer<float>(data, options_.batch_size),
                                            BatchBuffer<float>(data, options_.batch_size)};
    Index learnt = 0;
    std::vector<double> weights(base_weights_.size());

    while (loop.epoch < options_.epochs && !loop.stopped) {
      std::iota(order.begin(), order.end(), 0);
      Random(options_.seed, static_cast<std::uint64_t>(loop.epoch) + 1).shuffle(order);
      if (loop.loss_sums.empty()) loop.start_epoch(base_weights_.size());
      recorder_.start_epoch(loop, rows);
      const auto started = Clock::now();
      {
        Prefetcher batches_ahead(data, order, options_.batch_size, loop.position, slots);
        while (const Batch<float>* batch = batches_ahead.next()) {
          const UpdateStep step{loop.step + 1, options_.schedule.factor(loop.step + 1, total_steps), 1};
          learn(*batch, step, weights, loop);
          ++loop.step;
          loop.position += batch->size;
          learnt += batch->size;
          recorder_.batch(loop);
          if (interrupts && interrupts->interrupted() && loop.position < rows) {
            result.interrupted = true;
            break;
          }
        }
      }
      result.seconds += std::chrono::duration<double>(Clock::now() - started).count();
      recorder_.end_of_batches(loop);
      if (result.interrupted) break;
      finish_epoch(held_out, loop);
      result.interrupted = interrupts && interrupts->interrupted();
      if (result.interrupted) break;
    }
    const bool with_validation = held_out.size() > 0;
    if (result.interrupted && !options_.checkpoint.empty()) {
      save_resume(options_.checkpoint, program_.plan, features_.state(), resume_view(), loop);
      recorder_.say("interrupted after step " + std::to_string(loop.step) + "; saved " + options_.checkpoint +
                    ".resume: run again with resume to go on");
    }
    if (with_validation && options_.restore_best && loop.best_epoch > 0) executor_->parameters().copy_from(*best_);
    if (!options_.checkpoint.empty() && (loop.best_epoch > 0 || !with_validation)) save(options_.checkpoint);
    recorder_.finish(loop);
    result.epochs = loop.epoch;
    result.best_epoch = loop.best_epoch;
    result.best_value = loop.best_value;
    result.stopped_early = loop.stopped;
    result.samples_per_second = result.seconds > 0 ? static_cast<double>(learnt) / result.seconds : 0;
    return result;
  }

  void learn(const Batch<float>& batch, const UpdateStep& step, std::vector<double>& weights, LoopState& loop) {
    struct Weigher {
      PlanTrainer* trainer;
    } weigher{this};
    const auto weigh = [](void* context, std::span<const double> losses, std::span<double> out) {
      PlanTrainer& trainer = *static_cast<Weigher*>(context)->trainer;
      trainer.balance_->weights(losses, out);
      for (std::size_t k = 0; k < out.size(); ++k) out[k] *= trainer.base_weights_[k];
    };
    const bool current = balance_->needs_current_losses();
    if (!current) weigh(&weigher, {}, weights);
    const auto losses =
        executor_->forward_backward(batch, weights, mix(options_.seed, static_cast<std::uint64_t>(step.step)),
                                    current ? +weigh : nullptr, &weigher);
    executor_->update(step, options_.max_gradient_norm);
    balance_->observe(losses);
    loop.add(losses, batch.size);
  }

  void finish_epoch(const EncodedData& held_out, LoopState& loop) {
    ++loop.epoch;
    EpochInfo info;
    info.epoch = loop.epoch;
    info.learning_rate = options_.optimizer.learning_rate();
    for (std::size_t k = 0; k < base_weights_.size(); ++k) {
      info.task_losses.push_back(loop.mean_loss(k));
      if (info.task_losses[k] == info.task_losses[k]) info.train_loss += base_weights_[k] * info.task_losses[k];
    }
    Report validation;
    if (held_out.size() > 0) {
      const Predictions predictions = predict(held_out);
      validation = report(held_out, predictions, {});
      info.validation = &validation;
      double loss = 0;
      for (std::size_t k = 0; k < base_weights_.size(); ++k) {
        if (predictions.losses[k] == predictions.losses[k]) loss += base_weights_[k] * predictions.losses[k];
      }
      info.validation_loss = loss;
      info.monitored = monitor_.value(validation, loss);
      info.best = loop.best_epoch == 0 || monitor_.better(info.monitored, loop.best_value);
      if (info.best) {
        loop.best_epoch = loop.epoch;
        loop.best_value = info.monitored;
        best_->copy_from(executor_->parameters());
      }
      loop.stopped = options_.patience > 0 && loop.epoch - loop.best_epoch >= options_.patience;
    }
    loop.end_epoch();
    info.stop = loop.stopped;
    for (const auto& callback : options_.callbacks) callback(info);
    loop.stopped = info.stop;
    recorder_.epoch(info, loop);
    if (!options_.checkpoint.empty()) {
      save_resume(options_.checkpoint, program_.plan, features_.state(), resume_view(), loop);
    }
  }

  Predictions predict(const EncodedData& data) {
    require_trained();
    const std::size_t tasks = program_.plan.tasks.size();
    Predictions p(program_.plan, data.size());
    std::vector<double> loss_sums(tasks, 0.0), weight_sums(tasks, 0.0);
    std::vector<std::int32_t> order(static_cast<std::size_t>(data.size()));
    std::iota(order.begin(), order.end(), 0);
    std::array<BatchBuffer<float>, 2> slots{BatchBuffer<float>(data, options_.batch_size),
                                            BatchBuffer<float>(data, options_.batch_size)};
    Prefetcher batches(data, order, options_.batch_size, 0, slots);
    Index at = 0;
    std::vector<float*> out(tasks);
    while (const Batch<float>* batch = batches.next()) {
      for (std::size_t k = 0; k < tasks; ++k) out[k] = p.values[k].data() + at * program_.plan.tasks[k].outputs;
      executor_->predict(*batch, out, loss_sums, weight_sums);
      at += batch->size;
    }
    for (std::size_t k = 0; k < tasks; ++k) p.losses.push_back(weight_sums[k] > 0 ? loss_sums[k] / weight_sums[k] : std::nan(""));
    return p;
  }

  Report report(const EncodedData& data, const Predictions& predictions, EvaluateOptions options) const {
    Report made;
    if (options.weights.empty() && !data.weights.empty()) options.weights = data.weights;
    if (options.groups.empty() && !data.groups.empty()) options.groups = data.groups;
    for (std::size_t k = 0; k < predictions.tasks.size(); ++k) {
      made.tasks.push_back(espalier::evaluate(program_.plan.schema.labels[k], predictions.values[k], data.label(k), options));
    }
    return made;
  }

  CpuProgram program_;
  TrainerOptions options_;
  Monitor monitor_;
  Features features_;
  std::vector<double> base_weights_;
  std::unique_ptr<TrainExecutor<float>> executor_;
  std::unique_ptr<Parameters<float>> best_;
  std::optional<Balance> balance_;
  Recorder recorder_;
  bool fitted_ = false;
};

/// The trainer of one model type:
///
///     Trainer<Model> trainer{{.epochs = 20, .batch_size = 512, .optimizer = Adam{.learning_rate = 1e-3}}};
///     trainer.fit(train, valid);
///     std::cout << trainer.evaluate(test);
template <class Model>
class Trainer : public PlanTrainer {
 public:
  explicit Trainer(TrainerOptions options = {})
      : PlanTrainer(program_of<Model, float, cpu::Device>(), std::move(options)) {}
};

}  // namespace espalier
