// SPDX-License-Identifier: Apache-2.0
// Parts of sharing architectures: loops over tasks, gates, mixtures of groups of experts.
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>

#include "espalier/describe/parallel.hpp"
#include "espalier/describe/sharing/gates.hpp"

namespace espalier::detail {

/// Calls f(k) for each task in order, in the scope of its name. `own`: task k owns what f adds.
template <class... Tasks, class Builder, class F>
constexpr void each_task(Builder& b, bool own, F f) {
  int task = 0;
  const auto one = [&](std::string_view name) {
    const auto path = b.scope(name);
    const auto owner = b.owned_by(own ? task : shared_by_tasks);
    f(task++);
  };
  (one(Tasks::name), ...);
}

using GateOperations = TypeList<ops::Dense, ops::Softmax>;

/// A gate: softmax(W x) over `choices` experts. Its tensor is `gate/weight`.
template <class Builder>
constexpr Block fold_gate(Builder& b, Block x, int choices) {
  return under(b, "gate", [&] { return softmax(b, linear(b, x, choices)); });
}

/// `count` experts of the same width, as consecutive rows of one block.
struct Group {
  Block experts;
  int count = 0;
};

using MixOperations = TypeList<ops::Mix, ops::MixOnto>;

/// Σ_e gates_e · expert_e over the experts of all groups, in order. Stopped groups get no gradient.
template <class Builder>
constexpr Block mix_groups(Builder& b, const Group* groups, int count, Block gates) {
  Block out;
  int row = 0;
  const auto path = b.scope("mix");
  for (int i = 0; i < count; ++i) {
    const Group& group = groups[i];
    if (group.count == 0) continue;
    Node node;
    node.in = group.experts;
    node.in2 = gates.slice(row, group.count);
    node.groups = group.count;
    const bool first = row == 0;
    if (first) out = b.block(group.experts.rows / group.count, group.experts.steps);
    node.out = out;
    if (first) {
      b.template emit<ops::Mix>(node);
    } else {
      b.template emit<ops::MixOnto>(node);
    }
    row += group.count;
  }
  return out;
}

}  // namespace espalier::detail
