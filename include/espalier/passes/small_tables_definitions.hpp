// SPDX-License-Identifier: Apache-2.0
// Definitions of small_tables.hpp.
#pragma once

#include "espalier/passes/small_tables.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/cpu/program.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

namespace small_tables_detail {

/// Whether only inputs write the block and only such layers read it.
[[nodiscard]] inline bool fits(const PlanView& plan, std::span<const OperationTraits> traits,
                               int base) {
  const auto is = [base](const Block& b) { return b.exists() && b.base == base; };
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const Node& n = plan.nodes[i];
    if ((is(n.out) && !traits[i].is_input) || (is(n.in) && !reads_small_tables(n)) || is(n.in2) ||
        is(n.cache))
      return false;
  }
  return true;
}

/// Whether two tables have one single-valued lookup each, both in the same block.
[[nodiscard]] inline bool read_together(const PlanView& plan, int a, int b) {
  const Node* found[2]{};
  for (const Node& n : plan.nodes) {
    if (n.lookup < 0 || (n.table != a && n.table != b)) continue;
    const Node*& of = found[n.table == a ? 0 : 1];
    if (of != nullptr || n.pool != Pool::none) return false;
    of = &n;
  }
  return found[0]->out.base == found[1]->out.base;
}

}  // namespace small_tables_detail

ESPALIER_COLD ESPALIER_INLINE std::vector<SmallTable> choose_small_tables(
    const PlanView& plan, std::span<const OperationTraits> traits,
    const std::vector<Index>& table_rows) {
  const auto rows_of = [&](int t) { return table_rows[static_cast<std::size_t>(t)]; };
  std::vector<int> order;
  for (int t = 0; t < static_cast<int>(table_rows.size()); ++t) {
    const bool all = std::all_of(plan.nodes.begin(), plan.nodes.end(), [&](const Node& n) {
      return n.lookup < 0 || n.table != t || small_tables_detail::fits(plan, traits, n.out.base);
    });
    const bool wide = plan.tables[static_cast<std::size_t>(t)].width >= least_small_width;
    if (all && wide && rows_of(t) <= most_small_rows) order.push_back(t);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return rows_of(a) < rows_of(b); });
  std::vector<SmallTable> chosen;
  Index room = most_small_products, combinations = 1;
  for (const int t : order) {
    Index size = 0;
    for (const Node& lookup : plan.nodes) {
      if (lookup.lookup < 0 || lookup.table != t) continue;
      for (const Node& n : plan.nodes)
        size += reads_small_tables(n) && n.in.base == lookup.out.base ? n.out.rows * rows_of(t) : 0;
    }
    if (size == 0 || size > room) continue;
    room -= size;
    const bool joins = !chosen.empty() && combinations * rows_of(t) <= most_small_combinations &&
                       small_tables_detail::read_together(plan, chosen.back().table, t);
    combinations = joins ? combinations * rows_of(t) : rows_of(t);
    chosen.push_back({t, chosen.empty() ? 0 : chosen.back().group + (joins ? 0 : 1)});
  }
  return chosen;
}

}  // namespace espalier
