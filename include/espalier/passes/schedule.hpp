// SPDX-License-Identifier: Apache-2.0
// `ExecutionSchedule<T>`: what is run for a batch, step by step. It is made of a plan, and changed by passes, before the first batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/program.hpp"

namespace espalier {

enum class Phase : std::uint8_t { forward, loss, backward };

/// What a step over the whole batch works on.
template <class T>
struct WholeBatch {
  const Batch<T>* batch = nullptr;
  const T* parameters = nullptr;
  const T* const* tables = nullptr;
  T* gradient = nullptr;  ///< of the dense parameters: the first lane
};

/// One step. A slice of the batch runs all slice steps that follow each other while its activations are in the cache; the other
/// scopes wait for all slices.
template <class T, class Device = cpu::Device>
struct Step {
  using C = Context<T, Device>;
  enum class Scope : std::uint8_t {
    slice,   ///< once a slice: `operation`, or `run`
    pieces,  ///< `pieces` times, by any thread: `piece`
    merge,   ///< once, over what the slices gathered: `merge`
    once,    ///< once: `once`
  };

  Scope scope = Scope::slice;
  Phase phase = Phase::forward;
  std::string_view name;        ///< of the operation, or what is done
  std::string_view pass;        ///< which pass made it so; empty: none
  Index place = -1;             ///< of the node within the plan
  const Node* node = nullptr;   ///< as it runs; lives as long as the plan, or the pass

  void (*operation)(const Node&, const C&) = nullptr;
  void (*run)(void* state, Index item, const C&) = nullptr;
  void (*piece)(void* state, Index item, Index piece, int worker, const WholeBatch<T>&) = nullptr;
  typename OperationFunctions<T, Device>::Merge merge = nullptr;
  void (*once)(void* state) = nullptr;
  void* state = nullptr;
  Index item = 0;
  Index pieces = 0;

  // What it costs, for who reads a schedule: see Cost.
  double flops_of_sample = 0;  ///< for each sample of the batch
  double flops_of_batch = 0;   ///< and besides
  double bytes_of_sample = 0;  ///< activations that forward reads and writes, as floats
};

/// What became of a pass.
struct PassNote {
  std::string_view pass;
  bool fired = false;
  std::string why;
};

template <class T, class Device = cpu::Device>
struct ExecutionSchedule {
  using Scope = typename Step<T, Device>::Scope;

  std::vector<Step<T, Device>> steps;
  std::vector<Extent> summed_parameters;  ///< whose gradients are in the first lane alone
  std::vector<bool> summed_tables;        ///< by table: whether a pass sums its gradients; empty: none
  std::vector<PassNote> notes;

  /// Whether slices stop in between: each needs activations of its own then.
  [[nodiscard]] bool waits() const {
    const auto is_slice = [](const auto& step) { return step.scope == Scope::slice; };
    const auto first = std::find_if(steps.begin(), steps.end(), is_slice);
    const auto gap = std::find_if_not(first, steps.end(), is_slice);
    return std::find_if(gap, steps.end(), is_slice) != steps.end();
  }

  /// Whether these dense parameters are among them.
  [[nodiscard]] bool has_summed(Index begin, Index end) const {
    return std::any_of(summed_parameters.begin(), summed_parameters.end(), [&](const Extent& e) { return begin >= e.offset && end <= e.offset + e.size; });
  }
};

/// `start`, the nodes of a plan forward, `losses`, and the nodes backward, with a merge behind each that needs the whole batch.
template <class T, class Device>
[[nodiscard]] ESPALIER_COLD ExecutionSchedule<T, Device> schedule_of(const Program<T, Device>& program, const Step<T, Device>& start,
                                                                const std::vector<Step<T, Device>>& losses) {
  using Scope = typename Step<T, Device>::Scope;
  ExecutionSchedule<T, Device> schedule;
  const auto nodes = static_cast<Index>(program.plan.nodes.size());
  const auto add = [&](Index i, Phase phase) {
    const auto& functions = program.operations[static_cast<std::size_t>(i)];
    Step<T, Device> step;
    step.phase = phase;
    step.name = functions.name;
    step.place = i;
    step.node = &program.plan.nodes[static_cast<std::size_t>(i)];
    const Cost cost = functions.cost(*step.node);
    step.operation = phase == Phase::forward ? functions.forward : functions.backward;
    step.flops_of_sample = phase == Phase::forward ? cost.forward_flops : cost.backward_flops;
    step.bytes_of_sample = phase == Phase::forward ? cost.bytes : 0;
    schedule.steps.push_back(step);
    step.operation = nullptr;
    step.flops_of_sample = step.bytes_of_sample = 0;
    step.scope = Scope::merge;
    step.merge = phase == Phase::forward ? functions.merge_forward : functions.merge_backward;
    if (step.merge != nullptr) schedule.steps.push_back(step);
  };
  schedule.steps.push_back(start);
  for (Index i = 0; i < nodes; ++i) add(i, Phase::forward);
  schedule.steps.insert(schedule.steps.end(), losses.begin(), losses.end());
  for (Index i = nodes; i-- > 0;) add(i, Phase::backward);
  return schedule;
}

}  // namespace espalier
