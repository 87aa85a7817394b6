// SPDX-License-Identifier: Apache-2.0
// `CudaPrediction`: the forward pass and predictions of a batch on a GPU.
#pragma once

#include <cstddef>
#include <span>

#include "espalier/exec/cuda/batch_run.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

class CudaPrediction {
 public:
  using C = CudaBatchRun::C;

  ESPALIER_COLD explicit CudaPrediction(const CudaBatchRun& run)
      : run_(run), forward_(forward_schedule(run.program, false)) {
    Index values = 0;
    for (const TaskInfo& task : run.plan().tasks) values += task.outputs;
    values_ = cuda::Memory<float>(static_cast<std::size_t>(values * run.capacity()), "predictions");
  }

  /// Puts the forward pass and the predictions on the stream.
  void submit(const C& c) {
    for (const auto& step : forward_.steps) step.run_on(c);
    float* to = values_.data();
    for (std::size_t k = 0; k < run_.tasks; ++k) {
      const TaskInfo& task = run_.plan().tasks[k];
      run_.program.losses[k].predict(c.device, as_const(c.value(task.logits)),
                                     {to, task.outputs, c.count, task.outputs});
      to += task.outputs * c.count;
    }
  }

  /// Waits for them: out[k] receives outputs × size values of task k, sample by sample.
  void get(std::span<float* const> out) const {
    const float* from = values_.data();
    for (std::size_t k = 0; k < run_.tasks; ++k) {
      const Index count = run_.plan().tasks[k].outputs * run_.samples;
      cuda::copy_to_host(run_.stream.get(), out[k], from,
                         static_cast<std::size_t>(count) * sizeof(float));
      from += count;
    }
    cuda::synchronize(run_.stream.get());
  }

 private:
  const CudaBatchRun& run_;
  ExecutionSchedule<float, Cuda> forward_;
  cuda::Memory<float> values_;
};

}  // namespace espalier
