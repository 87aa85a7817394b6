// SPDX-License-Identifier: Apache-2.0
// Definitions of update.hpp: an optimiser's formula, a thread for each parameter.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/kernels/cuda/launch.cuh"
#include "espalier/kernels/cuda/rows.cuh"
#include "espalier/optim/adagrad.hpp"
#include "espalier/optim/adam.hpp"
#include "espalier/optim/cuda/update.hpp"
#include "espalier/optim/sgd.hpp"

namespace espalier::cuda {

namespace kernels {

template <class Rule>
using FormulaOf = decltype(std::declval<const Rule&>().template formula<float>(UpdateStep{}));

template <class Formula, std::size_t... I>
ESPALIER_HD inline void apply_formula(const Formula& formula, float& p, float g, float* state,
                                      std::index_sequence<I...>) {
  formula(p, g, state[I]...);
}

/// Updates parameter p with the gradient g; its states are at `at` of their arrays.
template <class Rule, bool Stateless>
ESPALIER_HD inline void update_one(const FormulaBytes& bytes, const float* scale, float& p, float g,
                                   float* const* states, Index at) {
  constexpr auto count = static_cast<std::size_t>(Rule::states);
  const auto& formula = *reinterpret_cast<const FormulaOf<Rule>*>(bytes.bytes);
  if (scale != nullptr) g *= *scale;
  float state[count > 0 ? count : 1]{};
  if constexpr (!Stateless) {
    for (std::size_t s = 0; s < count; ++s) state[s] = states[s][at];
  }
  apply_formula(formula, p, g, state, std::make_index_sequence<count>{});
  if constexpr (!Stateless) {
    for (std::size_t s = 0; s < count; ++s) states[s][at] = state[s];
  }
}

template <class Rule, bool Stateless>
struct UpdateRange {
  RangeUpdate u;
  ESPALIER_HD void operator()(Index i) const {
    float p = u.parameters[i];
    update_one<Rule, Stateless>(*u.formula, u.scale, p, u.gradients[i], u.states, i);
    u.parameters[i] = p;
  }
};

template <class Rule, bool Stateless>
struct UpdateRows {
  RowsUpdate u;
  ESPALIER_HD void operator()(Index i, Index entry) const {
    if (!begins_row(u.sorted, entry)) return;
    const auto row = static_cast<std::int32_t>(u.sorted.rows[entry]);
    const TableRows& table = table_of(u.tables, u.table_count, row);
    if (table.group != u.group || i >= table.width) return;
    const Index at = static_cast<Index>(row - table.first_row) * table.width + i;
    float p = table.values[at];
    update_one<Rule, Stateless>(*u.formula, u.scale, p, u.sorted.sums[entry * u.sorted.width + i],
                                table.states, at);
    table.values[at] = p;
  }
};

struct Square {
  const float* x;
  ESPALIER_HD double operator()(Index, Index i) const {
    return static_cast<double>(x[i]) * static_cast<double>(x[i]);
  }
};

struct SquareOfRow {
  const TableRows* tables;
  int table_count;
  SortedRows sorted;
  ESPALIER_HD double operator()(Index, Index entry) const {
    if (!begins_row(sorted, entry)) return 0;
    const TableRows& table =
        table_of(tables, table_count, static_cast<std::int32_t>(sorted.rows[entry]));
    if (table.group < 0) return 0;
    double sum = 0;
    for (Index i = 0; i < table.width; ++i) {
      const auto g = static_cast<double>(sorted.sums[entry * sorted.width + i]);
      sum += g * g;
    }
    return sum;
  }
};

struct ClipScale {
  const double* norm;
  double most;
  float* scale;
  ESPALIER_HD void operator()(Index) const {
    const double squared = *norm, factor = most / (std::sqrt(squared) + 1e-6);
    *scale = static_cast<float>(squared != squared ? squared : factor < 1 ? factor : 1.0);
  }
};

[[nodiscard]] inline Adam rule_of(std::span<const double> v, Adam) {
  return {v[0], v[1], v[2], v[3], v[4]};
}
[[nodiscard]] inline AdamW rule_of(std::span<const double> v, AdamW) {
  return {v[0], v[1], v[2], v[3], v[4]};
}
[[nodiscard]] inline Adagrad rule_of(std::span<const double> v, Adagrad) {
  return {v[0], v[1], v[2], v[3]};
}
[[nodiscard]] inline Sgd rule_of(std::span<const double> v, Sgd) {
  return {v[0], v[1], v[2] != 0, v[3]};
}

template <class Rule, bool Stateless>
[[nodiscard]] RuleKernels kernels_of() {
  using Formula = FormulaOf<Rule>;
  static_assert(sizeof(Formula) <= FormulaBytes::size &&
                alignof(Formula) <= alignof(FormulaBytes) && std::is_trivially_copyable_v<Formula>);
  RuleKernels made;
  made.name = Rule::name;
  made.write = [](std::span<const double> values, const UpdateStep& step, FormulaBytes& to) {
    const Formula formula = rule_of(values, Rule{}).template formula<float>(step);
    std::memcpy(to.bytes, &formula, sizeof formula);
  };
  made.update = [](Device device, const RangeUpdate& u) {
    each(device, "update", u.count, UpdateRange<Rule, Stateless>{u});
  };
  made.update_rows = [](Device device, const RowsUpdate& u) {
    each_element(device, "update_rows", u.sorted.width, u.sorted.entries,
                 UpdateRows<Rule, Stateless>{u});
  };
  return made;
}

}  // namespace kernels

const RuleKernels& rule_kernels(std::string_view name, bool stateless) {
  static const std::vector<RuleKernels> with_states{
      kernels::kernels_of<Adam, false>(), kernels::kernels_of<AdamW, false>(),
      kernels::kernels_of<Adagrad, false>(), kernels::kernels_of<Sgd, false>()};
  static const std::vector<RuleKernels> without_states{kernels::kernels_of<Sgd, true>()};
  for (const RuleKernels& rule : stateless ? without_states : with_states) {
    if (rule.name == name) return rule;
  }
  std::string known;
  for (const RuleKernels& rule : with_states)
    known += (known.empty() ? "" : ", ") + std::string(rule.name);
  throw ConfigError("espalier::cuda has no optimiser '" + std::string(name) + "'; it has " + known);
}

void add_squared_norm(Device device, const float* gradients, Index count, double* norm) {
  sum_columns<double>(device, "squared norm", 1, count, kernels::Square{gradients},
                      AddTo<double>{norm});
}

void add_squared_norm(Device device, const TableRows* tables, int table_count,
                      const SortedRows& sorted, double* norm) {
  sum_columns<double>(device, "squared norm of rows", 1, sorted.entries,
                      kernels::SquareOfRow{tables, table_count, sorted}, AddTo<double>{norm});
}

void clip_scale(Device device, const double* norm, double max_norm, float* scale) {
  each(device, "clip", 1, kernels::ClipScale{norm, max_norm, scale});
}

}  // namespace espalier::cuda
