// SPDX-License-Identifier: Apache-2.0
// Definitions of the functions of `PlanTrainer`.
#pragma once

#include "espalier/train/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/clock.hpp"
#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/prefetch.hpp"
#include "espalier/exec/freeze_mask.hpp"
#include "espalier/exec/predict.hpp"
#include "espalier/exec/start_heads.hpp"
#include "espalier/exec/task_gradients.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/resume.hpp"
#include "espalier/model/safetensors.hpp"
#include "espalier/train/check_options.hpp"
#include "espalier/train/constants.hpp"
#include "espalier/train/divergence.hpp"
#include "espalier/train/interrupt.hpp"
#include "espalier/train/label_checks.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE PlanTrainer::PlanTrainer(const CpuProgram& program,
                                                       TrainerOptions options,
                                                       Evaluate evaluate_task, MakeExecutor make)
    : program_(program),
      options_(std::move(options)),
      evaluate_(evaluate_task),
      make_(make),
      monitor_(program.plan, options_.monitor, grouping(), evaluate_task),
      features_(program.plan.schema, options_.sample_weight, options_.group) {
  check_options(options_);
  static_cast<void>(FreezeMask(program.plan, options_.freeze, options_.groups));
  for (const TaskInfo& task : program.plan.tasks) base_weights_.push_back(task.weight);
  LossWeighting(options_.balance).reset(base_weights_);
}

ESPALIER_INLINE PlanTrainer::PlanTrainer(PlanTrainer&&) noexcept = default;
ESPALIER_INLINE PlanTrainer& PlanTrainer::operator=(PlanTrainer&&) noexcept = default;
ESPALIER_INLINE PlanTrainer::~PlanTrainer() = default;

ESPALIER_COLD ESPALIER_INLINE FitResult PlanTrainer::fit(const Dataset& train,
                                                         const Dataset& valid) {
  make_folders_of(options_);
  require_rows("training", train, "");
  if (valid.has_table())
    require_rows("validation", valid, "; expected some, or none given: fit(train)");
  if (options_.plateau && valid.size() == 0)
    throw ConfigError(
        "plateau is set, and fit() has no validation split on which it waits for something better");
  require_label_columns(program_.plan.schema, train);
  const std::string& weight = features_.weight_column();
  for (const Dataset* split : {&train, &valid})
    if (!weight.empty() && split->has_table()) static_cast<void>(split->table().column(weight));
  const CheckpointFunctions* const files = options_.checkpoint.functions();
  std::shared_ptr<const SafetensorsFile> resumed;
  if (options_.resume && files != nullptr) resumed = files->open_resumed(options_.checkpoint);
  if (!resumed) require_writable_files(options_);
  Features features = features_;
  if (resumed) {
    files->restore_features(*resumed, program_.plan, features);
  } else if (!executor_) {
    features.fit(train);
  } else {
    features.learn_targets(train);
  }
  const Splits splits{features.encode_training(train),
                      valid.size() > 0 ? features.encode(valid) : EncodedData{}};
  if (!resumed) features.learn_history(train, valid);
  require_finite_losses(program_, train, splits.train);
  if (splits.valid.size() > 0) {
    require_finite_losses(program_, valid, splits.valid);
    monitor_.check(splits.valid);
  }

  const Index batch = (std::min)(options_.batch_size, splits.train.size());
  const bool anew = !resumed && !executor_;
  std::unique_ptr<ExecutorInterface> fresh;
  if (resumed || !executor_ || executor_->capacity() < batch) {
    fresh = make_executor(features, batch);
    if (anew) {
      initialize(program_.plan, options_.seed, fresh->parameters());
      start_heads(program_, splits.train, fresh->parameters().dense.span());
      for (const auto& [field, fill] : starts_) fill(fresh->parameters());
    }
    if (!resumed && executor_) fresh->parameters().copy_from(executor_->parameters());
    fresh->changed();
  }
  ExecutorInterface& executor = fresh ? *fresh : *executor_;
  executor.prepare(options_.optimizer, options_.freeze, options_.groups, options_.average);
  LossWeighting balance = options_.balance;
  balance.reset(base_weights_);
  std::unique_ptr<AggregatorFactory::Pass> task_gradients;
  if (const AggregatorFactory* factory = options_.balance.aggregator_factory()) {
    task_gradients = executor.aggregate(*factory, options_.balance_on, *balance.gradients());
  }
  auto best = std::make_unique<Parameters<float>>(executor.parameters());
  LoopState loop;
  if (resumed) {
    loop = files->load(*resumed, parts(executor, *best, splits), balance, batch);
    if (loop.out_of_patience) loop.stopped = out_of_patience(loop);  // patience may be longer now
    if (!finished(loop)) require_writable_files(options_);
  }
  std::shared_ptr<Diagnosis<float>> diagnosis;
  if (const auto* diagnose = options_.diagnose.functions()) {
    diagnosis = diagnose->make(program_, executor, options_.diagnose, resumed ? loop.step : 0);
  }
  Recorder recorder(options_, program_.plan, loop, resumed != nullptr, finished(loop));
  // Commit: from here on, the trainer has the state of this run.
  if (fresh) executor_ = std::move(fresh);
  features_ = std::move(features);
  balance_ = std::move(balance);
  task_gradients_ = std::move(task_gradients);
  diagnosis_ = std::move(diagnosis);
  best_ = std::move(best);
  recorder_ = std::move(recorder);
  said_dominance_ = false;
  metrics_ = {};
  say_notes(train, valid, splits);
  if (resumed) {
    recorder_.say("resuming " + resumed->path() + ": " + where(loop, splits));
    recorder_.say_missing(loop);
    if (diagnosis_) say_missing_diagnosis(loop);
  }
  resumed.reset();
  try {
    return run(splits, loop, batch);
  } catch (const DivergenceError&) {
    if (diagnosis_) options_.diagnose.functions()->save(*diagnosis_);  // it may show the cause
    if (anew && loop.best_epoch == 0) {  // no good epoch, and no weights from before
      diagnosis_.reset();
      task_gradients_.reset();
      executor_.reset();
    } else {
      executor_->parameters().copy_from(*best_);
      executor_->changed();
      metrics_ = loop.best_metrics;
    }
    throw;
  }
}

ESPALIER_COLD ESPALIER_INLINE Report PlanTrainer::evaluate(const Dataset& data,
                                                           const EvaluateOptions& options) {
  require_trained();
  const EncodedData encoded = features_.encode(data);
  return report_of(program_.plan, encoded, espalier::predict(*executor_, encoded), options,
                   grouping(), evaluate_);
}

ESPALIER_COLD ESPALIER_INLINE void PlanTrainer::start_text(
    std::string_view field, std::shared_ptr<const TextTokenizer> tokenizer,
    std::function<void(Parameters<float>&)> fill) {
  if (executor_)
    throw ConfigError("an encoder is loaded before the first fit() or load(), not after");
  features_.set_tokenizer(field, std::move(tokenizer));
  starts_.insert_or_assign(std::string(field), std::move(fill));
}

ESPALIER_INLINE Predictions PlanTrainer::predict(const Dataset& data) {
  require_trained();
  return predict(features_.encode_inputs(data));
}

ESPALIER_INLINE Predictions PlanTrainer::predict(const EncodedData& data) {
  require_trained();
  Predictions p = espalier::predict(*executor_, data);
  p.class_names = features_.class_names();
  return p;
}

ESPALIER_INLINE void PlanTrainer::save(const std::string& path) const {
  require_trained();
  save_model(path, program_.plan, executor_->parameters(), features_.state(), metrics_);
}

ESPALIER_INLINE void PlanTrainer::load(const std::string& path) {
  const SafetensorsFile file(path);
  checkpoint_detail::require_model(file);
  Features features = features_;
  restore_features(file, program_.plan, features);
  auto executor = make_executor(features, (std::min)(options_.batch_size, Index{4096}));
  load_parameters(file, program_.plan, executor->parameters());
  executor->changed();
  SavedMetrics metrics = load_metrics(file);
  features_ = std::move(features);
  executor_ = std::move(executor);
  metrics_ = std::move(metrics);
}

ESPALIER_INLINE const Parameters<float>& PlanTrainer::parameters() const {
  require_trained();
  return executor_->parameters();
}

ESPALIER_COLD ESPALIER_INLINE std::unique_ptr<ExecutorInterface> PlanTrainer::make_executor(
    const Features& features, Index batch) const {
  auto made =
      make_(program_, {features.vocabulary_rows(), batch, options_.threads, options_.precision});
  std::vector<float> deviations;
  for (const LabelState& label : features.state().labels)
    deviations.push_back(static_cast<float>(label.scale.deviation));
  made->set_label_deviations(deviations);
  return made;
}

ESPALIER_INLINE RunParts PlanTrainer::parts(ExecutorInterface& executor, Parameters<float>& best,
                                            const Splits& splits) const {
  return {program_, options_, executor, best, splits.train.size(), splits.valid.size()};
}

ESPALIER_INLINE void PlanTrainer::save_state(const Splits& splits, const LoopState& loop) {
  options_.checkpoint.functions()->save_state(parts(*executor_, *best_, splits), features_,
                                              *balance_, loop);
}

ESPALIER_COLD ESPALIER_INLINE std::string PlanTrainer::where(const LoopState& loop,
                                                             const Splits& splits) const {
  if (loop.stopped)
    return "it had stopped after epoch " + std::to_string(loop.epoch) + ", there is nothing to do";
  if (finished(loop))
    return "it had finished all " + std::to_string(loop.epoch) + " epochs, there is nothing to do";
  return "epoch " + std::to_string(loop.epoch + 1) + ", after " + std::to_string(loop.position) +
         " of " + std::to_string(splits.train.size()) + " samples";
}

ESPALIER_COLD ESPALIER_INLINE void PlanTrainer::say_notes(const Dataset& train,
                                                          const Dataset& valid,
                                                          const Splits& splits) const {
  for (const std::string& note : train.table().notes) recorder_.say(note);
  if (valid.size() > 0 && &valid.table() != &train.table()) {
    for (const std::string& note : valid.table().notes) recorder_.say(note);
  }
  for (const std::string& note : label_notes(program_.plan, splits.train, features_.state().labels))
    recorder_.say(note);
  for (const std::string& note : sequence_notes(program_.plan, splits.train)) recorder_.say(note);
  if (LearningTasks(base_weights_).size() == 0)
    recorder_.say("every task has weight 0: nothing will be learnt");
  if (!FreezeMask(program_.plan, options_.freeze).any())
    recorder_.say("freeze fits every tensor and table: no parameter will learn");
}

ESPALIER_COLD ESPALIER_INLINE void PlanTrainer::say_missing_diagnosis(const LoopState& loop) const {
  const auto& rows = diagnosis_->history().rows();
  const std::int64_t first = rows.empty() ? 1 : rows.back().step + options_.diagnose_every;
  if (first > loop.step) return;
  recorder_.say(message({"diagnose file ", options_.diagnose.text(), " lacks steps ", first, " to ",
                         loop.step, " of this run"}));
}

ESPALIER_COLD ESPALIER_INLINE FitResult PlanTrainer::run(const Splits& splits, LoopState& loop,
                                                         Index batch) {
  const Index rows = splits.train.size();
  const std::int64_t total_steps =
      static_cast<std::int64_t>((rows + batch - 1) / batch) * options_.epochs;
  std::optional<InterruptGuard> interrupts;
  if (options_.handle_interrupts) interrupts.emplace();
  FitResult result;
  std::vector<std::int32_t> order(static_cast<std::size_t>(rows));
  BatchSlots slots{BatchBuffer<float>(splits.train, batch),
                   BatchBuffer<float>(splits.train, batch)};
  Index learnt = 0;
  const bool over = finished(loop);
  weights_.assign(base_weights_.size(), 1.0);

  while (!finished(loop) && !result.interrupted) {
    std::iota(order.begin(), order.end(), 0);
    Random(options_.seed, static_cast<std::uint64_t>(loop.epoch) + 1).shuffle(order);
    if (loop.loss_sums.empty()) loop.start_epoch(base_weights_.size());
    recorder_.start_epoch(loop, rows);
    const double started = steady_seconds();
    {
      Prefetcher ahead(splits.train, order, batch, loop.position, slots);
      while (const Batch<float>* next = ahead.next()) {
        rate_ = options_.schedule.factor(loop.step + 1, total_steps);
        if (options_.plateau) rate_ *= options_.plateau->rate(loop.reductions);
        learn(*next, loop);
        learnt += next->size;
        recorder_.batch(loop);
        if (interrupts && interrupts->interrupted() && loop.position < rows) break;
      }
    }
    result.seconds += steady_seconds() - started;
    require_finite(program_.plan, executor_->parameters(), loop);  // also covers the last step
    recorder_.end_of_batches(loop);
    if (loop.position == rows) finish_epoch(splits, loop);
    result.interrupted = interrupts && interrupts->interrupted();
    if (result.interrupted && !finished(loop)) save_interrupted(splits, loop);
    if (diagnosis_) options_.diagnose.functions()->save(*diagnosis_);
  }
  executor_->adopt_average(loop.step);
  const bool choose = loop.best_epoch > 0;
  const bool saved = options_.checkpoint.empty() || (over && file_exists(options_.checkpoint));
  if (!saved && (choose || splits.valid.size() == 0)) save_checkpoint(loop);
  if (choose && options_.restore_best) {
    executor_->parameters().copy_from(*best_);
    executor_->changed();
  }
  const bool best_are_there =
      options_.restore_best || (loop.best_epoch == loop.epoch && loop.position == 0);
  if (best_are_there) metrics_ = loop.best_metrics;
  if (!over && !result.interrupted && metrics_.epoch > 0 &&
      options_.progress != ShowProgress::never) {
    for (const std::string& note : constant_notes(program_.plan, metrics_.report, splits.valid))
      recorder_.say(note);
  }
  const bool drawn = options_.curves.empty() || (over && file_exists(options_.curves.text()));
  if (!drawn) recorder_.finish(loop);
  result.epochs = loop.epoch;
  result.best_epoch = loop.best_epoch;
  result.best_value = loop.best_value;
  result.stopped_early = loop.stopped;
  result.samples_per_second = result.seconds > 0 ? static_cast<double>(learnt) / result.seconds : 0;
  return result;
}

ESPALIER_INLINE void PlanTrainer::learn(const Batch<float>& batch, LoopState& loop) {
  const auto weigh = [](void* context, std::span<const double> losses, std::span<double> out) {
    PlanTrainer& trainer = *static_cast<PlanTrainer*>(context);
    if (!losses.empty())
      require_finite(trainer.program_.plan, losses, *trainer.batch_, *trainer.loop_);
    trainer.balance_->weights(losses, out);
    for (std::size_t k = 0; k < out.size(); ++k) out[k] *= trainer.base_weights_[k];
  };
  const bool current = balance_->needs_current_losses();
  batch_ = &batch;
  loop_ = &loop;
  if (!current) weigh(this, {}, weights_);
  ++loop.step;
  const std::uint64_t key = mix(options_.seed, static_cast<std::uint64_t>(loop.step));
  if (diagnosis_ && (loop.step - 1) % options_.diagnose_every == 0) diagnose(batch, loop, key);
  const UpdateStep update{loop.step, rate_, 1};
  const auto losses = task_gradients_
                          ? task_gradients_->step(batch, weights_, key, *balance_->gradients(),
                                                  update, options_.max_gradient_norm)
                          : executor_->step(batch, weights_, key, current ? +weigh : nullptr, this,
                                            update, options_.max_gradient_norm);
  require_finite(program_.plan, losses, batch, loop);
  balance_->observe(losses);
  loop.add(losses, batch.size);
  loop.position += batch.size;
}

ESPALIER_COLD ESPALIER_INLINE void PlanTrainer::diagnose(const Batch<float>& batch,
                                                         const LoopState& loop, std::uint64_t key) {
  const auto* functions = options_.diagnose.functions();
  recorder_.event(
      functions->measure(*diagnosis_, batch, base_weights_, key, loop.epoch + 1, loop.step));
}

ESPALIER_COLD ESPALIER_INLINE EpochInfo PlanTrainer::judge_epoch(const Splits& splits,
                                                                 LoopState& loop) {
  const AverageInPlace average(*executor_, loop.step);
  ++loop.epoch;
  EpochInfo info;
  info.epoch = loop.epoch;
  info.learning_rate = options_.optimizer.learning_rate() * rate_;
  for (std::size_t k = 0; k < base_weights_.size(); ++k)
    info.task_losses.push_back(loop.mean_loss(k));
  info.train_loss = weighted(info.task_losses);
  if (splits.valid.size() > 0) {
    const Predictions predictions = predict_with_losses(*executor_, splits.valid);
    require_finite(program_.plan, predictions, splits.valid, loop);
    info.validation = std::make_shared<const Report>(
        report_of(program_.plan, splits.valid, predictions, {}, grouping(), evaluate_));
    info.validation_loss = weighted(predictions.losses);
    info.monitored = monitor_.value(*info.validation, info.validation_loss);
    info.best = loop.best_epoch == 0 || monitor_.better(info.monitored, loop.best_value);
    if (info.best) {
      loop.best_epoch = loop.epoch;
      loop.best_value = info.monitored;
      loop.best_metrics = {loop.epoch, *info.validation};
      best_->copy_from(executor_->parameters());
    }
  }
  loop.end_epoch();
  reduce_rate(loop);
  loop.out_of_patience = info.stop = out_of_patience(loop);
  for (const auto& callback : options_.callbacks) callback(info);
  loop.stopped = info.stop;
  // A callback may have cleared `stop`.
  loop.out_of_patience = loop.out_of_patience && loop.stopped;
  if (!options_.checkpoint.empty() && (info.best || splits.valid.size() == 0))
    save_checkpoint(loop);
  return info;
}

ESPALIER_COLD ESPALIER_INLINE void PlanTrainer::finish_epoch(const Splits& splits,
                                                             LoopState& loop) {
  const EpochInfo info = judge_epoch(splits, loop);
  if (!options_.checkpoint.empty())
    save_state(splits, loop);  // before the reports, whose loss is acceptable
  recorder_.epoch(info, loop);
  if (loop.reduced_epoch == loop.epoch && !loop.stopped) {
    recorder_.say(
        message({"learning rate times ", number_text(options_.plateau->rate(loop.reductions)),
                 " from here on: no better ", monitor_.what(), " since epoch ", loop.best_epoch}));
  }
  if (!said_dominance_ && balance_->name() == Equal::name) {
    if (const auto note = dominance_note(program_.plan, info.task_losses, base_weights_)) {
      recorder_.say(*note);
      said_dominance_ = true;
    }
  }
  if (loop.stopped) {
    recorder_.say(loop.out_of_patience ? "stopped early: no better " + monitor_.what() +
                                             " since epoch " + std::to_string(loop.best_epoch)
                                       : "stopped by a callback");
  }
}

ESPALIER_COLD ESPALIER_INLINE void PlanTrainer::reduce_rate(LoopState& loop) const {
  if (!options_.plateau) return;
  const Plateau& plateau = *options_.plateau;
  if (loop.epoch - (std::max)(loop.best_epoch, loop.reduced_epoch) < plateau.patience) return;
  if (!(plateau.rate(loop.reductions + 1) < plateau.rate(loop.reductions))) return;
  ++loop.reductions;
  loop.reduced_epoch = loop.epoch;
}

ESPALIER_COLD ESPALIER_INLINE double PlanTrainer::weighted(std::span<const double> losses) const {
  double sum = 0;
  bool any = false;
  for (std::size_t k = 0; k < losses.size(); ++k) {
    if (std::isnan(losses[k]) || !monitor_.decides(k)) continue;
    sum += base_weights_[k] * losses[k];
    any = true;
  }
  return any ? sum : std::nan("");
}

ESPALIER_INLINE void PlanTrainer::save_checkpoint(const LoopState& loop) const {
  options_.checkpoint.functions()->save_weights(
      options_.checkpoint, program_.plan, loop.best_epoch > 0 ? *best_ : executor_->parameters(),
      features_, loop.best_metrics);
}

ESPALIER_COLD ESPALIER_INLINE void PlanTrainer::save_interrupted(const Splits& splits,
                                                                 const LoopState& loop) {
  const std::string begin = "interrupted after step " + std::to_string(loop.step) + "; ";
  if (options_.checkpoint.empty())
    return recorder_.say(begin + "nothing saved, as there is no checkpoint file");
  save_state(splits, loop);
  recorder_.say(begin + "saved " + resume_path(options_.checkpoint) +
                ": run again with resume to go on");
}

}  // namespace espalier
