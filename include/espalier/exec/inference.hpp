// SPDX-License-Identifier: Apache-2.0
// `InferenceExecutor<T>`: runs a forward schedule, with a workspace as small as lifetimes allow.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/bf16_parameters.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/ops/program.hpp"
#include "espalier/passes/memory_reuse.hpp"
#include "espalier/passes/bf16_weights.hpp"
#include "espalier/passes/packed_weights.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Runs a plan forward on the CPU. Immutable; any number of threads may run it, each with a workspace of its own.
/// `T` float or double. Holds no gradients and no optimiser state; the parameters must outlive it, and stay as they are.
/// Passes: packed_weights or, with parameters kept as bf16, bf16; memory_reuse.
template <class T>
class InferenceExecutor {
 public:
  using C = Context<T, Cpu>;
  static constexpr Index microbatch = 64;  ///< samples that run through the plan together

  struct Workspace {
    Buffer<T> values;
    Index capacity = 0;
  };

  /// `without`: names of passes that are left out. Throws ConfigError for one that there is not.
  InferenceExecutor(const Program<T, Cpu>& program, const Parameters<T>& parameters, std::span<const std::string_view> without = {})
      : program_(program), schedule_(forward_schedule(program, false)) {
    require_passes(without, {PackedWeights<T>::name, MemoryReuse<T>::name});
    storage_.parameters = parameters.dense.data();
    for (const Buffer<T>& table : parameters.tables) tables_.push_back(table.data());
    storage_.tables = tables_.data();
    const std::string_view no_packed = why_left_out(PackedWeights<T>::name, without);
    if (no_packed.empty()) packed_ = PackedWeights<T>(program.plan, program.traits, parameters.dense.data(), parameters.dense.size());
    apply_pass(schedule_, no_packed, packed_, storage_);
    apply_pass(schedule_, why_left_out(MemoryReuse<T>::name, without), memory_);
  }

  InferenceExecutor(const Program<T, Cpu>&, const Parameters<T>&&, std::span<const std::string_view> = {}) = delete;  // they must outlive it

  /// With parameters in half the bytes. Throws ConfigError for a precision that cannot read them.
  InferenceExecutor(const Program<T, Cpu>& program, const Bf16Parameters& parameters, Precision precision,
                    std::span<const std::string_view> without = {}) requires std::is_same_v<T, float>
      : program_(program), schedule_(forward_schedule(program, false)), device_(precision.device()) {
    if (!precision.reduced())
      throw ConfigError("bf16 parameters are read in Precision::Bf16, not in fp32");
    require_passes(without, {MemoryReuse<T>::name});
    storage_.parameters = parameters.rest.data();
    storage_.bf16_matrices = parameters.matrices.data();
    for (const Buffer<BFloat16>& table : parameters.tables) bf16_tables_.push_back(table.data());
    storage_.bf16_tables = bf16_tables_.empty() ? nullptr : bf16_tables_.data();
    bf16_.apply(schedule_, program.traits, parameters.layout);
    apply_pass(schedule_, why_left_out(MemoryReuse<T>::name, without), memory_);
  }

  InferenceExecutor(const Program<T, Cpu>&, const Bf16Parameters&&, Precision, std::span<const std::string_view> = {}) = delete;
  InferenceExecutor(const InferenceExecutor&) = delete;  // the schedule refers to it
  InferenceExecutor& operator=(const InferenceExecutor&) = delete;

  [[nodiscard]] const PlanView& plan() const { return program_.plan; }
  /// What is run for each microbatch.
  [[nodiscard]] const ExecutionSchedule<T>& schedule() const { return schedule_; }
  [[nodiscard]] Index values_per_sample() const { return schedule_.values; }
  /// What it keeps beside the parameters.
  [[nodiscard]] std::size_t packed_bytes() const { return packed_.bytes(); }

  /// Room for batches of up to `samples`; larger ones run too, in microbatches.
  [[nodiscard]] Workspace make_workspace(Index samples = microbatch) const {
    const Index capacity = (std::max)((std::min)(samples, microbatch), Index{1});
    return {Buffer<T>(static_cast<std::size_t>(schedule_.values * capacity)), capacity};
  }

  /// out[k] receives outputs × size values of task k: probabilities, means, … Nothing allocates.
  void run(const Batch<T>& batch, Workspace& workspace, std::span<T* const> out) const {
    each_microbatch(batch, workspace, [&](const C& c) { write_predictions(program_, schedule_, c, out); });
  }

  /// Calls visit(context) when a microbatch's activations are there: all of them where memory_reuse is left out, else the logits.
  template <class Visit>
  void each_microbatch(const Batch<T>& batch, Workspace& workspace, Visit&& visit) const {
    C c;
    c.device = device_;
    c.batch = &batch;
    c.capacity = workspace.capacity;
    c.storage = storage_;
    c.values = workspace.values.data();
    for (c.first = 0; c.first < batch.size; c.first += c.capacity) {
      c.count = (std::min)(c.capacity, batch.size - c.first);
      for (const Step<T>& step : schedule_.steps) step.run_on(c);
      visit(std::as_const(c));
    }
  }

 private:
  Program<T, Cpu> program_;
  ExecutionSchedule<T> schedule_;
  PackedWeights<T> packed_;
  Bf16Weights<T> bf16_;
  MemoryReuse<T> memory_;
  Cpu device_;
  Storage<T, Cpu> storage_;
  std::vector<const T*> tables_;
  std::vector<const BFloat16*> bf16_tables_;
};

#if defined(ESPALIER_INSTANTIATION)
ESPALIER_INSTANTIATION class InferenceExecutor<float>;
#endif

}  // namespace espalier
