// SPDX-License-Identifier: Apache-2.0
// Inputs made of other rows: means of labels and counts, of earlier days or of the training split, and the session so far.
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

/// The columns whose values two rows must have in common: By<"user">, By<"user", "tab">. A missing value is a value of its own.
template <FixedString... Columns>
struct By {
  static constexpr std::array<std::string_view, sizeof...(Columns)> columns{Columns.view()...};
};
template <class T>
inline constexpr bool is_by = false;
template <FixedString... Columns>
inline constexpr bool is_by<By<Columns...>> = true;

/// The column of days (or hours, or weeks): numbers that ascend, 20220508, or texts that begin with one, 2022-05-08. A row of a
/// day knows what the days before it brought, and nothing of its own day.
template <FixedString Column>
struct Before {
  static constexpr void apply(FieldInfo& f) {
    f.history.day = Column.view();
    ++f.history.moments;
  }
};

/// Where no column tells the order of rows: they are those of the training split, which falls into K parts. A row of one part is
/// taught with labels of the others. K is 2 to 32: the more there are, the nearer it comes to leaving one row out, which leaks.
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

// Options; transforms of numbers are others.
template <int Rows>
struct Smoothing {  ///< of means: as if so many rows more had been there, with the mean of all keys; 20 without it
  static constexpr void apply(FieldInfo& f) { f.history.smoothing = Rows; }
};
template <int N>
struct Nth {  ///< of SincePrevious: the N-th row before; 1 without it
  static constexpr void apply(FieldInfo& f) { f.history.back = N; }
};

namespace detail {

/// "mean_is_click_by_user_tab": what a field is made by, and for whom.
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

/// A field without its own options, called by what it is. What is no By names no columns, and problem_of() says so; of days the
/// same.
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

/// The mean of a column of numbers (a label: clicked or not, seconds watched) over the rows of earlier days with the same keys,
/// drawn to the mean of all keys where there are few: (Σ y + smoothing · mean of all) / (rows + smoothing). Missing before there
/// is any earlier day; missing labels are left out. Standardised unless transforms are given. What it is in a table and to
/// predict_row: "mean_<label>_by_<keys>".
///
/// With Folds<K> instead of Before<"date"> the rows are those of the training split: to a row of that, those of the other K − 1
/// folds, to all other rows all. It is learnt by fit() and saved with the model, and no column of a table: predict_row has the keys.
/// Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, SIGKDD Explorations 2001.
template <FixedString Label, class Keys = void, class Day = void, class... Options>  // without them, a sentence says what lacks
struct MeanOf {
  static constexpr FieldInfo info() {
    FieldInfo f = detail::history_field<detail::JoinedName<detail::MeanText<Label>>, Keys>(HistoryKind::mean);
    f.history.label = Label.view();
    detail::apply_moment<Day>(f);
    f.history.smoothing = 20;
    detail::apply_options(f, TypeList<Standardize>{}, TypeList<Options...>{});
    return f;
  }
};

/// How many rows of earlier days have the same keys; with Folds<K>, of the whole training split. log1p and standardised unless
/// transforms are given. "count_by_<keys>".
template <class Keys = void, class Day = void, class... Options>
struct CountOf {
  static constexpr FieldInfo info() {
    FieldInfo f = detail::history_field<detail::CountText, Keys>(HistoryKind::count);
    detail::apply_moment<Day>(f);
    detail::apply_options(f, TypeList<Log1p, Standardize>{}, TypeList<Options...>{});
    return f;
  }
};

/// How many rows before this one, by time and then as they stand in the file, have the same keys: the position in a session with
/// By<"session">, in the day with By<"user", "date">, repeats of a video with By<"user", "video">. log1p and standardised unless
/// transforms are given. "earlier_rows_by_<keys>".
template <class Keys = void, FixedString Time = "", class... Options>
struct EarlierRows {
  static constexpr FieldInfo info() {
    FieldInfo f = detail::history_field<detail::EarlierText, Keys>(HistoryKind::earlier_rows);
    f.history.time = Time.view();
    detail::apply_options(f, TypeList<Log1p, Standardize>{}, TypeList<Options...>{});
    return f;
  }
};

/// The time since the row before with the same keys (with Nth<2> since the one before that), in the unit of `Time`; missing
/// where there is none. log1p and standardised unless transforms are given. "since_previous_by_<keys>".
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
