// SPDX-License-Identifier: Apache-2.0
// Chooses the tables that `ProjectedEmbeddings` multiplies with a first layer.
#pragma once

#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

// most_small_rows: multiplying a table's rows must be cheap compared with multiplying the samples.
// least_small_width: multiplying narrower rows is faster than adding them. most_small_products:
// values of all products, so that they fit in the L2 cache.
constexpr Index most_small_rows = 256, most_small_combinations = 64, least_small_width = 4,
                most_small_products = Index{1} << 17U;

struct SmallTable {
  int table = 0;
  Index group = 0;  ///< tables with very few rows that are read together: one row per combination
};

/// Whether the node is a Dense layer, with one group and one step, that reads a whole block.
[[nodiscard]] inline bool reads_small_tables(const Node& n) {
  return n.op == op_id<ops::Dense> && n.groups == 1 && n.in.row == 0 && n.in.rows == n.in.stride &&
         n.in.steps == 1 && n.in.gradient;
}

/// Small tables all of whose lookups are in blocks that fits() accepts, in ascending order of rows,
/// as long as their products fit in most_small_products. Groups are numbered from 0 in that order.
[[nodiscard]] std::vector<SmallTable> choose_small_tables(const PlanView& plan,
                                                          std::span<const OperationTraits> traits,
                                                          const std::vector<Index>& table_rows);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/passes/small_tables_definitions.hpp"
#endif
