// SPDX-License-Identifier: Apache-2.0
// `CudaBatchRun`: a model's memory on a GPU, and what executors do with a batch in it.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "espalier/exec/cuda/device_batch.hpp"
#include "espalier/exec/cuda/touched_rows.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/ops/cuda/program.hpp"
#include "espalier/passes/schedule.hpp"

namespace espalier {

/// Throws ConfigError for a precision other than fp32.
ESPALIER_COLD inline void require_fp32(Precision precision) {
  if (precision.reduced())
    throw ConfigError("precision is bf16, expected fp32: bf16 is not on GPUs yet");
}

/// Shared by an executor and its passes of gradient methods. A batch is one microbatch.
struct CudaBatchRun {
  using C = Context<float, Cuda>;
  enum class Use : std::uint8_t { training, inference };

  Program<float, Cuda> program;
  cuda::StreamPtr stream;
  cuda::DeviceBatch batch;
  cuda::TouchedRows rows;
  Use use;
  cuda::Memory<std::byte> workspace;
  cuda::Memory<float> parameters, gradients, values, value_gradients, lookup_gradients;
  std::size_t tasks = 0;
  /// Per task: the sum of losses; Σ weight over the labelled samples; then, over all samples.
  cuda::Memory<double> sums;
  cuda::Pinned<double> read;      ///< the same, after wait_for_losses()
  std::vector<double> losses;     ///< of the batch; NaN for a task without labels in it
  std::vector<float> deviations;  ///< divisor of each task's labels
  Index samples = 0;              ///< of the batch
  bool weighted = false;          ///< whether its samples have weights
  /// Grows when something changes that recorded graphs contain.
  std::uint64_t version = 0;

  /// `for_use`: without memory for gradients in inference. Throws ConfigError for an argument out
  /// of range, CudaError if there is no GPU or not enough memory.
  ESPALIER_COLD CudaBatchRun(const Program<float, Cuda>& of,
                             const std::vector<Index>& vocabulary_rows, Index max_batch,
                             Use for_use = Use::training)
      : program(of),
        stream(cuda::make_stream()),
        batch(of.plan, checked(max_batch)),
        rows(of.plan, table_rows(of.plan, vocabulary_rows)),
        use(for_use),
        tasks(of.plan.tasks.size()) {
    for (const auto& operation : program.operations) {
      if (operation.merge_forward != nullptr || operation.merge_backward != nullptr) {
        throw_error<ConfigError>({"model '", plan().model, "' has operation '", operation.name,
                                  "', which is not on GPUs yet"});
      }
    }
    const PlanSizes& sizes = plan().sizes;
    const auto count = static_cast<std::size_t>(max_batch);
    const auto value_count = static_cast<std::size_t>(sizes.values) * count;
    workspace = cuda::Memory<std::byte>(Cuda::workspace_bytes, "the workspace");
    parameters =
        cuda::Memory<float>(static_cast<std::size_t>(sizes.parameter_values), "parameters");
    values = cuda::Memory<float>(value_count, "activations");
    if (use == Use::inference) return;
    gradients = cuda::Memory<float>(static_cast<std::size_t>(sizes.parameters), "gradients");
    value_gradients = cuda::Memory<float>(value_count, "gradients of activations");
    lookup_gradients = cuda::Memory<float>(static_cast<std::size_t>(sizes.lookup_values) * count,
                                           "gradients of lookups");
    losses.assign(tasks, 0.0);
    deviations.assign(tasks, 1.0F);
    sums = cuda::Memory<double>(2 * tasks + 1, "sums of losses");
    read = cuda::Pinned<double>(2 * tasks + 1, "sums of losses");
    rows.describe(plan(), batch, lookup_gradients.data(), stream.get());
  }

  [[nodiscard]] const PlanView& plan() const { return program.plan; }
  [[nodiscard]] Index capacity() const { return batch.capacity(); }

  /// Copies of all parameters, which must have the same plan and rows.
  ESPALIER_COLD void set_parameters(const Parameters<float>& from) {
    parameters.set(stream.get(), from.dense.data(), from.dense.size());
    for (std::size_t t = 0; t < rows.count(); ++t)
      rows.values(t).set(stream.get(), from.tables[t].data(), from.tables[t].size());
  }
  ESPALIER_COLD void get_parameters(Parameters<float>& to) const {
    parameters.get(stream.get(), to.dense.data(), to.dense.size());
    for (std::size_t t = 0; t < rows.count(); ++t)
      rows.values(t).get(stream.get(), to.tables[t].data(), to.tables[t].size());
  }
  [[nodiscard]] std::size_t parameter_bytes() const {
    std::size_t count = parameters.size();
    for (std::size_t t = 0; t < rows.count(); ++t) count += rows.values(t).size();
    return count * sizeof(float);
  }

  /// Puts the copy of a batch on the stream.
  void begin(const Batch<float>& of) {
    if (of.size < 1 || of.size > capacity())
      throw_error<ConfigError>({"a batch has ", of.size, " samples, expected 1 to ", capacity()});
    if (batch.reserve(of)) {
      cuda::synchronize(stream.get());
      if (use == Use::training) rows.describe(plan(), batch, lookup_gradients.data(), stream.get());
      ++version;
    }
    batch.copy(of, stream.get());
    samples = of.size;
    weighted = of.weights != nullptr;
  }

  /// The context of steps over `on`, the device's batch. `key`: in device memory.
  [[nodiscard]] C context(const Batch<float>& on, bool training, const std::uint64_t* key) const {
    C c;
    c.device = {stream.get(), workspace.data()};
    c.batch = &on;
    c.count = on.size;
    c.capacity = capacity();
    c.training = training;
    c.key = {key, 0};
    c.storage = {parameters.data(), rows.pointers()};
    c.parameter_gradients = gradients.data();
    c.values = values.data();
    c.gradients = value_gradients.data();
    c.lookup_gradients = lookup_gradients.data();
    c.batch_capacity = capacity();
    return c;
  }

  [[nodiscard]] double* totals() const { return sums.data() + tasks; }

  void sum_label_weights(const C& c) const {
    cuda::sum_label_weights(c.device, c.batch->labels, c.batch->weights, totals());
  }

  /// Computes a task's loss, and the gradient of its logits. `weights`: of the tasks, in device
  /// memory.
  void loss(const C& c, std::size_t k, const double* weights) const {
    const TaskInfo& task = plan().tasks[k];
    cuda::LossArguments a;
    a.z = as_const(c.value(task.logits));
    a.labels = c.batch->labels.column(static_cast<Index>(k));
    a.weights = c.batch->weights;
    a.weight = weights + k;
    a.total = totals() + k;
    a.gradient = c.gradient(task.logits);
    a.unit = deviations[k];
    a.value = sums.data() + k;
    program.losses[k].evaluate(c.device, a);
  }

  static void zero(const C& c, std::span<const Block> blocks) {
    for (const Block& block : blocks) cuda::fill(c.device, 0.0F, c.gradient(block));
  }

  void copy_losses() const {
    cuda::copy_to_host(stream.get(), read.data(), sums.data(), sums.size() * sizeof(double));
  }
  /// Waits for all work, and makes the losses of the last batch whose losses were copied.
  void wait_for_losses() {
    cuda::synchronize(stream.get());
    for (std::size_t k = 0; k < tasks; ++k)
      losses[k] = total(k) > 0 ? read.data()[k] / total(k) : std::nan("");
  }
  /// Σ weight over the labelled samples of a task.
  [[nodiscard]] double total(std::size_t k) const { return read.data()[tasks + k]; }

 private:
  [[nodiscard]] static Index checked(Index max_batch) {
    if (max_batch < 1)
      throw ConfigError("batch_size is " + std::to_string(max_batch) + ", expected 1 or more");
    return max_batch;
  }
};

}  // namespace espalier
