// SPDX-License-Identifier: Apache-2.0
// Home: two levels of experts, first of categories of tasks, then of tasks, normalised and gated.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "espalier/describe/sharing/chain.hpp"

namespace espalier {

namespace detail {

/// A group of experts of one Home level that read the same input: shared, a category's or a task's.
struct HomeGroup {
  std::string_view name;
  int number = -1;              ///< appended to the name, unless −1
  int owner = shared_by_tasks;  ///< the only task whose loss trains them
  Block in;

  template <class Builder>
  constexpr auto scope(Builder& b) const {
    return b.scope(name, number);
  }
};

/// One level: `Experts` experts of `Units` values for each group; the result has them in order of
/// the groups. With v the group's input, expert i is swish(normalise(W_i (2 σ(B_i A_i v) ∘ v))),
/// where A_i and B_i have rank `Rank`. Equal layers of all experts are one node. `common`: all
/// groups read the same input.
template <int Experts, int Rank, int Units>
struct HomeLevel {
  template <class Builder, std::size_t N>
  static constexpr Block fold(Builder& b, const std::array<HomeGroup, N>& groups, bool common) {
    constexpr int count = static_cast<int>(N) * Experts;
    const int width = groups[0].in.rows;
    const Block in = common ? groups[0].in : side_by_side_inputs(b, groups);

    const Extent down =
        tensors(b, groups, "feature_gate", "down", Rank, width, Init::glorot_uniform);
    const Block inner = dense(b, in, count * Rank, down, common ? 1 : static_cast<int>(N),
                              Activation::identity, "down");
    const Extent up = tensors(b, groups, "feature_gate", "up", width, Rank, Init::glorot_uniform);
    const Block gate = dense(b, inner, count * width, up, count, Activation::sigmoid, "up");
    const Block gated = b.block(count * width, in.steps);
    for (int e = 0; e < count; ++e) {
      const auto path = b.scope("feature_gate", e);
      Node node;
      node.in = gate.slice(e * width, width);
      node.in2 = groups[static_cast<std::size_t>(e / Experts)].in;
      node.scale = 2;
      node.out = gated.slice(e * width, width);
      b.template emit<ops::Multiply>(node);
    }
    const Extent weight = tensors(b, groups, "dense0", "weight", Units, width, Init::he_uniform);
    const Block h = dense(b, gated, count * Units, weight, count, Activation::identity, "experts");
    return swish(b, normalise(b, groups, h));
  }

 private:
  template <class Builder, std::size_t N>
  static constexpr Block side_by_side_inputs(Builder& b, const std::array<HomeGroup, N>& groups) {
    std::array<Block, N> parts{};
    for (std::size_t g = 0; g < N; ++g) parts[g] = groups[g].in;
    return side_by_side(b, parts.data(), static_cast<int>(N), "inputs");
  }

  /// Calls f() for each group in order, in the scope of its name and owner.
  template <class Builder, std::size_t N, class F>
  static constexpr void each_group(Builder& b, const std::array<HomeGroup, N>& groups, F f) {
    for (const HomeGroup& group : groups) {
      const auto path = group.scope(b);
      const auto whose = b.owned_by(group.owner);
      f();
    }
  }

  /// One matrix per expert, all contiguous.
  template <class Builder, std::size_t N>
  static constexpr Extent tensors(Builder& b, const std::array<HomeGroup, N>& groups,
                                  std::string_view layer, std::string_view name, int rows,
                                  int columns, Init init) {
    Extent all;
    b.align();
    each_group(b, groups, [&] {
      for (int i = 0; i < Experts; ++i) {
        const auto path = b.scope("expert", i);
        const auto inner = b.scope(layer);
        b.join(all, b.tensor(name, rows, columns, init));
      }
    });
    return all;
  }

  template <class Builder>
  static constexpr Block dense(Builder& b, Block in, int units, Extent weight, int groups,
                               Activation act, std::string_view name) {
    Node node;
    node.in = in;
    node.groups = groups;
    node.activation = act;
    node.parameters[0] = weight;
    node.out = b.block(units, in.steps);
    return under(b, name, [&] { return b.template emit<ops::Dense>(node); });
  }

  /// Batch normalisation of each value, as in the layer BatchNorm.
  template <class Builder, std::size_t N>
  static constexpr Block normalise(Builder& b, const std::array<HomeGroup, N>& groups, Block in) {
    Node node;
    node.in = in;
    node.epsilon = 1e-5;
    const auto vectors = [&](std::size_t which, std::string_view name, Init init, bool learnt) {
      b.align();
      each_group(b, groups, [&] {
        const auto path = b.scope("batch_norm");
        const int rows = Experts * Units;
        b.join(node.parameters[which],
               learnt ? b.tensor(name, rows, 0, init) : b.state(name, rows, init));
      });
    };
    vectors(0, "gain", Init::ones, true);
    vectors(1, "shift", Init::zeros, true);
    vectors(2, "running_mean", Init::zeros, false);
    vectors(3, "running_variance", Init::ones, false);
    node.scratch_size = 4 * in.rows + 1;
    node.scratch = b.scratch(node.scratch_size);
    node.out = b.block(in.rows, in.steps);
    const auto path = b.scope("batch_norm");
    b.template emit<ops::BatchMoments>(node);
    node.in = in.stopped();  // BatchMoments::backward writes the whole gradient
    b.template emit<ops::BatchNormalize>(node);
    return node.out;
  }

  template <class Builder>
  static constexpr Block swish(Builder& b, Block in) {
    Node node;
    node.in = in;
    node.activation = Activation::silu;
    node.out = b.block(in.rows, in.steps);
    return under(b, "swish", [&] { return b.template emit<ops::Activate>(node); });
  }
};

}  // namespace detail

/// Tasks of one kind, by name, which share Home's category experts.
template <FixedString... Tasks>
struct Category {
  using Names = detail::NameList<Tasks...>;
};

/// HoME (Wang et al., Kuaishou, 2024). `Categories` group the tasks. The first level, with experts
/// of `First` units, has `Experts` shared experts and `Experts` for each category c; all read x.
/// The second level, with experts of `Second` units, has shared experts, which read z_shared, and
/// experts of each category c and task k, which read z_c and z_c(k). An expert is
/// f(v) = swish(norm(W (2 σ(B A v) ∘ v))), with its own feature gate of rank `Rank` and no bias
/// before the batch normalisation. E(…) are the experts of a group:
///
///   z_c = Σ softmax(G_c x) · [E(c), E(shared)] + Σ η(S_c x) · E(c)
///   z_shared = Σ softmax(G x) · [all E] + Σ η(S x) · E(shared)
///   h_k = Σ softmax(G_k [z_c, z_shared]) · [E(k), E(c), E(shared)] + Σ η(S_k z_c) · E(k)
/// The second terms are self-gates, so that a group's own experts always learn; η is softmax, or σ
/// if there is one expert. docs/sharing.md says what is from the paper and what is not.
template <int Experts, int Rank, int First, int Second, class... Categories>
struct Home {
  using Operations = JoinUnique<
      detail::GateOperations, detail::MixOperations,
      TypeList<ops::Copy, ops::Multiply, ops::BatchMoments, ops::BatchNormalize, ops::Activate>>;
  static constexpr std::string_view name = "home";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Experts > 0, "espalier: Home needs at least one expert of each group");
    static_assert(Rank > 0, "espalier: the rank of Home's feature gates must be positive");
    static_assert(First > 0 && Second > 0, "espalier: Home's experts need at least one unit");
    static_assert(sizeof...(Categories) > 0, "espalier: Home needs at least one Category of tasks");
    constexpr bool named = ((Categories::Names::count > 0) && ...);
    static_assert(named, "espalier: a Category of Home names at least one task");
    constexpr bool sound =
        named && Experts > 0 && Rank > 0 && First > 0 && Second > 0 && sizeof...(Categories) > 0;
    constexpr bool known = (Categories::Names::template are_tasks<Tasks...> && ...);
    constexpr bool once = ((times(Tasks::name) == 1) && ...);
    static_assert(known, "espalier: Home names a task that the model does not have");
    static_assert(once || !known || !named || sizeof...(Categories) == 0,
                  "espalier: each task must be in one of Home's categories, and in no other");
    return sound && known && once;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr std::size_t categories = sizeof...(Categories), tasks = sizeof...(Tasks);
    constexpr std::array<std::string_view, tasks> names{Tasks::name...};
    constexpr std::array<int, categories> owners{owner<Categories, Tasks...>()...};
    const Block x = InputsType::fold(b);

    // Groups, in order: shared, the categories, and in the second level the tasks.
    std::array<Block, 1 + categories> z{};
    detail::under(b, "meta", [&] {
      std::array<detail::HomeGroup, 1 + categories> meta{};
      meta[0] = {"shared", -1, shared_by_tasks, x};
      for (std::size_t c = 0; c < categories; ++c) {  // z_shared reads all of them
        meta[1 + c] = {"category", static_cast<int>(c), shared_by_tasks, x};
      }
      const Block below = detail::HomeLevel<Experts, Rank, First>::fold(b, meta, true);
      for (std::size_t g = 0; g < z.size(); ++g) {
        const auto path = meta[g].scope(b);
        const auto whose = b.owned_by(g == 0 ? shared_by_tasks : owners[g - 1]);
        const std::array<detail::Group, 2> both{experts(below, g, First), experts(below, 0, First)};
        const detail::Group all{below, Experts * static_cast<int>(z.size())};
        z[g] = g == 0 ? mix(b, &all, 1, both[1], x, x) : mix(b, both.data(), 2, both[0], x, x);
      }
      return below;
    });

    std::array<detail::HomeGroup, 1 + categories + tasks> own{};
    own[0] = {"shared", -1, shared_by_tasks, z[0]};
    for (std::size_t c = 0; c < categories; ++c) {
      own[1 + c] = {"category", static_cast<int>(c), owners[c], z[1 + c]};
    }
    for (std::size_t k = 0; k < tasks; ++k) {
      own[1 + categories + k] = {names[k], -1, static_cast<int>(k), z[1 + category(names[k])]};
    }
    const Block above = detail::HomeLevel<Experts, Rank, Second>::fold(b, own, false);
    std::array<Block, categories> seen{};
    for (std::size_t c = 0; c < categories; ++c) {
      const auto path = own[1 + c].scope(b);
      seen[c] = detail::concatenate(b, {z[1 + c], z[0]});
    }
    std::array<Block, tasks> out{};
    detail::each_task<Tasks...>(b, true, [&](int k) {
      const auto at = static_cast<std::size_t>(k);
      const std::size_t c = category(names[at]);
      const std::array<detail::Group, 3> groups{experts(above, 1 + categories + at, Second),
                                                experts(above, 1 + c, Second),
                                                experts(above, 0, Second)};
      out[at] = mix(b, groups.data(), 3, groups[0], seen[c], z[1 + c]);
    });
    return out;
  }

 private:
  static constexpr int times(std::string_view task) {
    return (0 + ... + (Categories::Names::place(task) >= 0 ? 1 : 0));
  }

  /// Returns the index of the category of a task.
  static constexpr std::size_t category(std::string_view task) {
    std::size_t found = 0, at = 0;
    ((found = Categories::Names::place(task) >= 0 ? at : found, ++at), ...);
    return found;
  }

  /// Returns the task of a category that has only one, else shared_by_tasks.
  template <class C, class... Tasks>
  static constexpr int owner() {
    int only = shared_by_tasks, task = 0;
    ((only = C::Names::count == 1 && C::Names::place(Tasks::name) >= 0 ? task : only, ++task), ...);
    return only;
  }

  /// Returns group `group` of a level whose experts have `units` values.
  static constexpr detail::Group experts(Block level, std::size_t group, int units) {
    const int rows = Experts * units;
    return {level.slice(static_cast<int>(group) * rows, rows), Experts};
  }

  /// The groups weighted by a gate that reads `seen`, plus `own` by a gate that reads `in`.
  template <class Builder>
  static constexpr Block mix(Builder& b, const detail::Group* groups, int count,
                             const detail::Group& own, Block seen, Block in) {
    int choices = 0;
    for (int i = 0; i < count; ++i) choices += groups[i].count;
    const Block out = detail::mix_groups(b, groups, count, detail::fold_gate(b, seen, choices));
    const auto path = b.scope("self_gate");
    Node node;
    node.in = own.experts;
    node.in2 = Experts == 1 ? detail::linear(b, in, 1, Activation::sigmoid)
                            : detail::softmax(b, detail::linear(b, in, Experts));
    node.groups = Experts;
    node.out = out;
    b.template emit<ops::MixOnto>(node);
    return out;
  }
};

}  // namespace espalier
