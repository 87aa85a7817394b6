// SPDX-License-Identifier: Apache-2.0
// `ExecutionSchedule<T>`: the steps that are run for a batch. Made from a plan and changed by
// passes, before the first batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/program.hpp"

namespace espalier {

enum class Phase : std::uint8_t { forward, loss, backward, update };

/// Arguments of a step over the whole batch.
template <class T>
struct WholeBatch {
  const Batch<T>* batch = nullptr;
  const T* parameters = nullptr;
  const T* const* tables = nullptr;
  T* gradient = nullptr;  ///< of the dense parameters; the first accumulator
};

/// One step. Each microbatch runs all consecutive microbatch steps while its activations are in the
/// cache. Steps of other scopes wait for all microbatches.
template <class T, class Device = Cpu>
struct Step {
  using C = Context<T, Device>;
  enum class Scope : std::uint8_t {
    microbatch,  ///< once per microbatch: `operation` or `run`
    pieces,      ///< `pieces` times, on any thread: `piece`
    merge,       ///< once, over the scratch of all microbatches: `merge`
    once,        ///< once: `once`
  };

  Scope scope = Scope::microbatch;
  Phase phase = Phase::forward;
  std::string_view name;       ///< of the operation, or a description
  std::string_view pass;       ///< pass that added or changed the step; empty if none
  Index place = -1;            ///< index of the node in the plan; −1 if none
  const Node* node = nullptr;  ///< the node to run; owned by the plan or a pass

  void (*operation)(const Node&, const C&) = nullptr;
  void (*run)(void* state, Index item, const C&) = nullptr;
  void (*piece)(void* state, Index item, Index piece, int worker, const WholeBatch<T>&) = nullptr;
  typename OperationFunctions<T, Device>::Merge merge = nullptr;
  void (*once)(void* state, Index item) = nullptr;
  void* state = nullptr;
  Index item = 0;
  Index pieces = 0;
  /// The step is skipped if not null and false. For microbatch and merge steps.
  const bool* when = nullptr;

  // Costs, for reports: see Cost.
  double flops_of_sample = 0;  ///< per sample of the batch
  double flops_of_batch = 0;   ///< in addition, once per batch
  double bytes_of_sample = 0;  ///< per sample: activations read and written by forward, as floats

  [[nodiscard]] bool is_on() const { return when == nullptr || *when; }

  /// Runs a microbatch step.
  void run_on(const C& c) const {
    if (!is_on()) return;
    if (operation != nullptr) {
      operation(*node, c);
    } else {
      run(state, item, c);
    }
  }
};

/// Whether a pass changed a schedule, and why.
struct PassNote {
  std::string_view pass;
  bool fired = false;
  std::string why;
};

template <class T, class Device = Cpu>
struct ExecutionSchedule {
  using Scope = typename Step<T, Device>::Scope;

  std::vector<Step<T, Device>> steps;
  /// Each microbatch needs its own workspace: there is a barrier between microbatch steps, or a
  /// following schedule reads the activations.
  bool waits = false;
  std::vector<Block> outputs;             ///< one per task: what predictions are computed from
  Index values = 0;                       ///< activations per sample
  std::vector<Extent> summed_parameters;  ///< their gradients are in the first accumulator only
  std::vector<bool> summed_tables;        ///< per table: a pass sums its gradients; empty if none
  /// Set by that pass: writes those of a table's rows part, part + parts, … that the batch touched
  /// to `rows`, and the sums of their gradients to `sums`.
  void (*collect)(const void* state, int table, int part, int parts,
                  std::vector<std::int32_t>& rows, T* sums) = nullptr;
  const void* collect_state = nullptr;
  std::vector<PassNote> notes;

  [[nodiscard]] bool has_summed_table(int table) const {
    return !summed_tables.empty() && summed_tables[static_cast<std::size_t>(table)];
  }
  /// Whether the gradients of these dense parameters are in the first accumulator only.
  [[nodiscard]] bool has_summed(Index begin, Index end) const {
    return std::any_of(summed_parameters.begin(), summed_parameters.end(), [&](const Extent& e) {
      return begin >= e.offset && end <= e.offset + e.size;
    });
  }
};

/// Whether there is a barrier between two microbatch steps.
template <class T, class Device>
[[nodiscard]] ESPALIER_COLD bool microbatches_wait(const std::vector<Step<T, Device>>& steps) {
  const auto is_microbatch = [](const auto& step) {
    return step.scope == Step<T, Device>::Scope::microbatch;
  };
  const auto first = std::find_if(steps.begin(), steps.end(), is_microbatch);
  const auto gap = std::find_if_not(first, steps.end(), is_microbatch);
  return std::find_if(gap, steps.end(), is_microbatch) != steps.end();
}

/// Adds a step for a node of the plan or of a pass. In training, if the operation needs the whole
/// batch, adds a merge step after it.
template <class T, class Device>
ESPALIER_COLD void add_node(ExecutionSchedule<T, Device>& schedule,
                            const Program<T, Device>& program, std::size_t place, const Node& node,
                            Phase phase, bool training = true) {
  const auto& functions = program.operations[place];
  const bool forward = phase == Phase::forward;
  const Cost cost = functions.cost(node);
  Step<T, Device> step;
  step.phase = phase;
  step.name = functions.name;
  step.place = static_cast<Index>(place);
  step.node = &node;
  step.operation = forward ? functions.forward : functions.backward;
  step.flops_of_sample = forward ? cost.forward_flops : cost.backward_flops;
  step.bytes_of_sample = forward ? cost.bytes : 0;
  schedule.steps.push_back(step);
  step.merge = forward ? functions.merge_forward : functions.merge_backward;
  if (step.merge == nullptr || !training) return;
  step.operation = nullptr;
  step.flops_of_sample = step.bytes_of_sample = 0;
  step.scope = Step<T, Device>::Scope::merge;
  schedule.steps.push_back(step);
}

/// The forward pass of a plan's nodes; if `training`, with merge steps (see add_node()).
template <class T, class Device>
[[nodiscard]] ESPALIER_COLD ExecutionSchedule<T, Device> forward_schedule(
    const Program<T, Device>& program, bool training) {
  ExecutionSchedule<T, Device> schedule;
  for (std::size_t i = 0; i < program.plan.nodes.size(); ++i)
    add_node(schedule, program, i, program.plan.nodes[i], Phase::forward, training);
  for (const TaskInfo& task : program.plan.tasks) schedule.outputs.push_back(task.output);
  schedule.values = program.plan.sizes.values;
  return schedule;
}

/// `start`, the forward pass of a plan's nodes, `losses`, and the backward pass.
template <class T, class Device>
[[nodiscard]] ESPALIER_COLD ExecutionSchedule<T, Device> training_schedule(
    const Program<T, Device>& program, const Step<T, Device>& start,
    const std::vector<Step<T, Device>>& losses) {
  ExecutionSchedule<T, Device> schedule = forward_schedule(program, true);
  schedule.steps.insert(schedule.steps.begin(), start);
  schedule.steps.insert(schedule.steps.end(), losses.begin(), losses.end());
  for (std::size_t i = program.plan.nodes.size(); i-- > 0;)
    add_node(schedule, program, i, program.plan.nodes[i], Phase::backward);
  schedule.waits = microbatches_wait(schedule.steps);
  return schedule;
}

/// Writes the predictions of a microbatch after its forward pass: out[k] receives outputs × size
/// values of task k.
template <class T, class Device>
void write_predictions(const Program<T, Device>& program,
                       const ExecutionSchedule<T, Device>& schedule, const Context<T, Device>& c,
                       std::span<T* const> out) {
  for (std::size_t k = 0; k < schedule.outputs.size(); ++k) {
    const int outputs = program.plan.tasks[k].outputs;
    program.losses[k].predict(as_const(c.value(schedule.outputs[k])),
                              {out[k] + c.first * outputs, outputs, c.count, outputs});
  }
}

/// Returns why a pass is left out; empty if its name is not in `without`.
template <class Names>
[[nodiscard]] ESPALIER_COLD std::string_view why_left_out(std::string_view pass,
                                                          const Names& without) {
  return std::find(without.begin(), without.end(), pass) != without.end() ? "left out" : "";
}
/// Applies a pass if `why_not` is empty, else records `why_not` in the notes.
template <class T, class Device, class Pass, class... Args>
ESPALIER_COLD void apply_pass(ExecutionSchedule<T, Device>& schedule, std::string_view why_not,
                              Pass& pass, Args&&... args) {
  if (why_not.empty()) return pass.apply(schedule, args...);
  schedule.notes.push_back({Pass::name, false, std::string(why_not)});
}
/// For a pass that changes nodes: copies the nodes of all steps to `nodes` and makes the steps
/// refer to the copies. Every step must have a node.
template <class T, class Device>
ESPALIER_COLD void copy_nodes(ExecutionSchedule<T, Device>& schedule, std::vector<Node>& nodes) {
  nodes.clear();
  nodes.reserve(schedule.steps.size());
  for (auto& step : schedule.steps) {
    nodes.push_back(*step.node);
    step.node = &nodes.back();
  }
}
/// Throws ConfigError if a name in `without` is not in `passes`.
void require_passes(std::span<const std::string_view> without,
                    std::initializer_list<std::string_view> passes);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/passes/schedule_definitions.hpp"
#endif
