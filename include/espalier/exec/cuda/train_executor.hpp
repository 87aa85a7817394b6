// SPDX-License-Identifier: Apache-2.0
// `CudaTrainExecutor`: runs a plan's schedule on a GPU, a step as one launch of a recorded graph.
#pragma once

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "espalier/exec/cuda/device_batch.hpp"
#include "espalier/exec/cuda/step_settings.hpp"
#include "espalier/exec/cuda/touched_rows.hpp"
#include "espalier/exec/freeze_mask.hpp"
#include "espalier/exec/optimizer_state.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/ops/cuda/program.hpp"
#include "espalier/optim/adam.hpp"
#include "espalier/optim/cuda/update.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/optim/parameter_group.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Trains one model on one GPU, in fp32. The batch is one microbatch. Sums have a fixed order: the
/// same bits in every run on a device. Functions return before their work has run, unless they
/// return its results. Not on a GPU yet: operations that merge microbatches (BatchNorm), auxiliary
/// losses, moving averages of parameters.
class CudaTrainExecutor {
 public:
  using CudaProgram = Program<float, Cuda>;
  using C = Context<float, Cuda>;

  /// `vocabulary_rows`: rows of each vocabulary's tables. Throws ConfigError for an argument out of
  /// range, CudaError if there is no GPU or not enough memory.
  ESPALIER_COLD CudaTrainExecutor(const CudaProgram& program,
                                  const std::vector<Index>& vocabulary_rows, Index max_batch)
      : program_(program),
        stream_(cuda::make_stream()),
        batch_(program.plan, checked(max_batch)),
        rows_(program.plan, table_rows(program.plan, vocabulary_rows)),
        freeze_(program.plan, {}) {
    for (const auto& operation : program.operations) {
      if (operation.merge_forward != nullptr || operation.merge_backward != nullptr) {
        throw_error<ConfigError>({"model '", plan().model, "' has operation '", operation.name,
                                  "', which is not on GPUs yet"});
      }
    }
    const PlanSizes& sizes = plan().sizes;
    const auto samples = static_cast<std::size_t>(max_batch);
    const auto values = static_cast<std::size_t>(sizes.values) * samples;
    workspace_ = cuda::Memory<std::byte>(Cuda::workspace_bytes, "the workspace");
    parameters_ =
        cuda::Memory<float>(static_cast<std::size_t>(sizes.parameter_values), "parameters");
    gradients_ = cuda::Memory<float>(static_cast<std::size_t>(sizes.parameters), "gradients");
    values_ = cuda::Memory<float>(values, "activations");
    value_gradients_ = cuda::Memory<float>(values, "gradients of activations");
    lookup_gradients_ = cuda::Memory<float>(static_cast<std::size_t>(sizes.lookup_values) * samples,
                                            "gradients of lookups");
    tasks_ = plan().tasks.size();
    losses_.assign(tasks_, 0.0);
    deviations_.assign(tasks_, 1.0F);
    sums_ = cuda::Memory<double>(2 * tasks_ + 2, "sums of losses");
    read_ = cuda::Pinned<double>(2 * tasks_ + 2, "sums of losses");
    scale_ = cuda::Memory<float>(1, "the clipping factor");
    rows_.describe(plan(), batch_, lookup_gradients_.data(), stream_.get());
    make_schedules();
  }

  CudaTrainExecutor(const CudaTrainExecutor&) = delete;  // schedules refer to it
  CudaTrainExecutor& operator=(const CudaTrainExecutor&) = delete;

  [[nodiscard]] const PlanView& plan() const { return program_.plan; }
  [[nodiscard]] Index capacity() const { return batch_.capacity(); }

  /// Copies of all parameters. `parameters` must have the same plan and rows.
  ESPALIER_COLD void set_parameters(const Parameters<float>& parameters) {
    parameters_.set(stream_.get(), parameters.dense.data(), parameters.dense.size());
    for (std::size_t t = 0; t < rows_.count(); ++t)
      rows_.values(t).set(stream_.get(), parameters.tables[t].data(), parameters.tables[t].size());
  }
  ESPALIER_COLD void get_parameters(Parameters<float>& parameters) const {
    parameters_.get(stream_.get(), parameters.dense.data(), parameters.dense.size());
    for (std::size_t t = 0; t < rows_.count(); ++t)
      rows_.values(t).get(stream_.get(), parameters.tables[t].data(), parameters.tables[t].size());
  }
  /// The gradient of the dense parameters after a step without update, for tests and diagnosis.
  ESPALIER_COLD void get_gradient(std::span<float> out) const {
    gradients_.get(stream_.get(), out.data(), out.size());
  }

  /// Divisor that was applied to each task's labels. Default 1.
  ESPALIER_COLD void set_label_deviations(const std::vector<float>& deviations) {
    deviations_ = deviations;
    graphs_.clear();
  }

  /// The optimiser's state. `state` must be of the same optimiser, plan and rows.
  ESPALIER_COLD void set_state(const OptimizerState<float>& state) {
    each_state(state, [this](cuda::Memory<float>& memory, const Buffer<float>& from) {
      memory.set(stream_.get(), from.data(), from.size());
    });
  }
  ESPALIER_COLD void get_state(OptimizerState<float>& state) {
    each_state(state, [this](const cuda::Memory<float>& memory, Buffer<float>& to) {
      memory.get(stream_.get(), to.data(), to.size());
    });
  }

  /// Sets the optimiser, and resets its state. Throws ConfigError, also for an optimiser that
  /// espalier::cuda does not have. Without a call, the first step prepares Adam.
  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups = {}) {
    settings_ = cuda::StepSettings(tasks_, group_rules(optimizer, groups));
    freeze_ = FreezeMask(plan(), freeze, groups);
    states_.clear();
    for (int s = 0; s < optimizer.states(); ++s) {
      const auto initial = static_cast<float>(optimizer.initial_state(s));
      State& state = states_.emplace_back();
      state.dense = filled(gradients_.size(), initial);
      for (std::size_t t = 0; t < rows_.count(); ++t)
        state.tables.push_back(filled(rows_.values(t).size(), initial));
    }
    rows_.learn_by(stream_.get(), [&](std::size_t t, cuda::TableRows& table) {
      table.group = freeze_.table_group(static_cast<int>(t));
      for (std::size_t s = 0; s < states_.size(); ++s)
        table.states[s] = states_[s].tables[t].data();
    });
    graphs_.clear();
  }

  /// One step: the forward pass, losses, the backward pass, and an update of the parameters. Each
  /// loss is a weighted mean over the task's labelled samples. `max_norm` > 0 clips the gradients'
  /// global norm.
  void step(const Batch<float>& batch, std::span<const double> weights, std::uint64_t key,
            const UpdateStep& step, double max_norm = 0) {
    clip(max_norm);
    begin(batch);
    set(weights, key, step);
    launch(Work::step);
  }
  /// The same for weights that depend on the step's losses: waits for these between the passes.
  void weighed_step(const Batch<float>& batch, std::span<const double> weights, std::uint64_t key,
                    const UpdateStep& step, double max_norm,
                    void (*weigh)(void* context, std::span<const double> losses,
                                  std::span<double> weights),
                    void* weigh_context) {
    clip(max_norm);
    begin(batch);
    set(weights, key, step);
    launch(Work::losses);
    std::vector<double> weighed(weights.begin(), weights.end());
    weigh(weigh_context, losses(), weighed);
    set(weighed, key, step);
    launch(Work::backward_and_update);
  }
  /// A step without the update: the gradients stay, see get_gradient().
  void forward_backward(const Batch<float>& batch, std::span<const double> weights,
                        std::uint64_t key) {
    begin(batch);
    set(weights, key, {});
    launch(Work::gradient);
  }

  /// Waits for the last step, and returns its losses: NaN for a task without labels in its batch.
  std::span<const double> losses() {
    cuda::synchronize(stream_.get());
    for (std::size_t k = 0; k < tasks_; ++k) {
      const double total = read_.data()[tasks_ + k];
      losses_[k] = total > 0 ? read_.data()[k] / total : std::nan("");
    }
    return losses_;
  }
  /// The norm of the last step's gradients before clipping; 0 without clipping. After losses().
  [[nodiscard]] double norm() const {
    return max_norm_ > 0 ? std::sqrt(read_.data()[2 * tasks_ + 1]) : 0;
  }

  /// Inference: out[k] receives outputs × size predictions of task k, sample by sample. If
  /// `loss_sums` is not empty, adds each task's weighted sum of losses to it, and the weights of
  /// its labelled samples to `weight_sums`.
  void predict(const Batch<float>& batch, std::span<float* const> out,
               std::span<double> loss_sums = {}, std::span<double> weight_sums = {}) {
    std::size_t values = 0;
    for (const TaskInfo& task : plan().tasks) values += static_cast<std::size_t>(task.outputs);
    if (predictions_.size() < values * static_cast<std::size_t>(capacity())) {
      predictions_ =
          cuda::Memory<float>(values * static_cast<std::size_t>(capacity()), "predictions");
      graphs_.clear();
    }
    begin(batch);
    const bool with_losses = !loss_sums.empty();
    if (with_losses) set(std::vector<double>(tasks_, 1.0), 0, {});
    launch(with_losses ? Work::evaluate : Work::predict);
    std::size_t at = 0;
    for (std::size_t k = 0; k < tasks_; ++k) {
      const auto count = static_cast<std::size_t>(plan().tasks[k].outputs * batch.size);
      cuda::copy_to_host(stream_.get(), out[k], predictions_.data() + at, count * sizeof(float));
      at += count;
    }
    cuda::synchronize(stream_.get());
    for (std::size_t k = 0; k < tasks_ && with_losses; ++k) {
      loss_sums[k] += read_.data()[k];
      weight_sums[k] += read_.data()[tasks_ + k];
    }
  }

  /// Number of nodes of the graph of a step for batches of that size, once one has run; else 0.
  [[nodiscard]] std::size_t graph_nodes(Index samples, bool weighted = false) const {
    const auto found = graphs_.find({samples, weighted, Work::step});
    return found == graphs_.end() ? 0 : cuda::nodes(found->second.get());
  }

 private:
  /// What a graph does with the batch.
  enum class Work : std::uint8_t {
    step,
    gradient,             ///< a step without the update
    losses,               ///< the forward pass and the losses of a step
    backward_and_update,  ///< the rest of it
    predict,
    evaluate,  ///< predict, and the losses
  };
  struct GraphKey {
    Index samples;
    bool weighted;
    Work work;
    friend auto operator<=>(const GraphKey&, const GraphKey&) = default;
  };
  /// One number per parameter that the optimiser keeps.
  struct State {
    cuda::Memory<float> dense;
    std::vector<cuda::Memory<float>> tables;
  };

  [[nodiscard]] static Index checked(Index max_batch) {
    if (max_batch < 1)
      throw ConfigError("batch_size is " + std::to_string(max_batch) + ", expected 1 or more");
    return max_batch;
  }

  [[nodiscard]] double* device_totals() const { return sums_.data() + tasks_; }
  [[nodiscard]] double* device_norm() const { return sums_.data() + 2 * tasks_ + 1; }

  [[nodiscard]] ESPALIER_COLD cuda::Memory<float> filled(std::size_t size, float value) {
    cuda::Memory<float> made(size, "the optimiser's state");
    if (value != 0 && size > 0) {
      const std::vector<float> values(size, value);
      made.set(stream_.get(), values.data(), size);
    }
    return made;
  }

  ESPALIER_COLD void make_schedules() {
    const auto add = [this](Phase phase, std::string_view name, auto work) {
      Step<float, Cuda> step;
      step.phase = phase;
      step.name = name;
      step.state = this;
      step.run = [](void* state, Index, const C& c) {
        decltype(work){}(*static_cast<CudaTrainExecutor*>(state), c);
      };
      return step;
    };
    const auto start =
        add(Phase::forward, "sum label weights", [](CudaTrainExecutor& e, const C& c) {
          cuda::sum_label_weights(c.device, c.batch->labels, c.batch->weights, e.device_totals());
        });
    const auto losses =
        add(Phase::loss, "losses", [](CudaTrainExecutor& e, const C& c) { e.all_losses(c); });
    const auto zero = add(Phase::backward, "zero", [](CudaTrainExecutor& e, const C& c) {
      for (const Block& block : e.plan().zeroed) cuda::fill(c.device, 0.0F, c.gradient(block));
    });
    train_ = training_schedule(program_, start, {losses, zero});
    predict_ = forward_schedule(program_, false);
    predict_.steps.push_back(add(Phase::forward, "predict",
                                 [](CudaTrainExecutor& e, const C& c) { e.all_predictions(c); }));
    predict_.steps.push_back(start);
    predict_.steps.back().phase = Phase::loss;
    predict_.steps.push_back(losses);
  }

  void all_losses(const C& c) {
    for (std::size_t k = 0; k < tasks_; ++k) {
      const TaskInfo& task = plan().tasks[k];
      cuda::LossArguments a;
      a.z = as_const(c.value(task.logits));
      a.labels = c.batch->labels.column(static_cast<Index>(k));
      a.weights = c.batch->weights;
      a.weight = settings_.weights() + k;
      a.total = device_totals() + k;
      a.gradient = c.gradient(task.logits);
      a.unit = deviations_[k];
      a.value = sums_.data() + k;
      program_.losses[k].evaluate(c.device, a);
    }
  }

  void all_predictions(const C& c) {
    float* to = predictions_.data();
    for (std::size_t k = 0; k < tasks_; ++k) {
      const TaskInfo& task = plan().tasks[k];
      program_.losses[k].predict(c.device, as_const(c.value(task.logits)),
                                 {to, task.outputs, c.count, task.outputs});
      to += task.outputs * c.count;
    }
  }

  [[nodiscard]] C context(const Batch<float>& batch, bool training) const {
    C c;
    c.device = {stream_.get(), workspace_.data()};
    c.batch = &batch;
    c.count = batch.size;
    c.capacity = capacity();
    c.training = training;
    c.key = {settings_.key(), 0};
    c.storage = {parameters_.data(), rows_.pointers()};
    c.parameter_gradients = gradients_.data();
    c.values = values_.data();
    c.gradients = value_gradients_.data();
    c.lookup_gradients = lookup_gradients_.data();
    c.batch_capacity = capacity();
    return c;
  }

  /// Puts the update of a batch on the stream.
  void update(Cuda device, Index samples) {
    const bool clip = max_norm_ > 0;
    const float* const scale = clip ? scale_.data() : nullptr;
    const int tables = static_cast<int>(rows_.count());
    if (rows_.any()) cuda::sum_row_gradients(device, rows_.sorted(), samples);
    if (clip) {
      cuda::clear(device.stream, device_norm(), sizeof(double));
      for_each_range([&](Index begin, Index end, int) {
        cuda::add_squared_norm(device, gradients_.data() + begin, end - begin, device_norm());
      });
      if (rows_.any())
        cuda::add_squared_norm(device, rows_.tables(), tables, rows_.sorted(), device_norm());
      cuda::clip_scale(device, device_norm(), max_norm_, scale_.data());
    }
    for_each_range([&](Index begin, Index end, int group) {
      cuda::RangeUpdate u;
      u.formula = settings_.formula(static_cast<std::size_t>(group));
      u.scale = scale;
      u.parameters = parameters_.data() + begin;
      u.gradients = gradients_.data() + begin;
      u.count = end - begin;
      for (std::size_t s = 0; s < states_.size(); ++s)
        u.states[s] = states_[s].dense.data() + begin;
      settings_.kernels().update(device, u);
    });
    for (std::size_t group = 0; group < settings_.groups(); ++group) {
      if (!rows_.any() || !rows_.has_group(static_cast<int>(group))) continue;
      cuda::RowsUpdate u;
      u.formula = settings_.formula(group);
      u.scale = scale;
      u.tables = rows_.tables();
      u.table_count = tables;
      u.group = static_cast<int>(group);
      u.sorted = rows_.sorted();
      settings_.kernels().update_rows(device, u);
    }
  }

  /// Calls work(begin, end, group) for ranges of dense parameters that learn by the same rule.
  template <class Work>
  void for_each_range(Work work) const {
    const auto chunks = freeze_.chunks();
    for (std::size_t i = 0; i < chunks.size();) {
      std::size_t last = i;
      while (last + 1 < chunks.size() && chunks[last + 1].group == chunks[i].group &&
             chunks[last + 1].begin == chunks[last].end)
        ++last;
      if (!chunks[i].is_frozen()) work(chunks[i].begin, chunks[last].end, chunks[i].group);
      i = last + 1;
    }
  }

  void clip(double max_norm) {
    if (max_norm == max_norm_) return;
    max_norm_ = max_norm;
    graphs_.clear();
  }

  /// Puts the copy of a batch on the stream.
  void begin(const Batch<float>& batch) {
    if (batch.size < 1 || batch.size > capacity()) {
      throw_error<ConfigError>(
          {"a batch has ", batch.size, " samples, expected 1 to ", capacity()});
    }
    if (batch_.reserve(batch)) {
      cuda::synchronize(stream_.get());
      rows_.describe(plan(), batch_, lookup_gradients_.data(), stream_.get());
      graphs_.clear();
    }
    batch_.copy(batch, stream_.get());
    samples_ = batch.size;
    weighted_ = batch.weights != nullptr;
  }

  void set(std::span<const double> weights, std::uint64_t key, const UpdateStep& step) {
    if (!settings_.made()) prepare(Adam{}, {});
    settings_.copy(weights, key, step, stream_.get());
  }

  void launch(Work work) {
    cuda::GraphPtr& graph = graphs_[{samples_, weighted_, work}];
    if (!graph) graph = record(work);
    cuda::launch(graph.get(), stream_.get());
  }

  [[nodiscard]] ESPALIER_COLD cuda::GraphPtr record(Work work) {
    const Batch<float> batch = batch_.of(samples_, weighted_);
    cuda::begin_capture(stream_.get());
    try {
      submit(work, batch);
    } catch (...) {
      static_cast<void>(cuda::GraphPtr(cuda::end_capture(stream_.get())));
      throw;
    }
    return cuda::GraphPtr(cuda::end_capture(stream_.get()));
  }

  void submit(Work work, const Batch<float>& batch) {
    const bool training = work != Work::predict && work != Work::evaluate;
    const C c = context(batch, training);
    const auto run = [&](std::span<const Step<float, Cuda>> steps) {
      for (const auto& step : steps) step.run_on(c);
    };
    const std::span<const Step<float, Cuda>> steps = (training ? train_ : predict_).steps;
    const auto losses = static_cast<std::size_t>(
        std::find_if(steps.begin(), steps.end(),
                     [](const auto& step) { return step.phase == Phase::loss; }) -
        steps.begin());
    if (work != Work::backward_and_update) run(steps.first(losses));
    if (work == Work::losses) run(steps.subspan(losses, 1));
    if (work == Work::evaluate) run(steps.subspan(losses));
    if (training && work != Work::losses) {
      cuda::clear(c.device.stream, gradients_.data(), gradients_.size() * sizeof(float));
      run(steps.subspan(losses));
      if (work != Work::gradient) update(c.device, batch.size);
    }
    if (work != Work::predict) {
      cuda::copy_to_host(c.device.stream, read_.data(), sums_.data(),
                         sums_.size() * sizeof(double));
    }
  }

  /// Calls visit(memory, buffer) for each state's dense values and tables, here and in `state`.
  template <class HostState, class Visit>
  void each_state(HostState& state, Visit visit) {
    for (std::size_t s = 0; s < states_.size(); ++s) {
      visit(states_[s].dense, state.dense[s]);
      for (std::size_t t = 0; t < states_[s].tables.size(); ++t)
        visit(states_[s].tables[t], state.tables[s][t]);
    }
  }

  CudaProgram program_;
  cuda::StreamPtr stream_;
  cuda::DeviceBatch batch_;
  Index samples_ = 0;      ///< of the last batch
  bool weighted_ = false;  ///< whether it has sample weights
  cuda::TouchedRows rows_;
  cuda::Memory<std::byte> workspace_;
  cuda::Memory<float> parameters_, gradients_, values_, value_gradients_, lookup_gradients_;
  cuda::Memory<float> predictions_, scale_;
  cuda::Memory<double> sums_;  ///< losses, totals of labels, of samples, and the squared norm
  cuda::Pinned<double> read_;  ///< the same after the last step
  std::size_t tasks_ = 0;
  std::vector<double> losses_;
  std::vector<float> deviations_;

  // The optimiser.
  cuda::StepSettings settings_;
  FreezeMask freeze_;
  std::vector<State> states_;
  double max_norm_ = 0;

  ExecutionSchedule<float, Cuda> train_, predict_;
  std::map<GraphKey, cuda::GraphPtr> graphs_;
};

}  // namespace espalier
