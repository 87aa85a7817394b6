// SPDX-License-Identifier: Apache-2.0
// PepNet: gates on the embeddings and on each task's layers, computed from domain and user inputs.
#pragma once

#include "espalier/core/fixed_string.hpp"
#include "espalier/describe/sharing/parts.hpp"

namespace espalier {

/// Names of the inputs that say where an exposure happens, for PepNet's gate on the embeddings.
template <FixedString... Names>
struct Domain {
  static constexpr std::array<std::string_view, sizeof...(Names)> names{Names.view()...};
};
/// Names of the inputs that say who sees what, for PepNet's gates on the layers.
template <FixedString... Names>
struct Person {
  static constexpr std::array<std::string_view, sizeof...(Names)> names{Names.view()...};
};

/// PEPNet (Chang et al., KDD 2023). x: all inputs; x_D and x_P: the inputs that `Where` and `Who`
/// name; the gate g(v) = 2 σ(B relu(A v + a) + b), with a hidden layer as wide as the gated block:
///
///   e = g_0([x_D, stop(x)]) ∘ x;   h^0 = e;
///   h^l = g_kl([x_P, stop(e)]) ∘ relu(W_kl h^{l−1} + b_kl)
/// for the layers of task k, with `Units` outputs each. stop: no gradient, so that the gates do not
/// change the embeddings that all tasks share.
template <class Where, class Who, int... Units>
struct PepNet {
  using Operations = TypeList<ops::Dense, ops::Copy, ops::Multiply>;
  static constexpr std::string_view name = "pepnet";

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(sizeof...(Units) > 0, "espalier: PepNet needs at least one layer of units");
    static_assert(Where::names.size() > 0 && Who::names.size() > 0,
                  "espalier: PepNet's Domain and Person each name an input");
    constexpr bool sound = sizeof...(Units) > 0 && Where::names.size() > 0 && Who::names.size() > 0;
    constexpr bool known = has_all<InputsType>(Where::names) && has_all<InputsType>(Who::names);
    static_assert(known, "espalier: PepNet names an input that the model does not have");
    return sound && known;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    const Block x = InputsType::fold(b);
    const Block e = detail::under(
        b, "domain", [&] { return gated<InputsType>(b, x, Where::names, x.stopped(), x); });
    std::array<Block, sizeof...(Tasks)> out{};
    detail::each_task<Tasks...>(b, true, [&](int k) {
      Block h = e;
      int layer = 0;
      for (const int units : {Units...}) {
        const auto inner = b.scope("layer", layer++);
        h = detail::dense(b, h, units, Activation::relu, 0);
        const auto gate = b.scope("gate");
        h = gated<InputsType>(b, x, Who::names, e.stopped(), h);
      }
      out[static_cast<std::size_t>(k)] = h;
    });
    return out;
  }

 private:
  template <class InputsType, std::size_t N>
  static constexpr bool has_all(const std::array<std::string_view, N>& names) {
    for (const std::string_view name_of : names) {
      bool found = false;
      for (const FieldInfo& f : InputsType::fields) found = found || f.name == name_of;
      if (!found) return false;
    }
    return true;
  }

  /// g([the named inputs, rest]) ∘ h.
  template <class InputsType, class Builder, std::size_t N>
  static constexpr Block gated(Builder& b, Block x, const std::array<std::string_view, N>& names,
                               Block rest, Block h) {
    int rows = rest.rows;
    for (std::size_t i = 0; i < InputsType::count; ++i)
      rows += names_it(names, InputsType::fields[i]) ? InputsType::rows_of[i] : 0;
    const Block in = b.block(rows, rest.steps);
    int row = 0, at = 0;
    const auto append = [&](Block part) {
      detail::copy(b, part, in.slice(row, part.rows));
      row += part.rows;
    };
    for (std::size_t i = 0; i < InputsType::count; ++i) {
      const FieldInfo& f = InputsType::fields[i];
      const Block part = x.slice(at, InputsType::rows_of[i]);
      if (names_it(names, f)) append(f.is_numeric() ? part.stopped() : part);
      at += part.rows;
    }
    append(rest);
    const Block hidden = detail::dense(b, in, h.rows, Activation::relu, 0);
    return detail::multiply(b, detail::dense(b, hidden, h.rows, Activation::sigmoid, 1), h, 2);
  }

  template <std::size_t N>
  static constexpr bool names_it(const std::array<std::string_view, N>& names, const FieldInfo& f) {
    for (const std::string_view name_of : names) {
      if (name_of == f.name) return true;
    }
    return false;
  }
};

}  // namespace espalier
