// SPDX-License-Identifier: Apache-2.0
// `CudaInference`: predictions on a GPU, for `Predictor<Model, Cuda>`.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/cuda/batch_run.hpp"
#include "espalier/exec/cuda/prediction.hpp"
#include "espalier/exec/cuda/recorded_graphs.hpp"
#include "espalier/exec/inference_interface.hpp"

namespace espalier {

/// Has a copy of the parameters in device memory. Threads take turns.
class CudaInference final : public InferenceInterface {
 public:
  /// Throws as CudaBatchRun does, and ConfigError for a precision other than fp32.
  ESPALIER_COLD CudaInference(const Program<float, Cuda>& program,
                              const InferenceParameters& parameters)
      : run_(program, rows_of(program.plan, checked(parameters)), 4096,
             CudaBatchRun::Use::inference),
        prediction_(run_) {
    run_.set_parameters(parameters.fp32);
  }

  [[nodiscard]] const PlanView& plan() const override { return run_.plan(); }
  [[nodiscard]] Index capacity() const override { return run_.capacity(); }
  void predict(const Batch<float>& batch, std::span<float* const> out) const override {
    const std::lock_guard lock(mutex_);
    run_.begin(batch);
    graphs_.launch(run_, 0, [this](const Batch<float>& on) {
      prediction_.submit(run_.context(on, false, nullptr));
    });
    prediction_.get(out);
  }
  [[nodiscard]] std::size_t parameter_bytes() const override { return run_.parameter_bytes(); }

 private:
  [[nodiscard]] static const Parameters<float>& checked(const InferenceParameters& parameters) {
    require_fp32(parameters.precision);
    return parameters.fp32;
  }
  /// Rows of each vocabulary's tables.
  [[nodiscard]] static std::vector<Index> rows_of(const PlanView& plan,
                                                  const Parameters<float>& parameters) {
    std::vector<Index> rows;
    for (std::size_t t = 0; t < plan.tables.size(); ++t) {
      const auto vocabulary = static_cast<std::size_t>(plan.tables[t].vocabulary);
      if (vocabulary >= rows.size()) rows.resize(vocabulary + 1);
      rows[vocabulary] = parameters.table_rows[t];
    }
    return rows;
  }

  mutable std::mutex mutex_;
  mutable CudaBatchRun run_;
  mutable CudaPrediction prediction_;
  mutable RecordedGraphs graphs_;
};

template <>
struct InferenceOf<Cuda> {
  template <class Model>
  ESPALIER_COLD static std::unique_ptr<InferenceInterface> make_one(
      const Program<float, Cpu>&, const InferenceParameters& parameters) {
    return std::make_unique<CudaInference>(program_of<Model, float, Cuda>(), parameters);
  }
  template <class Model>
  static constexpr MakeInference make = &make_one<Model>;
};

}  // namespace espalier
