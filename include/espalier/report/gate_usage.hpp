// SPDX-License-Identifier: Apache-2.0
// `GateUsage<T>`: which experts the gates of a model use, and how decided the gates are.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/exec/inference.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/ops/cpu/program.hpp"

namespace espalier {

/// Statistics of one gate over some samples.
struct GateReport {
  std::string where;         ///< node of the gate in the plan, and its task
  std::vector<double> load;  ///< mean weight of each expert; they sum to 1
  /// Mean over the samples of −Σ_e g_e log g_e, in nats: from 0 (one expert per sample) to
  /// log(experts) (all experts equally).
  double entropy = 0;
  /// Entropy of `load`: far above `entropy`, samples use different experts; near 0, one expert gets
  /// everything.
  double load_entropy = 0;
};

/// Runs the forward pass of a model over batches and accumulates the outputs of its gates: softmax
/// gates and those of DSelect-k.
///
///     GateUsage<float> usage(program_of<Model, float, Cpu>(), trainer.parameters());
///     usage.add(batch);
///     for (const GateReport& gate : usage.reports()) …
template <class T>
class GateUsage {
 public:
  /// `parameters` must outlive it.
  GateUsage(const Program<T, Cpu>&, const Parameters<T>&&) = delete;
  GateUsage(const Program<T, Cpu>& program, const Parameters<T>& parameters)
      : program_(program),
        executor_(program, parameters, left_out),
        workspace_(executor_.make_workspace()) {
    for (std::size_t i = 0; i < program_.plan.nodes.size(); ++i) {
      const Node& node = program_.plan.nodes[i];
      const auto gates = program_.operations[i].gates;
      if (gates == nullptr) continue;
      const int groups = gates(node);
      for (int g = 0; g < groups; ++g) {
        std::string where(node.name.view());
        // One softmax node may contain the gates of all tasks.
        if (groups == static_cast<int>(program_.plan.tasks.size())) {
          where += "/" + std::string(program_.plan.tasks[static_cast<std::size_t>(g)].name);
        }
        const int experts = node.out.rows / groups;
        gates_.push_back({node.out.slice(g * experts, experts),
                          {where, std::vector<double>(static_cast<std::size_t>(experts)), 0, 0}});
      }
    }
  }

  /// Runs as in inference: no dropout.
  void add(const Batch<T>& batch) {
    executor_.each_microbatch(batch, workspace_, [&](const auto& c) {
      for (Gate& gate : gates_) {
        const View<T> says = c.value(gate.block);
        for (Index j = 0; j < says.cols; ++j) {
          for (Index e = 0; e < says.rows; ++e) {
            const double weight = static_cast<double>(says(e, j));
            gate.sums.load[static_cast<std::size_t>(e)] += weight;
            gate.sums.entropy -= weight > 0 ? weight * std::log(weight) : 0;
          }
        }
      }
    });
    samples_ += batch.size;
  }

  /// Whether the model has gates.
  [[nodiscard]] bool any() const { return !gates_.empty(); }

  /// Discards all samples so far.
  void clear() {
    for (Gate& gate : gates_) {
      std::fill(gate.sums.load.begin(), gate.sums.load.end(), 0.0);
      gate.sums.entropy = 0;
    }
    samples_ = 0;
  }

  /// Reports over all samples so far, in the order of the plan.
  [[nodiscard]] std::vector<GateReport> reports() const {
    std::vector<GateReport> made;
    for (const Gate& gate : gates_) {
      GateReport report = gate.sums;
      const double n = samples_ > 0 ? static_cast<double>(samples_ * gate.block.steps) : 1;
      report.entropy /= n;
      for (double& load : report.load) {
        load /= n;
        report.load_entropy -= load > 0 ? load * std::log(load) : 0;
      }
      made.push_back(std::move(report));
    }
    return made;
  }

 private:
  struct Gate {
    Block block;
    GateReport sums;
  };

  /// The passes to leave out: memory reuse, because every activation is read after the forward
  /// pass; packed weights, because the parameters may change between batches.
  static constexpr std::string_view left_out[] = {PackedWeights<T>::name, MemoryReuse<T>::name};

  Program<T, Cpu> program_;
  InferenceExecutor<T> executor_;
  typename InferenceExecutor<T>::Workspace workspace_;
  std::vector<Gate> gates_;
  Index samples_ = 0;
};

}  // namespace espalier
