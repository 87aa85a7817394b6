// SPDX-License-Identifier: Apache-2.0
// `CudaTrainExecutor`: runs a plan's schedule on a GPU, a step as one launch of a recorded graph.
#pragma once

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/exec/cuda/device_batch.hpp"
#include "espalier/exec/freeze_mask.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/kernels/cuda/rows.hpp"
#include "espalier/ops/cuda/program.hpp"
#include "espalier/optim/adam.hpp"
#include "espalier/optim/cuda/update.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/optim/parameter_group.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Trains one model on one GPU, in fp32. The batch is one microbatch. Sums have a fixed order: the
/// same bits in every run on a device. Not on a GPU yet: operations that merge microbatches
/// (BatchNorm), auxiliary losses, moving averages of parameters.
class CudaTrainExecutor {
 public:
  using CudaProgram = Program<float, Cuda>;
  using C = Context<float, Cuda>;

  /// `vocabulary_rows`: rows of each vocabulary's tables. Throws ConfigError for an argument out of
  /// range, CudaError if there is no GPU or not enough memory.
  ESPALIER_COLD CudaTrainExecutor(const CudaProgram& program,
                                  const std::vector<Index>& vocabulary_rows, Index max_batch)
      : program_(program),
        layout_(program.plan, vocabulary_rows),
        stream_(cuda::make_stream()),
        batch_(program.plan, checked(max_batch)),
        rules_(group_rules(Adam{}, {})),
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
    parameters_ = cuda::Memory<float>(layout_.dense.size(), "parameters");
    gradients_ = cuda::Memory<float>(static_cast<std::size_t>(sizes.parameters), "gradients");
    values_ = cuda::Memory<float>(values, "activations");
    value_gradients_ = cuda::Memory<float>(values, "gradients of activations");
    lookup_gradients_ = cuda::Memory<float>(static_cast<std::size_t>(sizes.lookup_values) * samples,
                                            "gradients of lookups");
    for (const Buffer<float>& table : layout_.tables) {
      tables_.emplace_back(table.size(), "a table");
      table_pointers_.push_back(tables_.back().data());
    }
    tasks_ = plan().tasks.size();
    losses_.assign(tasks_, 0.0);
    deviations_.assign(tasks_, 1.0F);
    sums_ = cuda::Memory<double>(2 * tasks_ + 2, "sums of losses");
    read_ = cuda::Pinned<double>(2 * tasks_ + 2, "sums of losses");
    scale_ = cuda::Memory<float>(1, "the clipping factor");
    make_rows();
    make_schedules();
    prepare(Adam{}, {});
  }

  CudaTrainExecutor(const CudaTrainExecutor&) = delete;  // schedules refer to it
  CudaTrainExecutor& operator=(const CudaTrainExecutor&) = delete;

  [[nodiscard]] const PlanView& plan() const { return program_.plan; }
  [[nodiscard]] Index capacity() const { return batch_.capacity(); }

  /// Copies of all parameters. `parameters` must have the same plan and rows.
  ESPALIER_COLD void set_parameters(const Parameters<float>& parameters) {
    parameters_.set(stream_.get(), parameters.dense.data(), parameters.dense.size());
    for (std::size_t t = 0; t < tables_.size(); ++t)
      tables_[t].set(stream_.get(), parameters.tables[t].data(), parameters.tables[t].size());
  }
  ESPALIER_COLD void get_parameters(Parameters<float>& parameters) const {
    parameters_.get(stream_.get(), parameters.dense.data(), parameters.dense.size());
    for (std::size_t t = 0; t < tables_.size(); ++t)
      tables_[t].get(stream_.get(), parameters.tables[t].data(), parameters.tables[t].size());
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

  /// Sets the optimiser, and resets its state. `max_norm` > 0 clips the gradients' global norm.
  /// Throws ConfigError, also for an optimiser that espalier::cuda does not have.
  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups = {}, double max_norm = 0) {
    rules_ = group_rules(optimizer, groups);
    freeze_ = FreezeMask(plan(), freeze, groups);
    kernels_ = &cuda::rule_kernels(optimizer.name(), optimizer.states() == 0);
    max_norm_ = max_norm;
    const auto count = static_cast<std::size_t>(optimizer.states());
    states_.clear();
    for (std::size_t s = 0; s < count; ++s) {
      const auto initial = static_cast<float>(optimizer.initial_state(static_cast<int>(s)));
      states_.push_back(filled(gradients_.size(), initial));
      for (std::size_t t = 0; t < tables_.size(); ++t)
        states_.push_back(filled(tables_[t].size(), initial));
    }
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      cuda::TableRows& table = host_tables_[t];
      table.group = freeze_.table_group(static_cast<int>(t));
      for (std::size_t s = 0; s < count; ++s)
        table.states[s] = states_[s * (tables_.size() + 1) + t + 1].data();
    }
    if (!host_tables_.empty())
      device_tables_.set(stream_.get(), host_tables_.data(), host_tables_.size());
    hyper_.clear();
    for (const GroupRule& rule : rules_) {
      hyper_.emplace_back();
      for (const HyperParameter& h : rule.optimizer.hyper_parameters())
        hyper_.back().push_back(h.value);
    }
    settings_ = cuda::Memory<std::byte>(settings_bytes(), "settings of a step");
    for (SettingsSlot& slot : slots_) {
      slot = {cuda::Pinned<std::byte>(settings_bytes(), "settings of a step"),
              cuda::EventPtr(cuda::make_event())};
    }
    graphs_.clear();
  }

  /// One step: the forward pass, losses, the backward pass, and an update of the parameters.
  /// Returns before it has run. Each loss is a weighted mean over the task's labelled samples.
  void step(const Batch<float>& batch, std::span<const double> weights, std::uint64_t key,
            const UpdateStep& step) {
    run(batch, weights, key, step, Kind::step);
  }
  /// The same without the update: the gradients stay, see get_gradient().
  void forward_backward(const Batch<float>& batch, std::span<const double> weights,
                        std::uint64_t key) {
    run(batch, weights, key, {}, Kind::gradient);
  }

  /// Waits for the last step, and returns its losses: NaN for a task without labels in its batch.
  std::span<const double> losses() {
    cuda::synchronize(stream_.get());
    for (std::size_t k = 0; k < tasks_; ++k) {
      const double total = read_[tasks_ + k];
      losses_[k] = total > 0 ? read_[k] / total : std::nan("");
    }
    return losses_;
  }
  /// The norm of the last step's gradients before clipping; 0 without clipping. After losses().
  [[nodiscard]] double norm() const { return max_norm_ > 0 ? std::sqrt(read_[2 * tasks_ + 1]) : 0; }

  /// Inference: out[k] receives outputs × size predictions of task k, sample by sample.
  void predict(const Batch<float>& batch, std::span<float* const> out) {
    std::size_t values = 0;
    for (const TaskInfo& task : plan().tasks) values += static_cast<std::size_t>(task.outputs);
    if (predictions_.size() < values * static_cast<std::size_t>(capacity())) {
      predictions_ =
          cuda::Memory<float>(values * static_cast<std::size_t>(capacity()), "predictions");
      graphs_.clear();
    }
    run(batch, {}, 0, {}, Kind::predict);
    std::size_t at = 0;
    for (std::size_t k = 0; k < tasks_; ++k) {
      const auto count = static_cast<std::size_t>(plan().tasks[k].outputs * batch.size);
      cuda::copy_to_host(stream_.get(), out[k], predictions_.data() + at, count * sizeof(float));
      at += count;
    }
    cuda::synchronize(stream_.get());
  }

  /// Number of nodes of the graph of a step for batches of that size, once one has run; else 0.
  [[nodiscard]] std::size_t graph_nodes(Index samples, bool weighted = false) const {
    const auto found = graphs_.find({samples, weighted, Kind::step});
    return found == graphs_.end() ? 0 : cuda::nodes(found->second.get());
  }

 private:
  enum class Kind : std::uint8_t { step, gradient, predict };
  struct GraphKey {
    Index samples;
    bool weighted;
    Kind kind;
    friend auto operator<=>(const GraphKey&, const GraphKey&) = default;
  };
  /// What differs from step to step, in device memory: the key, the tasks' weights, the formulas.
  struct SettingsSlot {
    cuda::Pinned<std::byte> bytes;
    cuda::EventPtr copied;
  };

  [[nodiscard]] static Index checked(Index max_batch) {
    if (max_batch < 1)
      throw ConfigError("batch_size is " + std::to_string(max_batch) + ", expected 1 or more");
    return max_batch;
  }

  [[nodiscard]] std::size_t formulas_at() const { return (8 + 8 * tasks_ + 15) / 16 * 16; }
  [[nodiscard]] std::size_t settings_bytes() const {
    return formulas_at() + sizeof(cuda::FormulaBytes) * rules_.size();
  }
  [[nodiscard]] const std::uint64_t* device_key() const {
    return reinterpret_cast<const std::uint64_t*>(settings_.data());
  }
  [[nodiscard]] const double* device_weights() const {
    return reinterpret_cast<const double*>(settings_.data() + 8);
  }
  [[nodiscard]] const cuda::FormulaBytes* device_formulas() const {
    return reinterpret_cast<const cuda::FormulaBytes*>(settings_.data() + formulas_at());
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

  /// Describes tables and lookups for sum_row_gradients().
  ESPALIER_COLD void make_rows() {
    std::int32_t rows = 0;
    for (std::size_t t = 0; t < tables_.size(); ++t) {
      cuda::TableRows table;
      table.values = tables_[t].data();
      table.first_row = rows;
      table.rows = static_cast<std::int32_t>(layout_.table_rows[t]);
      table.width = plan().tables[t].width;
      sorted_.width = (std::max)(sorted_.width, table.width);
      host_tables_.push_back(table);
      if (layout_.table_rows[t] > std::numeric_limits<std::int32_t>::max() - rows)
        throw ConfigError("the tables have more than 2³¹ rows in all, which a GPU cannot number");
      rows += table.rows;
    }
    sorted_.all_rows = rows;
    device_tables_ = cuda::Memory<cuda::TableRows>(host_tables_.size(), "a list of tables");
    describe_lookups();
  }

  /// Also called when a batch has more values than there was room for.
  ESPALIER_COLD void describe_lookups() {
    std::vector<cuda::LookupRows> lookups;
    const Batch<float> batch = batch_.of(capacity(), false);
    sorted_.entries = 0;
    for (const Node& node : plan().nodes) {
      if (node.lookup < 0) continue;
      const auto field = static_cast<std::size_t>(node.field);
      const cuda::TableRows& table = host_tables_[static_cast<std::size_t>(node.table)];
      cuda::LookupRows lookup;
      lookup.ids = batch.ids[field].ids;
      lookup.offsets = batch.ids[field].offsets;
      lookup.gradient = lookup_gradients_.data() + node.lookup_base * capacity();
      lookup.first_entry = sorted_.entries;
      lookup.entries = batch_.room(field);
      lookup.first_row = table.first_row;
      lookup.width = table.width;
      lookup.mean = node.pool == Pool::mean;
      sorted_.entries += lookup.entries;
      lookups.push_back(lookup);
    }
    if (lookups.empty()) return;
    const auto n = static_cast<std::size_t>(sorted_.entries);
    const auto width = static_cast<std::size_t>(sorted_.width);
    lookups_ = cuda::Memory<cuda::LookupRows>(lookups.size(), "a list of lookups");
    lookups_.set(stream_.get(), lookups.data(), lookups.size());
    for (cuda::Memory<std::uint32_t>& memory : sort_)
      memory = cuda::Memory<std::uint32_t>(n, "touched rows");
    counts_ = cuda::Memory<std::uint32_t>(
        static_cast<std::size_t>(cuda::sort_counts(sorted_.entries)), "touched rows");
    row_sums_ = cuda::Memory<float>(n * width, "gradients of touched rows");
    carries_ = cuda::Memory<float>(
        static_cast<std::size_t>(cuda::chunks_of(sorted_.entries)) * width, "touched rows");
    sorted_.lookups = lookups_.data();
    sorted_.lookup_count = static_cast<int>(lookups.size());
    sorted_.rows = sort_[0].data();
    sorted_.order = sort_[1].data();
    sorted_.spare_rows = sort_[2].data();
    sorted_.spare_order = sort_[3].data();
    sorted_.counts = counts_.data();
    sorted_.sums = row_sums_.data();
    sorted_.carries = carries_.data();
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
  }

  void all_losses(const C& c) {
    for (std::size_t k = 0; k < tasks_; ++k) {
      const TaskInfo& task = plan().tasks[k];
      cuda::LossArguments a;
      a.z = as_const(c.value(task.logits));
      a.labels = c.batch->labels.column(static_cast<Index>(k));
      a.weights = c.batch->weights;
      a.weight = device_weights() + k;
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
    c.key = {device_key(), 0};
    c.storage = {parameters_.data(), table_pointers_.data()};
    c.parameter_gradients = gradients_.data();
    c.values = values_.data();
    c.gradients = value_gradients_.data();
    c.lookup_gradients = lookup_gradients_.data();
    c.batch_capacity = capacity();
    return c;
  }

  /// Puts the update on the stream.
  void update(Cuda device) {
    const bool clip = max_norm_ > 0, rows = sorted_.lookup_count > 0;
    const int tables = static_cast<int>(host_tables_.size());
    if (rows) cuda::sum_row_gradients(device, sorted_, current_samples_);
    if (clip) {
      cuda::clear(device.stream, device_norm(), sizeof(double));
      for_each_range([&](Index begin, Index end, int) {
        cuda::add_squared_norm(device, gradients_.data() + begin, end - begin, device_norm());
      });
      if (rows)
        cuda::add_squared_norm(device, device_tables_.data(), tables, sorted_, device_norm());
      cuda::clip_scale(device, device_norm(), max_norm_, scale_.data());
    }
    for_each_range([&](Index begin, Index end, int group) {
      cuda::RangeUpdate u;
      u.formula = device_formulas() + group;
      u.scale = clip ? scale_.data() : nullptr;
      u.parameters = parameters_.data() + begin;
      u.gradients = gradients_.data() + begin;
      u.count = end - begin;
      for (std::size_t s = 0; s * (tables_.size() + 1) < states_.size(); ++s)
        u.states[s] = states_[s * (tables_.size() + 1)].data() + begin;
      kernels_->update(device, u);
    });
    for (std::size_t group = 0; rows && group < rules_.size(); ++group) {
      const bool used =
          std::any_of(host_tables_.begin(), host_tables_.end(),
                      [&](const auto& table) { return table.group == static_cast<int>(group); });
      if (!used) continue;
      cuda::RowsUpdate u;
      u.formula = device_formulas() + group;
      u.scale = clip ? scale_.data() : nullptr;
      u.tables = device_tables_.data();
      u.table_count = tables;
      u.group = static_cast<int>(group);
      u.sorted = sorted_;
      kernels_->update_rows(device, u);
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

  void run(const Batch<float>& batch, std::span<const double> weights, std::uint64_t key,
           const UpdateStep& step, Kind kind) {
    if (batch.size < 1 || batch.size > capacity()) {
      throw_error<ConfigError>(
          {"a batch has ", batch.size, " samples, expected 1 to ", capacity()});
    }
    if (batch_.reserve(batch)) {
      cuda::synchronize(stream_.get());
      describe_lookups();
      graphs_.clear();
    }
    batch_.copy(batch, stream_.get());
    if (kind != Kind::predict) copy_settings(weights, key, step);
    cuda::GraphPtr& graph = graphs_[{batch.size, batch.weights != nullptr, kind}];
    if (!graph) graph = record(batch_.of(batch.size, batch.weights != nullptr), kind);
    cuda::launch(graph.get(), stream_.get());
  }

  void copy_settings(std::span<const double> weights, std::uint64_t key, const UpdateStep& step) {
    SettingsSlot& slot = slots_[next_slot_];
    next_slot_ = 1 - next_slot_;
    cuda::wait(slot.copied.get());
    std::byte* const bytes = slot.bytes.data();
    std::memcpy(bytes, &key, sizeof key);
    std::memcpy(bytes + 8, weights.data(), 8 * tasks_);
    for (std::size_t group = 0; group < rules_.size(); ++group) {
      UpdateStep of_group = step;
      of_group.rate *= rules_[group].rate;
      cuda::FormulaBytes formula{};
      kernels_->write(hyper_[group], of_group, formula);
      std::memcpy(bytes + formulas_at() + group * sizeof formula, &formula, sizeof formula);
    }
    cuda::copy_to_device(stream_.get(), settings_.data(), bytes, settings_bytes());
    cuda::record(slot.copied.get(), stream_.get());
  }

  [[nodiscard]] ESPALIER_COLD cuda::GraphPtr record(const Batch<float>& batch, Kind kind) {
    current_samples_ = batch.size;
    const C c = context(batch, kind != Kind::predict);
    const auto& schedule = kind == Kind::predict ? predict_ : train_;
    cuda::begin_capture(stream_.get());
    try {
      if (kind != Kind::predict)
        cuda::clear(c.device.stream, gradients_.data(), gradients_.size() * sizeof(float));
      for (const auto& step : schedule.steps) step.run_on(c);
      if (kind == Kind::step) update(c.device);
      if (kind != Kind::predict) {
        cuda::copy_to_host(c.device.stream, read_.data(), sums_.data(),
                           sums_.size() * sizeof(double));
      }
    } catch (...) {
      static_cast<void>(cuda::GraphPtr(cuda::end_capture(stream_.get())));
      throw;
    }
    return cuda::GraphPtr(cuda::end_capture(stream_.get()));
  }

  CudaProgram program_;
  Parameters<float> layout_;  ///< sizes; its values are not used
  cuda::StreamPtr stream_;
  cuda::DeviceBatch batch_;
  cuda::Memory<std::byte> workspace_;
  cuda::Memory<float> parameters_, gradients_, values_, value_gradients_, lookup_gradients_;
  cuda::Memory<float> predictions_, scale_;
  std::vector<cuda::Memory<float>> tables_;
  std::vector<const float*> table_pointers_;
  cuda::Memory<double> sums_;  ///< losses, totals of labels, of samples, and the squared norm
  cuda::Pinned<double> read_;  ///< the same after the last step
  std::size_t tasks_ = 0;
  std::vector<double> losses_;
  std::vector<float> deviations_;

  // Rows of tables.
  std::vector<cuda::TableRows> host_tables_;
  cuda::Memory<cuda::TableRows> device_tables_;
  cuda::Memory<cuda::LookupRows> lookups_;
  cuda::Memory<std::uint32_t> sort_[4], counts_;
  cuda::Memory<float> row_sums_, carries_;
  cuda::SortedRows sorted_;
  Index current_samples_ = 0;  ///< of the graph that is recorded

  // The optimiser.
  std::vector<GroupRule> rules_;
  std::vector<std::vector<double>> hyper_;  ///< hyper-parameters of each rule
  FreezeMask freeze_;
  const cuda::RuleKernels* kernels_ = nullptr;
  std::vector<cuda::Memory<float>> states_;  ///< state by state: dense, then each table
  double max_norm_ = 0;
  cuda::Memory<std::byte> settings_;
  SettingsSlot slots_[2];
  int next_slot_ = 0;

  ExecutionSchedule<float, Cuda> train_, predict_;
  std::map<GraphKey, cuda::GraphPtr> graphs_;
};

}  // namespace espalier
