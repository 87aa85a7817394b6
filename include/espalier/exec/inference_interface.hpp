// SPDX-License-Identifier: Apache-2.0
// `InferenceInterface`: what a predictor needs of an executor, on any device.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "espalier/core/config.hpp"
#include "espalier/data/batch.hpp"
#include "espalier/exec/bf16_parameters.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Any number of threads may call it.
class InferenceInterface {
 public:
  InferenceInterface() = default;
  InferenceInterface(const InferenceInterface&) = delete;
  InferenceInterface& operator=(const InferenceInterface&) = delete;
  virtual ~InferenceInterface() = default;

  [[nodiscard]] virtual const PlanView& plan() const = 0;
  /// Samples of the largest batch; larger data is cut into such batches.
  [[nodiscard]] virtual Index capacity() const = 0;
  /// out[k] receives outputs × size predictions of task k, sample by sample.
  virtual void predict(const Batch<float>& batch, std::span<float* const> out) const = 0;
  /// Memory of copies of the parameters that it has made.
  [[nodiscard]] virtual std::size_t parameter_bytes() const = 0;
};

/// Parameters of a saved model, in one of two forms. They outlive the executor.
struct InferenceParameters {
  const Parameters<float>& fp32;
  const Bf16Parameters& bf16;  ///< in place of `fp32` if the precision is reduced
  Precision precision;
};

using MakeInference = std::unique_ptr<InferenceInterface> (*)(
    const Program<float, Cpu>& program, const InferenceParameters& parameters);

/// The executor of a device: a specialisation has `MakeInference make<Model>`.
template <class Device>
struct InferenceOf {
  static_assert(sizeof(Device) == 0,
                "espalier: Predictor<Model, Cuda> needs #include <espalier/cuda.hpp>");
};

}  // namespace espalier
