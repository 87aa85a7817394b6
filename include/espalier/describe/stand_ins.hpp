// SPDX-License-Identifier: Apache-2.0
// Stand-ins for invalid parts of a model: the compiler prints one message, no follow-up errors.
#pragma once

#include <array>
#include <string_view>
#include <type_traits>

#include "espalier/describe/concepts.hpp"

namespace espalier::detail {

// A stand-in folds, and records the rule that it breaks; the code that reads the plan
// (describe/fold.hpp) reports it, once and near the user's line. The classes contain no
// static_assert: clang++ treats a class with a failed static_assert as invalid, and reports each
// use of it. For such a class (IsRefused) nothing more is reported.

struct LossIsLoss {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: a task's second argument is a loss: BinaryCrossEntropy, "
                  "MeanSquaredError, or a struct "
                  "of yours with name, label, outputs, evaluate and predict");
  }
};

struct LayersAreLayers {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: expected layers: Mlp<64, 32>, Dense<64>, Dropout<Rate{0.1}>, several of them in "
        "Layers, or a struct of yours with Operations and fold(builder, block, position)");
  }
};

struct SharingIsSharing {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: expected a way to share, such as SharedBottom<Mlp<64, 32>> or Mmoe<8, Mlp<64>>");
  }
};

struct TowerInput {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: a way to share left the block that this task's tower reads empty");
  }
};

struct TaskLogits {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: a task's tower ends in one step of as many values as its loss has "
                  "outputs: what has several "
                  "steps is put together before");
  }
};

struct ItemTable {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: NextItem names the table of a Categorical of the inputs: the field's name, "
        "or that of its SharedTable");
  }
};

struct ItemHeadLast {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: a task with NextItem ends in its tower: this way to share adds to the "
                  "result, which is no logit");
  }
};

/// For a part about which the compiler has already complained: asserts nothing.
struct Said {
  template <bool Holds, Where At>
  static constexpr void say() {}
};

struct NoLoss {
  static constexpr std::string_view name = "none";
  static constexpr LabelKind label = LabelKind::real;
  static constexpr int outputs = 1;
  template <class T>
  static T evaluate(T z, T, T& gradient) {
    return gradient = z;
  }
  template <class T>
  static T predict(T z) {
    return z;
  }
};

template <class Rule>
struct NoLayer {
  using Operations = TypeList<Rule>;
  static constexpr int width(int in) { return in; }
  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int) {
    b.template require<Rule>(std::is_same_v<Rule, Said>);
    return in;
  }
};

template <class Rule>
struct NoSharing {
  using Operations = TypeList<Rule>;
  static constexpr std::string_view name = "none";
  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    b.template require<Rule>(std::is_same_v<Rule, Said>);
    std::array<Block, sizeof...(Tasks)> out{};
    out.fill(InputsType::fold(b));
    return out;
  }
};

struct NoModel {
  using Operations = TypeList<>;
  using TaskList = TypeList<>;
  static constexpr int task_count = 0;
  static constexpr std::string_view architecture = "none";
  static constexpr std::array<FieldInfo, 0> fields{};
  static constexpr std::array<std::string_view, 0> task_names{};
  static constexpr std::array<LabelInfo, 0> labels{};
  template <class Builder>
  static constexpr void fold(Builder&) {}
};

template <class T, class Rule>
using Unsaid = std::conditional_t<IsRefused<T>, Said, Rule>;

template <class T>
using LossOrNone = std::conditional_t<IsTaskLoss<T>, T, NoLoss>;

template <class T>
using LayerOrNone = std::conditional_t<IsLayer<T>, T, NoLayer<Unsaid<T, LayersAreLayers>>>;

template <class T>
using SharingOrNone =
    std::conditional_t<part_of<T>() == Part::sharing, T, NoSharing<Unsaid<T, SharingIsSharing>>>;

template <class T>
using ModelOrNone = std::conditional_t<IsModel<T>, T, NoModel>;

template <class T>
constexpr FieldInfo field_or_none() {
  if constexpr (IsField<T>) {
    return T::info();
  } else {
    FieldInfo none;
    none.width = 0;
    return none;
  }
}

/// Returns whether the sharing architecture fits the inputs and tasks: the result of its own
/// fits(), which asserts the reason if not; true if it has none.
template <class Sharing, class InputsType, class... Tasks>
constexpr bool fits() {
  if constexpr (requires { Sharing::template fits<InputsType, Tasks...>(); }) {
    return Sharing::template fits<InputsType, Tasks...>();
  } else {
    return true;
  }
}

}  // namespace espalier::detail
