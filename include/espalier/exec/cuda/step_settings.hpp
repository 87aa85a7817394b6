// SPDX-License-Identifier: Apache-2.0
// `StepSettings`: what differs from step to step, in device memory, where a recorded graph reads
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "espalier/kernels/cuda/runtime.hpp"
#include "espalier/optim/cuda/update.hpp"
#include "espalier/optim/parameter_group.hpp"

namespace espalier::cuda {

/// The key of random numbers, the tasks' weights, and the formula of each group of parameters.
class StepSettings {
 public:
  StepSettings() = default;

  /// Throws ConfigError for an optimiser that espalier::cuda does not have. `rules`: see
  /// group_rules().
  StepSettings(std::size_t tasks, std::vector<GroupRule> rules)
      : tasks_(tasks),
        rules_(std::move(rules)),
        kernels_(&rule_kernels(rules_[0].optimizer.name(), rules_[0].optimizer.states() == 0)),
        memory_(bytes(), "settings of a step"),
        staging_(bytes()) {
    for (const GroupRule& rule : rules_) {
      hyper_.emplace_back();
      for (const HyperParameter& h : rule.optimizer.hyper_parameters())
        hyper_.back().push_back(h.value);
    }
  }

  [[nodiscard]] bool made() const { return kernels_ != nullptr; }
  [[nodiscard]] const RuleKernels& kernels() const { return *kernels_; }
  [[nodiscard]] std::size_t groups() const { return rules_.size(); }

  // In device memory:
  [[nodiscard]] const std::uint64_t* key() const {
    return reinterpret_cast<const std::uint64_t*>(memory_.data());
  }
  [[nodiscard]] const double* weights() const {
    return reinterpret_cast<const double*>(memory_.data() + weights_at);
  }
  [[nodiscard]] const FormulaBytes* formula(std::size_t group) const {
    return reinterpret_cast<const FormulaBytes*>(memory_.data() + formulas_at()) + group;
  }

  /// Puts the copy of a step's settings on the stream.
  void copy(std::span<const double> weights, std::uint64_t key, const UpdateStep& step,
            Stream* stream) {
    std::byte* const to = staging_.next();
    std::memcpy(to, &key, sizeof key);
    std::memcpy(to + weights_at, weights.data(), sizeof(double) * tasks_);
    for (std::size_t group = 0; group < rules_.size(); ++group) {
      UpdateStep of_group = step;
      of_group.rate *= rules_[group].rate;
      FormulaBytes formula{};
      kernels_->write(hyper_[group], of_group, formula);
      std::memcpy(to + formulas_at() + group * sizeof formula, &formula, sizeof formula);
    }
    copy_to_device(stream, memory_.data(), to, bytes());
    staging_.sent(stream);
  }

 private:
  static constexpr std::size_t weights_at = sizeof(std::uint64_t);

  [[nodiscard]] std::size_t formulas_at() const {
    constexpr std::size_t alignment = alignof(FormulaBytes);
    return (weights_at + sizeof(double) * tasks_ + alignment - 1) / alignment * alignment;
  }
  [[nodiscard]] std::size_t bytes() const {
    return formulas_at() + sizeof(FormulaBytes) * rules_.size();
  }

  std::size_t tasks_ = 0;
  std::vector<GroupRule> rules_;
  std::vector<std::vector<double>> hyper_;  ///< hyper-parameters of each rule
  const RuleKernels* kernels_ = nullptr;
  Memory<std::byte> memory_;
  Staging staging_;
};

}  // namespace espalier::cuda
