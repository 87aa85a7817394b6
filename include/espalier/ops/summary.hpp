// SPDX-License-Identifier: Apache-2.0
// `summary<Model>()`: a plan as a readable table.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/ops/cost.hpp"

namespace espalier {

namespace detail {

/// Formats 1234567 as "1,234,567".
[[nodiscard]] std::string grouped_digits(double number);

/// Aligns rows of cells; the first row is the header. The first `left` columns are left-aligned,
/// the others right-aligned.
[[nodiscard]] std::string align_columns(const std::vector<std::vector<std::string>>& rows,
                                        std::size_t left);

}  // namespace detail

/// `operations[i]` is the name of node i's operation.
[[nodiscard]] std::string summary(const PlanView& plan, std::span<const Cost> costs,
                                  std::span<const std::string_view> operations);

namespace detail {

template <class... Ops>
[[nodiscard]] std::vector<std::string_view> operation_names(const PlanView& plan,
                                                            TypeList<Ops...>) {
  std::vector<std::string_view> names(plan.nodes.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    ((plan.nodes[i].op == op_id<Ops> ? void(names[i] = Ops::name) : void()), ...);
  }
  return names;
}

}  // namespace detail

/// The plan of `Model` as text: every operation with its output values per sample, parameters and
/// flops (a multiply-add is 2); tables; tasks; totals. Ends with a newline.
template <class Model>
[[nodiscard]] std::string summary() {
  const std::vector<std::string_view> names =
      detail::operation_names(plan_of<Model>(), typename detail::Fold<Model>::Operations{});
  return summary(plan_of<Model>(), node_costs<Model>(), names);
}

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/ops/summary_definitions.hpp"
#endif
