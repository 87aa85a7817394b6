// SPDX-License-Identifier: Apache-2.0
// Inputs computed from other rows: label means and counts over earlier days or the training split,
// and session statistics.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/joined_name.hpp"
#include "espalier/describe/transforms.hpp"

namespace espalier {

/// The key columns: rows match if they have the same values in all of them. By<"user">, By<"user",
/// "tab">. A missing value counts as a value of its own.
template <FixedString... Columns>
struct By {
  static constexpr std::array<std::string_view, sizeof...(Columns)> columns{Columns.view()...};
};
template <class T>
inline constexpr bool is_by = false;
template <FixedString... Columns>
inline constexpr bool is_by<By<Columns...>> = true;

/// The column of days (or hours, or weeks): ascending numbers such as 20220508, or texts that begin
/// with a date, 2022-05-08. A row reads the rows of earlier days, never those of its own day.
template <FixedString Column>
struct Before {
  static constexpr void apply(FieldInfo& f) {
    f.history.day = Column.view();
    ++f.history.moments;
  }
};

/// For data without a column that orders the rows: the statistic is over the training split, which
/// is divided into K folds. A training row reads labels of the other folds only. K is 2 to 32; a
/// large K is close to leave-one-out, which leaks the label.
template <int K>
struct Folds {
  static constexpr void apply(FieldInfo& f) {
    f.history.folds = K;
    ++f.history.moments;
  }
};

template <class T>
inline constexpr bool is_moment = false;
template <FixedString Column>
inline constexpr bool is_moment<Before<Column>> = true;
template <int K>
inline constexpr bool is_moment<Folds<K>> = true;

// Options, in addition to the transforms of numbers.
/// Of MeanOf: adds `Rows` rows that have the mean over all keys; default 20.
template <int Rows>
struct Smoothing {
  static constexpr void apply(FieldInfo& f) { f.history.smoothing = Rows; }
};
template <int N>
struct Nth {  ///< of SincePrevious: the N-th previous row; default 1
  static constexpr void apply(FieldInfo& f) { f.history.back = N; }
};

namespace detail {

/// The parts of a name such as "mean_is_click_by_user_tab": the statistic and its keys.
template <class What, class Keys>
struct HistoryName {
  static constexpr auto parts() {
    std::array<std::string_view, 2 + 2 * Keys::columns.size()> made{What::view, "_by"};
    for (std::size_t i = 0; i < Keys::columns.size(); ++i) {
      made[2 + 2 * i] = "_";
      made[3 + 2 * i] = Keys::columns[i];
    }
    return made;
  }
};

/// A field without its options, named after its statistic and keys. If `MaybeBy` is not a By, it
/// has no keys, which the rule HistoryKeys reports. apply_moment() handles days likewise
/// (HistoryMoment).
template <class What, class MaybeBy>
constexpr FieldInfo history_field(HistoryKind kind) {
  using Keys = std::conditional_t<is_by<MaybeBy>, MaybeBy, By<>>;
  FieldInfo f;
  f.name = JoinedName<HistoryName<What, Keys>>::view;
  f.column = f.name;
  f.history.kind = kind;
  f.history.keys = Keys::columns;
  return f;
}

template <class MaybeMoment>
constexpr void apply_moment(FieldInfo& f) {
  if constexpr (is_moment<MaybeMoment>) MaybeMoment::apply(f);
}

template <FixedString Label>
struct MeanText {
  static constexpr std::array<std::string_view, 2> parts() { return {"mean_", Label.view()}; }
};
struct CountText {
  static constexpr std::string_view view = "count";
};
struct EarlierText {
  static constexpr std::string_view view = "earlier_rows";
};
template <int N>
struct SinceText {
  static constexpr std::array<std::string_view, 2> parts() {
    constexpr std::array<std::string_view, 8> numbers{"", "_2", "_3", "_4", "_5", "_6", "_7", "_8"};
    return {"since_previous", N >= 1 && N <= 8 ? numbers[static_cast<std::size_t>(N - 1)] : ""};
  }
};

template <class... Options>
constexpr int back_of() {
  FieldInfo f;
  (Options::apply(f), ...);
  return f.history.back;
}

}  // namespace detail

/// The smoothed mean of a number column (a label: clicked or not, seconds watched) over the rows of
/// earlier days with the same keys: (Σ y + smoothing · m) / (n + smoothing), with n the number of
/// these rows that have a label and m the mean over all keys. Missing if no earlier day has a
/// label, or if n + smoothing = 0. Standardised unless transforms are given. Its name in a table
/// and for predict_row is "mean_<label>_by_<keys>".
///
/// With Folds<K> instead of Before<"date">, the rows are those of the training split: a training
/// row reads the other K − 1 folds, all other rows read all folds. The means are learnt by fit()
/// and saved with the model. They are not a column of a table: predict_row takes the keys.
/// Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, SIGKDD
/// Explorations 2001.
template <FixedString Label, class Keys = void, class Day = void, class... Options>
struct MeanOf {
  static constexpr FieldInfo info() {
    FieldInfo f =
        detail::history_field<detail::JoinedName<detail::MeanText<Label>>, Keys>(HistoryKind::mean);
    f.history.label = Label.view();
    detail::apply_moment<Day>(f);
    f.history.smoothing = 20;
    detail::apply_options(f, TypeList<Standardize>{}, TypeList<Options...>{});
    return f;
  }
};

/// The number of rows of earlier days with the same keys; with Folds<K>, of the whole training
/// split. log1p and standardised unless transforms are given. Name: "count_by_<keys>".
template <class Keys = void, class Day = void, class... Options>
struct CountOf {
  static constexpr FieldInfo info() {
    FieldInfo f = detail::history_field<detail::CountText, Keys>(HistoryKind::count);
    detail::apply_moment<Day>(f);
    detail::apply_options(f, TypeList<Log1p, Standardize>{}, TypeList<Options...>{});
    return f;
  }
};

/// The number of earlier rows with the same keys, ordered by time and then by position in the file:
/// the position in a session with By<"session">, in the day with By<"user", "date">, repeats of a
/// video with By<"user", "video">. log1p and standardised unless transforms are given. Name:
/// "earlier_rows_by_<keys>".
template <class Keys = void, FixedString Time = "", class... Options>
struct EarlierRows {
  static constexpr FieldInfo info() {
    FieldInfo f = detail::history_field<detail::EarlierText, Keys>(HistoryKind::earlier_rows);
    f.history.time = Time.view();
    detail::apply_options(f, TypeList<Log1p, Standardize>{}, TypeList<Options...>{});
    return f;
  }
};

/// The time since the previous row with the same keys (with Nth<2>, since the one before it), in
/// the unit of `Time`; missing if there is no such row. log1p and standardised unless transforms
/// are given. Name: "since_previous_by_<keys>".
template <class Keys = void, FixedString Time = "", class... Options>
struct SincePrevious {
  static constexpr FieldInfo info() {
    using What = detail::JoinedName<detail::SinceText<detail::back_of<Options...>()>>;
    FieldInfo f = detail::history_field<What, Keys>(HistoryKind::since_previous);
    f.history.time = Time.view();
    detail::apply_options(f, TypeList<Log1p, Standardize>{}, TypeList<Options...>{});
    return f;
  }
};

}  // namespace espalier
