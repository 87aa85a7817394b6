// SPDX-License-Identifier: Apache-2.0
// `JoinUnique`: concatenation of type lists without duplicates.
#pragma once

#include <type_traits>

#include "espalier/fwd.hpp"

namespace espalier {

template <class List, class T>
struct AppendUnique;
template <class... Ts, class T>
struct AppendUnique<TypeList<Ts...>, T> {
  using type =
      std::conditional_t<(std::is_same_v<Ts, T> || ...), TypeList<Ts...>, TypeList<Ts..., T>>;
};

template <class... Lists>
struct Join {
  using type = TypeList<>;
};
template <class First>
struct Join<First> {
  using type = First;
};
template <class First, class... Rest>
struct Join<First, TypeList<>, Rest...> : Join<First, Rest...> {};
template <class First, class T, class... Ts, class... Rest>
struct Join<First, TypeList<T, Ts...>, Rest...>
    : Join<typename AppendUnique<First, T>::type, TypeList<Ts...>, Rest...> {};

/// The types of all `Lists`, each once, in order of first appearance.
template <class... Lists>
using JoinUnique = typename Join<TypeList<>, Lists...>::type;

}  // namespace espalier
