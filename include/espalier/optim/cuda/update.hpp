// SPDX-License-Identifier: Apache-2.0
// Optimisers on a GPU. A step's formula, with its rate and corrections, is made on the host and
// read from device memory: a recorded graph must not contain the values of one step.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/kernels/cuda/device.hpp"
#include "espalier/kernels/cuda/rows.hpp"
#include "espalier/optim/rule.hpp"

namespace espalier::cuda {

/// A formula as its bytes.
struct alignas(16) FormulaBytes {
  static constexpr std::size_t size = 128;
  std::byte bytes[size];
};

/// An update of a range of parameters. All pointers are to device memory.
struct RangeUpdate {
  const FormulaBytes* formula = nullptr;
  const float* scale = nullptr;  ///< multiplies the gradients; null: 1
  float* parameters = nullptr;
  const float* gradients = nullptr;
  float* states[max_optimizer_states] = {};
  Index count = 0;
};

/// An update of the rows of all tables of one group of parameters, with the sums of
/// sum_row_gradients().
struct RowsUpdate {
  const FormulaBytes* formula = nullptr;
  const float* scale = nullptr;
  const TableRows* tables = nullptr;
  int table_count = 0;
  int group = 0;
  SortedRows sorted;
};

/// The kernels of one optimiser.
struct RuleKernels {
  std::string_view name;
  /// Writes the formula of a step with a gradient scale of 1; `values`: of hyper_parameters().
  void (*write)(std::span<const double> values, const UpdateStep& step,
                FormulaBytes& formula) = nullptr;
  void (*update)(Device device, const RangeUpdate& update) = nullptr;
  void (*update_rows)(Device device, const RowsUpdate& update) = nullptr;
};

/// Throws ConfigError if espalier::cuda has no optimiser of that name. `stateless`: it keeps no
/// states with its present settings.
[[nodiscard]] const RuleKernels& rule_kernels(std::string_view name, bool stateless);

/// *norm += Σ g² over `count` gradients.
void add_squared_norm(Device device, const float* gradients, Index count, double* norm);
/// *norm += Σ g² over all touched rows of tables that learn.
void add_squared_norm(Device device, const TableRows* tables, int table_count,
                      const SortedRows& sorted, double* norm);
/// *scale = clip_factor(*norm, max_norm).
void clip_scale(Device device, const double* norm, double max_norm, float* scale);

}  // namespace espalier::cuda
