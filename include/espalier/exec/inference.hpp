// SPDX-License-Identifier: Apache-2.0
// `InferenceExecutor<T>`: runs a forward schedule, in as little memory as block lifetimes allow.
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
#include "espalier/exec/sequence_limits.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/passes/bf16_weights.hpp"
#include "espalier/passes/memory_reuse.hpp"
#include "espalier/passes/packed_weights.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Runs a plan forward on the CPU. Immutable; any number of threads may run it, each with its own
/// workspace. `T` is float or double. Holds no gradients and no optimiser state. The parameters
/// must outlive it and must not change. Passes: packed_weights, or bf16 if parameters are stored as
/// bf16; memory_reuse.
template <class T>
class InferenceExecutor {
 public:
  using C = Context<T, Cpu>;
  static constexpr Index microbatch = 64;  ///< samples that run through the plan together

  struct Workspace {
    Buffer<T> values;
    Index capacity = 0;
  };

  /// `without`: names of passes to leave out. Throws ConfigError for an unknown name.
  InferenceExecutor(const Program<T, Cpu>& program, const Parameters<T>& parameters,
                    std::span<const std::string_view> without = {})
      : program_(program), schedule_(forward_schedule(program, false)), limits_(program.plan) {
    require_passes(without, {PackedWeights<T>::name, MemoryReuse<T>::name});
    storage_.parameters = parameters.dense.data();
    for (const Buffer<T>& table : parameters.tables) tables_.push_back(table.data());
    storage_.tables = tables_.data();
    const std::string_view no_packed = why_left_out(PackedWeights<T>::name, without);
    if (no_packed.empty())
      packed_ = PackedWeights<T>(program.plan, program.traits, parameters.dense.data(),
                                 parameters.dense.size());
    apply_pass(schedule_, no_packed, packed_, storage_);
    apply_pass(schedule_, why_left_out(MemoryReuse<T>::name, without), memory_);
  }

  // Parameters must outlive the executor.
  InferenceExecutor(const Program<T, Cpu>&, const Parameters<T>&&,
                    std::span<const std::string_view> = {}) = delete;

  /// With parameters of half the size. Throws ConfigError for an unknown name or a precision that
  /// is not bf16.
  InferenceExecutor(
      const Program<T, Cpu>& program, const Bf16Parameters& parameters, Precision precision,
      std::span<const std::string_view> without = {}) requires std::is_same_v<T, float>
      : program_(program),
        schedule_(forward_schedule(program, false)),
        limits_(program.plan),
        device_(precision.device()) {
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

  InferenceExecutor(const Program<T, Cpu>&, const Bf16Parameters&&, Precision,
                    std::span<const std::string_view> = {}) = delete;
  InferenceExecutor(const InferenceExecutor&) = delete;  // the schedule refers to it
  InferenceExecutor& operator=(const InferenceExecutor&) = delete;

  [[nodiscard]] const PlanView& plan() const { return program_.plan; }
  /// Schedule of each microbatch.
  [[nodiscard]] const ExecutionSchedule<T>& schedule() const { return schedule_; }
  [[nodiscard]] Index values_per_sample() const { return schedule_.values; }
  /// Bytes of packed copies of weight matrices.
  [[nodiscard]] std::size_t packed_bytes() const { return packed_.bytes(); }

  /// Workspace for min(samples, `microbatch`) samples at a time; batches of any size run in it.
  [[nodiscard]] Workspace make_workspace(Index samples = microbatch) const {
    const Index capacity = (std::max)((std::min)(samples, microbatch), Index{1});
    return {Buffer<T>(static_cast<std::size_t>(schedule_.values * capacity)), capacity};
  }

  /// out[k] receives outputs × size values of task k: probabilities, means, … Does not allocate.
  void run(const Batch<T>& batch, Workspace& workspace, std::span<T* const> out) const {
    each_microbatch(batch, workspace,
                    [&](const C& c) { write_predictions(program_, schedule_, c, out); });
  }

  /// Calls visit(context) after each microbatch. Its logits are valid, and all activations if
  /// memory_reuse is left out.
  template <class Visit>
  void each_microbatch(const Batch<T>& batch, Workspace& workspace, Visit&& visit) const {
    if (workspace.capacity < 1)
      throw ConfigError("the workspace is empty, expected one of make_workspace()");
    limits_.check(batch);
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
  SequenceLimits limits_;
  PackedWeights<T> packed_;
  Bf16Weights<T> bf16_;
  MemoryReuse<T> memory_;
  Cpu device_;
  Storage<T, Cpu> storage_;
  std::vector<const T*> tables_;
  std::vector<const BFloat16*> bf16_tables_;
};

#if defined(ESPALIER_INSTANTIATION)
#define ESPALIER_INFERENCE_EXECUTOR(T) ESPALIER_INSTANTIATION class InferenceExecutor<T>;
ESPALIER_INSTANTIATE(ESPALIER_INFERENCE_EXECUTOR)
#undef ESPALIER_INFERENCE_EXECUTOR
#endif

}  // namespace espalier
