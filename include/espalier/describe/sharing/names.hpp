// SPDX-License-Identifier: Apache-2.0
// Tasks looked up by name.
#pragma once

#include <cstddef>
#include <string_view>

#include "espalier/core/fixed_string.hpp"

namespace espalier::detail {

/// Returns the index of the task called `name`, or −1.
template <class... Tasks>
constexpr int task_number(std::string_view name) {
  int found = -1, task = 0;
  ((found = Tasks::name == name ? task : found, ++task), ...);
  return found;
}

/// A list of task names.
template <FixedString... Names>
struct NameList {
  static constexpr std::size_t count = sizeof...(Names);

  template <class... Tasks>
  static constexpr bool are_tasks = ((task_number<Tasks...>(Names.view()) >= 0) && ...);

  static constexpr bool differ = [] {
    constexpr std::string_view names[] = {Names.view()..., ""};
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (names[i] == names[j]) return false;
      }
    }
    return true;
  }();

  /// Returns the index of `name` in the list, or −1.
  static constexpr int place(std::string_view name) {
    int found = -1, at = 0;
    ((found = Names.view() == name ? at : found, ++at), ...);
    return found;
  }
};

}  // namespace espalier::detail
