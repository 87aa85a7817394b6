// SPDX-License-Identifier: Apache-2.0
// Rules: conditions that a model must satisfy, each with the compiler message for a violation.
#pragma once

#include <cstdint>
#include <type_traits>

#include "espalier/core/type_list.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// The layer, task or field that breaks a rule. The compiler prints it next to the message.
struct Where {
  char text[Name::capacity + 1]{};

  constexpr Where() = default;
  explicit constexpr Where(const Name& name) {
    for (int i = 0; i < name.size; ++i) text[i] = name.text[i];
  }
};

inline constexpr Where nowhere{};

/// A rule is a struct whose say() asserts the condition with its message:
///
///     struct ResidualWidth {
///       template <bool Holds, Where At>
///       static constexpr void say() {
///         static_assert(Holds,
///             "espalier: the layers inside Residual must give as many values as they take");
///       }
///     };
///
/// The part of a model that checks the rule in its fold, b.require<ResidualWidth>(a == b), must
/// list it in its `Operations`.
template <class T>
concept IsRule = requires {
  T::template say<true, nowhere>();
};

/// True for an operation with a nested rule `Shape`; its holds(node) is checked for each of the
/// operation's nodes.
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

/// Returns whether the operation `op` is in the list.
template <class... Ops>
[[nodiscard]] constexpr bool lists(OpId op, TypeList<Ops...>) {
  return ((op == op_id<Ops>) || ...);
}

struct TensorsAdjoin {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: tensors that are read as one matrix are made one behind the other, "
                  "without align() in between");
  }
};

struct RuleListed {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: a layer requires a rule that it does not list in `Operations`");
  }
};

/// Used if no rule is broken: asserts nothing.
struct AllHold {
  template <bool Holds, Where At>
  static constexpr void say() {}
};

/// The rule with id `Rule`: AllHold if `Rule` is 0, RuleListed if `List` does not have it.
template <RuleId Rule, class List>
struct FindRule;
template <RuleId Rule>
struct FindRule<Rule, TypeList<>> {
  using type = std::conditional_t<Rule == 0, AllHold, RuleListed>;
};
template <RuleId Rule, class First, class... Rest>
struct FindRule<Rule, TypeList<First, Rest...>>
    : std::conditional_t<Rule == rule_id<First>, std::type_identity<First>,
                         FindRule<Rule, TypeList<Rest...>>> {};

}  // namespace detail
}  // namespace espalier
