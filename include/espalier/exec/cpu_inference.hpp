// SPDX-License-Identifier: Apache-2.0
// `CpuInference`: the CPU's InferenceExecutor behind InferenceInterface.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/inference.hpp"
#include "espalier/exec/inference_interface.hpp"

namespace espalier {

/// Workspaces, of one sample or of a whole microbatch, are reused between calls; there are as many
/// as the maximum number of concurrent calls.
class CpuInference final : public InferenceInterface {
 public:
  ESPALIER_COLD CpuInference(const Program<float, Cpu>& program, const InferenceParameters& of)
      : executor_(of.precision.reduced() ? InferenceExecutor<float>(program, of.bf16, of.precision)
                                         : InferenceExecutor<float>(program, of.fp32)) {}

  [[nodiscard]] const PlanView& plan() const override { return executor_.plan(); }
  [[nodiscard]] Index capacity() const override { return InferenceExecutor<float>::microbatch; }
  void predict(const Batch<float>& batch, std::span<float* const> out) const override {
    auto& idle = idle_[batch.size == 1 ? 0 : 1];
    auto workspace = borrow(idle, batch.size);
    executor_.run(batch, workspace, out);
    const std::lock_guard lock(mutex_);
    idle.push_back(std::move(workspace));
  }
  [[nodiscard]] std::size_t parameter_bytes() const override { return executor_.packed_bytes(); }

 private:
  using Workspaces = std::vector<InferenceExecutor<float>::Workspace>;

  [[nodiscard]] InferenceExecutor<float>::Workspace borrow(Workspaces& idle, Index samples) const {
    const std::lock_guard lock(mutex_);
    if (idle.empty()) return executor_.make_workspace(samples == 1 ? 1 : capacity());
    auto workspace = std::move(idle.back());
    idle.pop_back();
    return workspace;
  }

  InferenceExecutor<float> executor_;
  mutable std::mutex mutex_;
  mutable Workspaces idle_[2];
};

template <>
struct InferenceOf<Cpu> {
  ESPALIER_COLD static std::unique_ptr<InferenceInterface> make_any(
      const Program<float, Cpu>& program, const InferenceParameters& parameters) {
    return std::make_unique<CpuInference>(program, parameters);
  }
  template <class Model>
  static constexpr MakeInference make = &make_any;
};

}  // namespace espalier
