// SPDX-License-Identifier: Apache-2.0
// Definitions of task_gradients.hpp.
#pragma once

#include "espalier/kernels/cuda/launch.cuh"
#include "espalier/kernels/cuda/rows.cuh"
#include "espalier/kernels/cuda/task_gradients.hpp"

namespace espalier::cuda {

namespace kernels {

/// Value i of the product of a pair of tasks.
struct Product {
  TaskVectors g;
  ESPALIER_HD double operator()(Index pair, Index i) const {
    const float* const k = g.values + pair / g.tasks * g.stride;
    const float* const l = g.values + pair % g.tasks * g.stride;
    return static_cast<double>(k[i]) * static_cast<double>(l[i]);
  }
};

struct ProductOfRow {
  TaskVectors g;
  const TableRows* tables;
  int table_count;
  SortedRows sorted;
  ESPALIER_HD double operator()(Index pair, Index entry) const {
    if (!begins_row(sorted, entry)) return 0;
    const TableRows& table =
        table_of(tables, table_count, static_cast<std::int32_t>(sorted.rows[entry]));
    if (table.group < 0 || table.shared == 0) return 0;
    const Index at = entry * sorted.width;
    double sum = 0;
    for (Index i = 0; i < table.width; ++i) sum += Product{g}(pair, at + i);
    return sum;
  }
};

ESPALIER_HD inline float combined(const TaskVectors& g, const float* weights, Index i) {
  float sum = 0;
  for (Index k = 0; k < g.tasks; ++k)
    sum += (weights == nullptr ? 1.0F : weights[k]) * g.values[k * g.stride + i];
  return sum;
}

struct Combine {
  TaskVectors g;
  const float* weights;
  float* to;
  ESPALIER_HD void operator()(Index i) const { to[i] = combined(g, weights, i); }
};

struct CombineRows {
  TaskVectors g;
  const float* weights;
  const TableRows* tables;
  int table_count;
  SortedRows sorted;
  ESPALIER_HD void operator()(Index i, Index entry) const {
    if (!begins_row(sorted, entry)) return;
    const TableRows& table =
        table_of(tables, table_count, static_cast<std::int32_t>(sorted.rows[entry]));
    if (i >= table.width) return;
    const Index at = entry * sorted.width + i;
    sorted.sums[at] = combined(g, table.shared != 0 ? weights : nullptr, at);
  }
};

}  // namespace kernels

void add_products(Device device, const TaskVectors& g, Index count, double* products) {
  sum_columns<double>(device, "products of tasks", g.tasks * g.tasks, count, kernels::Product{g},
                      AddTo<double>{products});
}

void add_products_of_rows(Device device, const TaskVectors& g, const TableRows* tables,
                          int table_count, const SortedRows& sorted, double* products) {
  sum_columns<double>(device, "products of tasks' rows", g.tasks * g.tasks, sorted.entries,
                      kernels::ProductOfRow{g, tables, table_count, sorted},
                      AddTo<double>{products});
}

void combine(Device device, const TaskVectors& g, const float* weights, Index count, float* to) {
  each(device, "combine", count, kernels::Combine{g, weights, to});
}

void combine_rows(Device device, const TaskVectors& g, const float* weights,
                  const TableRows* tables, int table_count, const SortedRows& sorted) {
  each_element(device, "combine rows", sorted.width, sorted.entries,
               kernels::CombineRows{g, weights, tables, table_count, sorted});
}

}  // namespace espalier::cuda
