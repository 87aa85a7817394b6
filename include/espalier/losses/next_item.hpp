// SPDX-License-Identifier: Apache-2.0
// `NextItem`: the loss of predicting an item, by a softmax over all items of an embedding table.
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/items.hpp"
#include "espalier/losses/loss.hpp"

namespace espalier {

/// Label: the item y that comes next, a value of the field `Table` (or of one that shares its
/// table). With the vector h of a task's tower, or of the shared encoder if it has none, and the
/// items' embeddings E_r, r = 1, 2, …:
///   z_r = ⟨h, E_r⟩;  value  log Σ_r e^z_r − z_y;  derivative  dh = Σ_r p_r E_r − E_y,
///   dE_r = (p_r − [r = y]) h, with p = softmax(z)
/// The tower has no head: h is as wide as the table. An item that training has not seen (y = 0)
/// costs nothing, and counts as missed in metrics. The prediction is h, whose products with the
/// items' embeddings order them. With Sampled<N>, a training step compares with N drawn items;
/// losses and metrics of evaluations are always over all items.
template <FixedString Table, auto... Options>
struct NextItem {
  static constexpr std::string_view name = "next_item";
  static constexpr LabelKind label = LabelKind::item;
  static constexpr int outputs = 1;  ///< the value itself: ops::ItemSoftmax computes it
  static constexpr std::string_view table = Table.view();
  static constexpr bool new_items =
      (std::same_as<std::remove_cvref_t<decltype(Options)>, NewItems> || ... || false);
  using Head = detail::ItemHead<Table, Options...>;
  static_assert(((std::same_as<std::remove_cvref_t<decltype(Options)>, NewItems> ||
                  std::same_as<std::remove_cvref_t<decltype(Options)>, Sampled>)&&...),
                "espalier: the options of NextItem are Sampled{...} and NewItems{}");

  template <class T>
  ESPALIER_HD static T evaluate(T z, T y, T& gradient) {
    gradient = y > 0 ? T{1} : T{0};
    return y > 0 ? z : T{0};
  }
  template <class T>
  ESPALIER_HD static T predict(T z) {
    return z;
  }
};

}  // namespace espalier
