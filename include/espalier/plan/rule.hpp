// SPDX-License-Identifier: Apache-2.0
// Rules: what must hold for a model to be one, each with the sentence that the compiler says where it does not.
#pragma once

#include <cstdint>
#include <type_traits>

#include "espalier/core/type_list.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Where a rule does not hold: a layer, a task, a field. The compiler prints it beside the sentence.
struct Where {
  char text[Name::capacity + 1]{};

  constexpr Where() = default;
  explicit constexpr Where(const Name& name) {
    for (int i = 0; i < name.size; ++i) text[i] = name.text[i];
  }
};

inline constexpr Where nowhere{};

/// A rule is a struct that says its sentence:
///
///     struct ResidualWidth {
///       template <bool Holds, Where At>
///       static constexpr void say() {
///         static_assert(Holds, "espalier: the layers inside Residual must give as many values as they take");
///       }
///     };
///
/// The part of a model that requires it while it folds, b.require<ResidualWidth>(a == b), lists it among its `Operations`.
template <class T>
concept IsRule = requires { &T::template say<true, nowhere>; };

/// Of an operation: its nested rule `Shape`, with holds(node), is asked of each of its nodes.
template <class Op>
concept HasShape = IsRule<typename Op::Shape>;

template <class Rule>
inline constexpr RuleId rule_id = detail::hash_of_type<Rule>();

namespace detail {

template <class List>
struct SplitList;
template <class... Ts>
struct SplitList<TypeList<Ts...>> {
  using Operations = JoinUnique<std::conditional_t<IsRule<Ts>, TypeList<>, TypeList<Ts>>...>;
  using Rules = JoinUnique<std::conditional_t<IsRule<Ts>, TypeList<Ts>, TypeList<>>...>;
};

/// Whether an operation is one of these.
template <class... Ops>
[[nodiscard]] constexpr bool lists(OpId op, TypeList<Ops...>) {
  return ((op == op_id<Ops>) || ...);
}

struct TensorsAdjoin {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: tensors that are read as one matrix are made one behind the other, without align() in between");
  }
};

struct RuleListed {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: a layer requires a rule that it does not list in `Operations`");
  }
};

/// Nothing to say.
struct AllHold {
  template <bool Holds, Where At>
  static constexpr void say() {}
};

/// The rule of that number; RuleListed where it is not among these.
template <RuleId Rule, class List>
struct FindRule;
template <RuleId Rule>
struct FindRule<Rule, TypeList<>> {
  using type = std::conditional_t<Rule == 0, AllHold, RuleListed>;
};
template <RuleId Rule, class First, class... Rest>
struct FindRule<Rule, TypeList<First, Rest...>>
    : std::conditional_t<Rule == rule_id<First>, std::type_identity<First>, FindRule<Rule, TypeList<Rest...>>> {};

}  // namespace detail
}  // namespace espalier
