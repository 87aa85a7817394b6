// SPDX-License-Identifier: Apache-2.0
// What a loss is: one small empty struct, its options template parameters.
#pragma once

#include <concepts>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

namespace detail {

template <class L>
concept LossHasName = requires {
  { L::name } -> std::convertible_to<std::string_view>;
};
template <class L>
concept LossHasLabel = requires {
  { L::label } -> std::convertible_to<LabelKind>;
};
template <class L>
concept LossHasOutputs = requires {
  { L::outputs } -> std::convertible_to<int>;
  requires L::outputs >= 1;
};
template <class L>
concept HasOneOutput = requires {
  requires L::outputs == 1;
};

template <class L, class T>
concept TakesGradientByValue = requires(T z) {
  L::template evaluate<T>(z, z, T{});
};
template <class L, class T>
concept EvaluatesScalar = requires(T z, T y, T& gradient) {
  { L::template evaluate<T>(z, y, gradient) } -> std::same_as<T>;
  requires !TakesGradientByValue<L, T>;  // it would be lost
};
template <class L, class T>
concept PredictsScalar = requires(T z) {
  { L::template predict<T>(z) } -> std::same_as<T>;
};
template <class L, class T>
concept EvaluatesVector = requires(const T* z, T y, T* gradient) {
  { L::template evaluate<T>(z, y, gradient) } -> std::same_as<T>;
};
template <class L, class T>
concept PredictsVector = requires(const T* z, T* out) {
  L::template predict<T>(z, out);
};

template <class L, class T>
concept ScalarLossOf = EvaluatesScalar<L, T> && PredictsScalar<L, T>;
template <class L, class T>
concept VectorLossOf = EvaluatesVector<L, T> && PredictsVector<L, T>;

}  // namespace detail

/// A loss with one output z, for float and double:
///
///     struct SquaredError {
///       static constexpr std::string_view name = "squared_error";
///       static constexpr LabelKind label = LabelKind::real;  // what labels may be
///       static constexpr int outputs = 1;                    // rows of the head
///       template <class T> ESPALIER_HD static T evaluate(T z, T y, T& gradient);
///       template <class T> ESPALIER_HD static T predict(T z);
///     };
///
/// `evaluate` returns the value and writes its derivative by z; `predict` returns what z means: a
/// probability, a mean. Both must be finite for every finite z, and `y` is never missing.
///
/// One that says `static constexpr bool takes_registers = true` is also evaluated with T a register of floats, many
/// samples at once: its formula is then written with the functions of kernels/elements.hpp. If it has an overload that takes
/// a Logit (losses/logistic.hpp) for z, registers go there.
///
/// One of real labels that says `static constexpr bool scales_labels = true` is one of z − y alone: labels may be shifted and
/// scaled, and are standardised unless a task's Label says otherwise. If it has constants in the label's unit, `evaluate`
/// takes that unit behind the gradient, as Huber does: labels were divided by it.
template <class L>
concept ScalarLoss = detail::LossHasName<L> && detail::LossHasLabel<L> && detail::HasOneOutput<L> &&
    detail::ScalarLossOf<L, float> && detail::ScalarLossOf<L, double>;

/// A loss with `outputs` outputs: `T evaluate(const T* z, T y, T* gradient)` writes that many
/// derivatives, `void predict(const T* z, T* out)` that many predictions. No pointers overlap.
template <class L>
concept VectorLoss = detail::LossHasName<L> && detail::LossHasLabel<L> &&
    detail::LossHasOutputs<L> && detail::VectorLossOf<L, float> && detail::VectorLossOf<L, double>;

template <class L>
concept Loss = ScalarLoss<L> || VectorLoss<L>;

/// Says in one sentence what a loss of one's own lacks.
template <class L>
constexpr void check_loss() {
  using detail::EvaluatesScalar, detail::EvaluatesVector, detail::PredictsScalar,
      detail::PredictsVector;
  static_assert(detail::LossHasName<L>,
                "espalier: a loss needs a name: static constexpr std::string_view name");
  static_assert(detail::LossHasLabel<L>,
                "espalier: a loss says which labels it takes: static constexpr LabelKind label");
  static_assert(
      detail::LossHasOutputs<L>,
      "espalier: a loss says how many outputs its head has, from 1: static constexpr int outputs");
  if constexpr (detail::LossHasOutputs<L>) {
    constexpr bool evaluates =
        (EvaluatesVector<L, float> && EvaluatesVector<L, double>) ||
        (L::outputs == 1 && EvaluatesScalar<L, float> && EvaluatesScalar<L, double>);
    constexpr bool predicts =
        (PredictsVector<L, float> && PredictsVector<L, double>) ||
        (L::outputs == 1 && PredictsScalar<L, float> && PredictsScalar<L, double>);
    static_assert(evaluates || L::outputs != 1,
                  "espalier: a loss with one output needs "
                  "template <class T> static T evaluate(T z, T y, T& gradient)");
    static_assert(evaluates || L::outputs == 1,
                  "espalier: a loss with several outputs needs "
                  "template <class T> static T evaluate(const T* z, T y, T* gradient)");
    static_assert(
        predicts || L::outputs != 1,
        "espalier: a loss with one output needs template <class T> static T predict(T z)");
    static_assert(predicts || L::outputs == 1,
                  "espalier: a loss with several outputs needs "
                  "template <class T> static void predict(const T* z, T* out)");
    static_assert(
        Loss<L> || !evaluates || !predicts || !detail::LossHasName<L> || !detail::LossHasLabel<L>,
        "espalier: a loss's evaluate and predict must both take values or both pointers");
  }
}

}  // namespace espalier
