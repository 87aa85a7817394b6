// SPDX-License-Identifier: Apache-2.0
// Gradients of several tasks on a GPU: their inner products, and their weighted sum.
#pragma once

#include "espalier/core/config.hpp"
#include "espalier/kernels/cuda/device.hpp"
#include "espalier/kernels/cuda/rows.hpp"

namespace espalier::cuda {

/// One vector per task, `stride` values apart, in device memory.
struct TaskVectors {
  const float* values = nullptr;
  Index stride = 0;
  Index tasks = 0;
};

/// products[k · tasks + l] += ⟨g_k, g_l⟩ over `count` values.
void add_products(Device device, const TaskVectors& g, Index count, double* products);
/// The same over the touched rows of all tables that are shared and learn; `g`: one array of
/// SortedRows::sums per task.
void add_products_of_rows(Device device, const TaskVectors& g, const TableRows* tables,
                          int table_count, const SortedRows& sorted, double* products);

/// to[i] = Σ_k weights[k] g_k[i] for `count` values; `weights` null: all 1.
void combine(Device device, const TaskVectors& g, const float* weights, Index count, float* to);
/// The same for the sums of touched rows, to sorted.sums; in tables of single tasks, all weights
/// are 1.
void combine_rows(Device device, const TaskVectors& g, const float* weights,
                  const TableRows* tables, int table_count, const SortedRows& sorted);

}  // namespace espalier::cuda
