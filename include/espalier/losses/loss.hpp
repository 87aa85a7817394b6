// SPDX-License-Identifier: Apache-2.0
// The requirements on a loss: a small empty struct whose options are template parameters.
#pragma once

#include <concepts>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/kernels/elements.hpp"
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
  requires !TakesGradientByValue<L, T>;  // the gradient would be lost
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
///       static constexpr LabelKind label = LabelKind::real;  // allowed labels
///       static constexpr int outputs = 1;                    // rows of the head
///       template <class T> ESPALIER_HD static T evaluate(T z, T y, T& gradient);
///       template <class T> ESPALIER_HD static T predict(T z);
///     };
///
/// `evaluate` returns the value and writes its derivative with respect to z; `predict` returns the
/// prediction for z: a probability or a mean. Both must be finite for |z| up to 1e4 in float; `y`
/// is never missing.
///
/// If a loss declares `static constexpr bool takes_registers = true`, `evaluate` is also called
/// with T a register of floats, for many samples at once: its formula may then use arithmetic,
/// comparisons with ?:, and the functions of kernels/elements.hpp, no others. If it has an overload
/// that takes a Logit (losses/logistic.hpp) for z, registers use that one.
///
/// If a loss of real labels declares `static constexpr bool scales_labels = true`, it must depend
/// on z − y alone: labels may then be shifted and scaled, and are standardised unless a task's
/// Label says otherwise. If it has constants in the unit of the label, `evaluate` takes that unit,
/// the number that labels were divided by, after the gradient, as in Huber.
///
/// A loss may end its task's tower itself, in place of a Dense with `outputs` values: a member type
/// Head, a layer whose output has `outputs` values. Predictions are then the input of Head. See
/// NextItem.
template <class L>
concept ScalarLoss = detail::LossHasName<L> && detail::LossHasLabel<L> && detail::HasOneOutput<L> &&
    detail::ScalarLossOf<L, float> && detail::ScalarLossOf<L, double>;

/// A loss with `outputs` outputs: `T evaluate(const T* z, T y, T* gradient)` writes `outputs`
/// derivatives, `void predict(const T* z, T* out)` writes `outputs` predictions. The pointers do
/// not overlap.
template <class L>
concept VectorLoss = detail::LossHasName<L> && detail::LossHasLabel<L> &&
    detail::LossHasOutputs<L> && detail::VectorLossOf<L, float> && detail::VectorLossOf<L, double>;

template <class L>
concept Loss = ScalarLoss<L> || VectorLoss<L>;

namespace detail {

template <class L, class T>
concept TakesUnit = requires(T z, T& gradient, Element<T> unit) {
  L::template evaluate<T>(z, z, gradient, unit);
};

/// Evaluates L for one value or for a register of values. `unit`: see loss.hpp.
template <class L, class T>
ESPALIER_HD inline T evaluate_in_unit(T z, T y, T& gradient, [[maybe_unused]] Element<T> unit) {
  if constexpr (TakesUnit<L, T>) {
    return L::template evaluate<T>(z, y, gradient, unit);
  } else {
    return L::template evaluate<T>(z, y, gradient);
  }
}

}  // namespace detail

/// Fails to compile, with a one-sentence message, if a user-defined loss lacks something.
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
