// SPDX-License-Identifier: Apache-2.0
// What sharing architectures are put together from: something for each task, gates, mixtures of several groups of experts.
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>

#include "espalier/describe/parallel.hpp"
#include "espalier/describe/sharing/gates.hpp"

namespace espalier::detail {

/// f(k) for task after task, under the task's name. `own`: what f makes learns from this task alone.
template <class... Tasks, class Builder, class F>
constexpr void each_task(Builder& b, bool own, F f) {
  int task = 0;
  const auto one = [&](std::string_view name) {
    const int path = b.enter(name);
    const int before = b.belongs_to(own ? task : shared_by_tasks);
    f(task++);
    b.belongs_to(before);
    b.leave(path);
  };
  (one(Tasks::name), ...);
}

/// `make()` under `name`.
template <class Builder, class F>
constexpr auto under(Builder& b, std::string_view name, F make) {
  const int path = b.enter(name);
  const auto made = make();
  b.leave(path);
  return made;
}

/// W x, with a tensor `weight` and no bias.
template <class Builder>
constexpr Block linear(Builder& b, Block x, int units, Activation act = Activation::identity) {
  Node node;
  node.in = x;
  node.activation = act;
  b.align();
  node.parameters[0] = b.tensor("weight", units, x.rows, Init::glorot_uniform);
  if (needs_pre_activation(act)) node.cache = b.block(units, x.steps);
  node.out = b.block(units, x.steps);
  return b.template emit<ops::Dense>(node);
}

/// act(W x + b), its tensors under `dense{position}`.
template <class Builder>
constexpr Block dense(Builder& b, Block x, int units, Activation act, int position) {
  const int path = b.enter("dense", position);
  Node node;
  node.in = x;
  node.activation = act;
  b.align();
  node.parameters[0] = b.tensor("weight", units, x.rows, Dense<1>::resolve_init(Init::automatic, act));
  b.align();
  node.parameters[1] = b.tensor("bias", units, 0, Init::zeros);
  if (needs_pre_activation(act)) node.cache = b.block(units, x.steps);
  node.out = b.block(units, x.steps);
  b.template emit<ops::Dense>(node);
  b.leave(path);
  return node.out;
}

using GateOperations = TypeList<ops::Dense, ops::Softmax>;

/// A gate: softmax(W x) over `choices` experts, its tensor `gate/weight`.
template <class Builder>
constexpr Block fold_gate(Builder& b, Block x, int choices) {
  return under(b, "gate", [&] { return softmax(b, linear(b, x, choices)); });
}

/// `count` experts of one width, one below the other.
struct Group {
  Block experts;
  int count = 0;
};

using MixOperations = TypeList<ops::Mix, ops::MixOnto>;

/// Σ gates_e · expert_e over all groups in a row; a stopped group learns nothing from it.
template <class Builder>
constexpr Block mix_groups(Builder& b, const Group* groups, int count, Block gates) {
  Block out;
  int row = 0;
  const int path = b.enter("mix");
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
  b.leave(path);
  return out;
}

/// s · a ∘ b.
template <class Builder>
constexpr Block multiply(Builder& b, Block in, Block in2, double scale = 1) {
  Node node;
  node.in = in;
  node.in2 = in2;
  node.real = scale;
  node.out = b.block(in.rows, in.steps);
  return b.template emit<ops::Multiply>(node);
}

template <class Builder>
constexpr Block add(Builder& b, Block in, Block in2) {
  Node node;
  node.in = in;
  node.in2 = in2;
  node.out = b.block(in.rows, in.steps);
  return b.template emit<ops::Add>(node);
}

/// Blocks of any widths and as many steps, one below the other: a copy of each.
template <class Builder>
constexpr Block concatenate(Builder& b, std::initializer_list<Block> parts) {
  int rows = 0;
  for (const Block& part : parts) rows += part.rows;
  const Block out = b.block(rows, parts.begin()->steps);
  int row = 0;
  for (const Block& part : parts) {
    Node node;
    node.in = part;
    node.out = out.slice(row, part.rows);
    b.template emit<ops::Copy>(node);
    row += part.rows;
  }
  return out;
}

}  // namespace espalier::detail
