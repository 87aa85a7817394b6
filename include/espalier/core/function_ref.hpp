// SPDX-License-Identifier: Apache-2.0
// `FunctionRef<R(A...)>`: a non-owning reference to a callable of any type. A function that takes
// one need not be a template, and is compiled once.
#pragma once

#include <type_traits>

#include "espalier/core/config.hpp"

namespace espalier {

template <class Signature>
class FunctionRef;

/// Refers to any callable, which must outlive it: use it for parameters, not for members.
template <class Result, class... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <class Function>
  requires(!std::is_same_v<std::remove_cvref_t<Function>, FunctionRef>)
      FunctionRef(Function&& function)
  noexcept  // NOLINT(google-explicit-constructor,bugprone-forwarding-reference-overload)
      : context_(const_cast<void*>(static_cast<const void*>(&function))),
        call_([](void* context, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<Function>*>(context))(arguments...);
        }) {}

  Result operator()(Arguments... arguments) const { return call_(context_, arguments...); }

 private:
  void* context_;
  Result (*call_)(void*, Arguments...);
};

}  // namespace espalier
