// SPDX-License-Identifier: Apache-2.0
// `InferenceExecutor<T>`: the plan forward only, with a workspace as small as lifetimes allow.
#pragma once

#include <algorithm>
#include <span>
#include <type_traits>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/exec/narrow_parameters.hpp"
#include "espalier/exec/parameters.hpp"
#include "espalier/kernels/precision.hpp"
#include "espalier/ops/dense_matrices.hpp"
#include "espalier/ops/program.hpp"
#include "espalier/passes/memory_reuse.hpp"

namespace espalier {

/// Runs a plan forward on the CPU. Immutable; any number of threads may run it, each with a workspace of its own.
/// `T` float or double. Holds no gradients and no optimiser state; the parameters must outlive it, and stay as they are.
/// Matrices are kept once more, in panels: with one sample, reading them is what takes the time.
template <class T>
class InferenceExecutor {
 public:
  static constexpr Index slice = 64;  ///< samples that run through the plan together

  struct Workspace {
    Buffer<T> values;
    Index capacity = 0;
  };

  InferenceExecutor(const Program<T, cpu::Device>& program, const Parameters<T>& parameters)
      : program_(program), compact_(program.plan), dense_(parameters.dense.data()) {
    for (const Buffer<T>& table : parameters.tables) tables_.push_back(table.data());
    make_panels(parameters.dense.size());
  }

  InferenceExecutor(const Program<T, cpu::Device>&, const Parameters<T>&&) = delete;  // they must outlive it

  /// With parameters in half the bytes. Throws ConfigError for a precision that cannot read them.
  InferenceExecutor(const Program<T, cpu::Device>& program, const NarrowParameters& parameters,
                    Precision precision) requires std::is_same_v<T, float>
      : program_(program),
        compact_(program.plan),
        device_(precision.device()),
        dense_(parameters.rest.data()),
        matrices_(parameters.matrices.data()) {
    if (!precision.narrow())
      throw ConfigError("narrow parameters are read in Precision::Bf16, not in fp32");
    parameters.redirect(compact_.nodes);
    for (const Buffer<BFloat16>& table : parameters.tables) narrow_tables_.push_back(table.data());
  }

  InferenceExecutor(const Program<T, cpu::Device>&, const NarrowParameters&&, Precision) = delete;

  [[nodiscard]] const PlanView& plan() const { return program_.plan; }
  [[nodiscard]] Index values_per_sample() const { return compact_.values; }
  /// What it keeps beside the parameters.
  [[nodiscard]] std::size_t panel_bytes() const { return panels_.size() * sizeof(T); }

  /// Room for batches of up to `samples`; larger ones run too, in slices.
  [[nodiscard]] Workspace make_workspace(Index samples = slice) const {
    const Index capacity = (std::max)((std::min)(samples, slice), Index{1});
    return {Buffer<T>(static_cast<std::size_t>(compact_.values * capacity)), capacity};
  }

  /// out[k] receives outputs × size values of task k: probabilities, means, … Nothing allocates.
  void run(const Batch<T>& batch, Workspace& workspace, std::span<T* const> out) const {
    Context<T, cpu::Device> c;
    c.device = device_;
    c.batch = &batch;
    c.capacity = workspace.capacity;
    c.parameters = dense_;
    c.tables = tables_.data();
    c.panels = panels_.data();
    c.narrow_matrices = matrices_;
    c.narrow_tables = narrow_tables_.empty() ? nullptr : narrow_tables_.data();
    c.values = workspace.values.data();
    for (c.first = 0; c.first < batch.size; c.first += c.capacity) {
      c.count = (std::min)(c.capacity, batch.size - c.first);
      for (std::size_t i = 0; i < compact_.nodes.size(); ++i) {
        program_.operations[i].forward(compact_.nodes[i], c);
      }
      for (std::size_t k = 0; k < compact_.logits.size(); ++k) {
        const int outputs = program_.plan.tasks[k].outputs;
        program_.losses[k].predict(as_const(c.value(compact_.logits[k])),
                                   {out[k] + c.first * outputs, outputs, c.count, outputs});
      }
    }
  }

 private:
  /// None where two layers see the same values as matrices of different shapes.
  ESPALIER_COLD void make_panels(std::size_t parameters) {
    const std::vector<DenseMatrix> matrices = dense_matrices(program_.plan.nodes);
    const auto any_of = [&](const auto& holds) {
      return std::any_of(matrices.begin(), matrices.end(), holds);
    };
    const bool worth = any_of([](const DenseMatrix& m) { return cpu::panel_height(m.rows) > 0; });
    const bool differ = any_of([&](const DenseMatrix& a) {
      return any_of([&](const DenseMatrix& b) { return a.overlaps(b) && !a.same(b); });
    });
    if (!worth || differ) return;
    panels_ = Buffer<T>(parameters);
    for (const DenseMatrix& m : matrices) {
      cpu::make_panels(dense_ + m.offset, m.rows, m.columns, panels_.data() + m.offset);
    }
  }

  Program<T, cpu::Device> program_;
  CompactPlan compact_;
  cpu::Device device_;
  const T* dense_;
  Buffer<T> panels_;  ///< laid out as dense_
  const BFloat16* matrices_ = nullptr;
  std::vector<const T*> tables_;
  std::vector<const BFloat16*> narrow_tables_;
};

}  // namespace espalier
