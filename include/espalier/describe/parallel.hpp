// SPDX-License-Identifier: Apache-2.0
// Parallel layers of the same shape: experts that read one input, towers on one representation.
#pragma once

#include <array>
#include <string_view>
#include <tuple>
#include <utility>

#include "espalier/describe/layers.hpp"

namespace espalier {

template <class L>
inline constexpr bool is_dense = false;
template <int U, Activation A, Init I>
inline constexpr bool is_dense<Dense<U, A, I>> = true;

namespace detail {

template <class L>
inline constexpr bool is_elementwise = requires {
  L::elementwise;
};

/// Folds one layer of `count` parallel copies. If `joint`, all copies read the same block `in`: a
/// Dense is then one wider matmul. Otherwise copy i reads rows i·w … of `in`, w = in.rows / count:
/// a Dense then has `count` groups.
template <class L, class Builder>
constexpr Block fold_parallel_layer(Builder& b, Block in, int count, std::string_view name,
                                    int position, bool joint) {
  const int rows = joint ? in.rows : in.rows / count;
  if constexpr (is_dense<L>) {
    Node node;
    node.in = in;
    node.activation = L::activation;
    node.groups = joint ? 1 : count;
    for (int vector = 0; vector < 2; ++vector) {
      b.align();
      for (int i = 0; i < count; ++i) {
        const auto path = b.scope(name, i);
        const auto layer = b.scope("dense", position);
        b.template require<detail::DenseUnits>(L::units > 0);
        b.join(node.parameters[static_cast<std::size_t>(vector)],
               vector == 0
                   ? b.tensor("weight", L::units, rows, detail::initial(L::weights, L::activation))
                   : b.tensor("bias", L::units, 0, Init::zeros));
      }
    }
    if (needs_pre_activation(L::activation)) node.cache = b.block(L::units * count, in.steps);
    node.out = b.block(L::units * count, in.steps);
    const auto path = b.scope(name);
    const auto layer = b.scope("dense", position);
    b.template emit<ops::Dense>(node);
    return node.out;
  } else if constexpr (is_elementwise<L>) {
    const auto path = b.scope(name);
    const Block out = L::fold(b, in, position);  // one node for all copies
    return out;
  } else {
    std::array<Block, 256> parts{};
    for (int i = 0; i < count; ++i) {
      const auto path = b.scope(name, i);
      parts[static_cast<std::size_t>(i)] =
          L::fold(b, joint ? in : in.slice(i * rows, rows), position);
    }
    return side_by_side(b, parts.data(), count, name);
  }
}

}  // namespace detail

/// Folds `Count` parallel copies of `Encoder` (a `Layers<…>` or one layer) on `in`, each with its
/// own parameters. The result has Count · width rows, copy by copy; tensors are named `name{i}/…`.
/// If `joint`, each copy reads all of `in`; otherwise copy i reads the i-th of `Count` parts.
template <class Encoder>
struct Parallel : Parallel<Layers<Encoder>> {};

template <class... Ls>
struct Parallel<Layers<Ls...>> {
  using Operations = JoinUnique<typename Layers<Ls...>::Operations, TypeList<ops::Copy>>;

  template <int Count, class Builder>
  static constexpr Block fold(Builder& b, Block in, std::string_view name, bool joint = true) {
    static_assert(Count > 0 && Count <= 256, "espalier: 1 to 256 copies of an encoder");
    static_assert(sizeof...(Ls) > 0, "espalier: an expert needs at least one layer");
    int position = 0;
    // joint: true while all copies still have the same values
    ((in =
          detail::fold_parallel_layer<detail::LayerOrNone<Ls>>(b, in, Count, name, position, joint),
      joint = joint && detail::is_elementwise<Ls>, ++position),
     ...);
    if (!joint) return in;
    std::array<Block, static_cast<std::size_t>(Count)> same{};
    same.fill(in);
    return detail::side_by_side(b, same.data(), Count, name);
  }
};

namespace detail {

template <class List>
struct FirstLayer;
template <class L, class... Rest>
struct FirstLayer<Layers<L, Rest...>> {
  using type = L;
  using rest = Layers<Rest...>;
};

template <class L>
constexpr Activation activation_of() {
  if constexpr (is_dense<L>) {
    return L::activation;
  } else {
    return Activation::identity;
  }
}

}  // namespace detail

/// The towers and heads of all tasks. If all towers read the same block and begin with a Dense of
/// the same activation, these first layers are one wider matmul.
template <class... Tasks>
struct Towers {
  static constexpr std::size_t count = sizeof...(Tasks);
  template <class T>
  using First = typename detail::FirstLayer<typename T::Chain>::type;
  template <class T>
  using Rest = typename detail::FirstLayer<typename T::Chain>::rest;

  static constexpr bool alike =
      count > 1 && (is_dense<First<Tasks>> && ...) &&
      ((detail::activation_of<First<Tasks>>() ==
        detail::activation_of<typename detail::FirstLayer<
            typename std::tuple_element_t<0, std::tuple<Tasks...>>::Chain>::type>()) &&
       ...);

  template <class Builder>
  static constexpr std::array<Block, count> fold(Builder& b, const std::array<Block, count>& in) {
    bool joint = alike;
    for (const Block& block : in) {
      joint = joint && block.base == in[0].base && block.row == in[0].row;
    }
    std::array<Block, count> logits{};
    int task = 0;
    if constexpr (alike) {
      if (joint) {
        const std::array<Block, count> first = fold_first(b, in[0]);
        ((logits[static_cast<std::size_t>(task)] =
              one<Tasks, Rest<Tasks>>(b, first[static_cast<std::size_t>(task)], task, 1),
          ++task),
         ...);
        return logits;
      }
    }
    ((logits[static_cast<std::size_t>(task)] =
          one<Tasks, typename Tasks::Chain>(b, in[static_cast<std::size_t>(task)], task, 0),
      ++task),
     ...);
    return logits;
  }

  /// Folds `Chain`, the tower of task T or a part of it, on `in`; numbering layers from `position`.
  template <class T, class Chain, class Builder>
  static constexpr Block one(Builder& b, Block in, int task, int position) {
    const auto path = b.scope(T::name);
    const auto owner = b.owned_by(task);
    const Block out = Chain::fold(b, in, position);
    return out;
  }

 private:
  template <class T, class Builder>
  static constexpr Extent first_tensor(Builder& b, int task, int inputs, bool weight) {
    using L = First<T>;
    const auto path = b.scope(T::name);
    const auto layer = b.scope("dense", 0);
    b.template require<detail::DenseUnits>(L::units > 0);
    const auto owner = b.owned_by(task);
    const Extent at =
        weight ? b.tensor("weight", L::units, inputs, detail::initial(L::weights, L::activation))
               : b.tensor("bias", L::units, 0, Init::zeros);
    return at;
  }

  template <class Builder>
  static constexpr std::array<Block, count> fold_first(Builder& b, Block in) {
    constexpr Activation act =
        detail::activation_of<First<typename std::tuple_element_t<0, std::tuple<Tasks...>>>>();
    constexpr std::array<int, count> units{First<Tasks>::units...};
    constexpr int sum = (First<Tasks>::units + ...);
    Node node;
    node.in = in;
    node.activation = act;
    for (int vector = 0; vector < 2; ++vector) {
      b.align();
      Extent& joint = node.parameters[static_cast<std::size_t>(vector)];
      int task = 0;
      (b.join(joint, first_tensor<Tasks>(b, task++, in.rows, vector == 0)), ...);
    }
    if (needs_pre_activation(act)) node.cache = b.block(sum, in.steps);
    node.out = b.block(sum, in.steps);
    detail::under(b, "towers", [&] { return b.template emit<ops::Dense>(node); });
    std::array<Block, count> parts{};
    int row = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      parts[i] = node.out.slice(row, units[i]);
      row += units[i];
    }
    return parts;
  }
};

}  // namespace espalier
