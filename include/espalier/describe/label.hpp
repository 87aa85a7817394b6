// SPDX-License-Identifier: Apache-2.0
// `Label`: the column of a task's labels, and how labels are computed from its values.
#pragma once

#include <array>
#include <concepts>
#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/transforms.hpp"

namespace espalier {

// Binary labels (0 or 1), for losses of probabilities.

/// 1 if the cell is one of these texts, 0 if it is any other text, missing if it is empty.
template <FixedString... Texts>
struct OneOf {
  static_assert(sizeof...(Texts) > 0, "espalier: OneOf names at least one text");
  static constexpr std::array<std::string_view, sizeof...(Texts)> texts{Texts.view()...};
  static constexpr void apply(LabelInfo& l) {
    l.rule = LabelRule::one_of;
    l.texts = texts;
  }
};
/// 1 if the cell is this text.
template <FixedString Text>
using Equals = OneOf<Text>;

/// A number as a template argument: AtLeast<4>, AtLeast<3.5>.
struct Bound {
  double value = 0;
  // NOLINTNEXTLINE(google-explicit-constructor): a number is spelled as one.
  constexpr Bound(double bound) : value(bound) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr Bound(int bound) : value(bound) {}
};
/// 1 if the number is at least `B`.
template <Bound B>
struct AtLeast {
  static constexpr void apply(LabelInfo& l) {
    l.rule = LabelRule::at_least;
    l.bound = B.value;
  }
};

/// Identifies classes by the cell's text, also for numbers: the sorted values of the training split
/// are classes 0, 1, …. Text columns are read this way by default.
struct ByName {
  static constexpr void apply(LabelInfo& l) { l.rule = LabelRule::by_name; }
};

namespace detail {

template <class Rule>
concept MakesLabels = requires(LabelInfo& l) {
  Rule::apply(l);
};

/// The type of `Label<…>`. Task reports its errors.
template <FixedString Column, class... Rules>
struct LabelOption {
  static constexpr bool is_label = true;
  /// True if any rule transforms numbers.
  static constexpr bool transforms = (is_transform<Rules> || ...);
  static constexpr bool knows_rules = (MakesLabels<Rules> && ...);
  static constexpr bool has_one_rule =
      sizeof...(Rules) <= 1 || std::same_as<TypeList<Rules...>, TypeList<Log1p, Standardize>>;
  static constexpr void apply(LabelInfo& l) {
    l.column = Column.view();
    (apply_rule<Rules>(l), ...);
  }

 private:
  template <class Rule>
  static constexpr void apply_rule(LabelInfo& l) {
    if constexpr (MakesLabels<Rule>) Rule::apply(l);
  }
};

}  // namespace detail

/// An option of Task. Label<"clicked"> reads the labels from a column that is not named like the
/// task; Label<"income", Equals<">50K">> computes them from text; Label<"seconds", Log1p>
/// transforms numbers.
template <FixedString Column, class... Rules>
inline constexpr detail::LabelOption<Column, Rules...> Label{};

}  // namespace espalier
