// SPDX-License-Identifier: Apache-2.0
// Concepts of a model's parts: a user's struct is a layer or task if it has the members.
#pragma once

#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>

#include "espalier/fwd.hpp"
#include "espalier/plan/builder.hpp"

namespace espalier {

namespace detail {
/// A builder type to test whether a part has a fold; nothing is folded with it.
using AnyBuilder = PlanBuilder<0, 0, 0, 0>;

template <class T>
concept IsComplete = requires {
  typename std::bool_constant<(sizeof(T) > 0)>;
};

template <class T>
struct DerivedFrom : T {};

/// A class with a failed static_assert, in clang++: it is then not accepted as a base class, and
/// its members are hidden. The message has already been printed. g++ continues to use such a class.
template <class T>
concept IsRefused = IsComplete<T> && std::is_class_v<T> &&
    (!std::is_final_v<T>)&&(!std::is_base_of_v<T, DerivedFrom<T>>);
}  // namespace detail

/// A layer, or a sequence of layers (describe/layers.hpp).
template <class T>
concept IsLayer = requires(detail::AnyBuilder& b, Block in) {
  typename T::Operations;
  { T::fold(b, in, 0) } -> std::same_as<Block>;
};

/// An input field, an argument of `Inputs`.
template <class T>
concept IsField = requires {
  { T::info() } -> std::same_as<FieldInfo>;
};

/// The inputs of a model: a fold that returns one block, and the fields that it reads.
template <class T>
concept IsInputs = requires(detail::AnyBuilder& b) {
  typename T::Operations;
  T::fields.size();
  { T::fold(b) } -> std::same_as<Block>;
};

/// The members of a loss that a task's head depends on.
template <class T>
concept IsTaskLoss = requires {
  { T::name } -> std::convertible_to<std::string_view>;
  { T::label } -> std::convertible_to<LabelKind>;
  requires T::outputs >= 1;
};

template <class T>
concept IsTask = requires {
  typename T::Loss;
  typename T::Chain;
  typename T::Operations;
  { T::name } -> std::convertible_to<std::string_view>;
  { T::weight } -> std::convertible_to<double>;
};

/// A sharing architecture for these inputs and tasks (describe/sharing.hpp).
template <class T, class InputsType, class... Tasks>
concept IsSharing = requires(detail::AnyBuilder& b) {
  typename T::Operations;
  { T::name } -> std::convertible_to<std::string_view>;
  {
    T::template fold<InputsType, Tasks...>(b)
    } -> std::same_as<std::array<Block, sizeof...(Tasks)>>;
};

/// The members of a `MultiTaskModel`.
template <class T>
concept IsModel = requires(detail::AnyBuilder& b) {
  typename T::Operations;
  typename T::TaskList;
  T::architecture;
  T::fields.size();
  T::labels.size();
  T::fold(b);
};

namespace detail {

/// The kind of a type that is given as a part of a model.
enum class Part { nothing, inputs, field, layers, sharing, task, loss, model, other };

template <class T>
constexpr Part part_of() {
  if constexpr (IsTask<T>) {
    return Part::task;
  } else if constexpr (IsModel<T>) {
    return Part::model;
  } else if constexpr (IsInputs<T>) {
    return Part::inputs;
  } else if constexpr (IsField<T>) {
    return Part::field;
  } else if constexpr (IsLayer<T>) {
    return Part::layers;
  } else if constexpr (IsTaskLoss<T>) {
    return Part::loss;
  } else if constexpr (requires {
                         typename T::Operations;
                         T::name;
                       }) {
    return Part::sharing;
  } else {
    return Part::other;
  }
}

}  // namespace detail
}  // namespace espalier
