// SPDX-License-Identifier: Apache-2.0
// Fields: the columns that a model reads from its own row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/joined_name.hpp"
#include "espalier/describe/transforms.hpp"

namespace espalier {

/// The column that a field reads, if not named like the field. Fields may share a column.
template <FixedString Name>
struct From {
  static constexpr void apply(FieldInfo& f) { f.column = Name.view(); }
};

// Options of categorical fields.
template <int N>
struct MinCount {  ///< values seen fewer than N times in the training split share the spare row
  static_assert(N >= 1, "espalier: MinCount starts at 1");
  static constexpr void apply(FieldInfo& f) { f.min_count = N; }
};
template <FixedString Name>
struct SharedTable {  ///< fields that name the same table share its rows
  static constexpr void apply(FieldInfo& f) { f.table = Name.view(); }
};
template <Pool P, char Separator = '|'>
struct Pooled {  ///< a cell has several values, split at Separator: the sum or mean of their rows
  static_assert(P == Pool::sum || P == Pool::mean,
                "espalier: Pooled takes Pool::sum or Pool::mean");
  static constexpr void apply(FieldInfo& f) {
    f.pool = P;
    f.separator = Separator;
  }
};

template <int N, char Separator = '|'>
struct Last {  ///< for Sequence: a cell has several values in order; the last N of them are read
  static_assert(N >= 1 && N <= 65536, "espalier: Last takes 1 to 65536 values");
  static constexpr void apply(FieldInfo& f) {
    f.pool = Pool::sequence;
    f.separator = Separator;
    f.most_values = N;
  }
};

/// A number. Standardised if no transform is given; Numeric<"age", AsIs> keeps it unchanged.
template <FixedString Name, class... Options>
struct Numeric {
  static constexpr FieldInfo info() {
    FieldInfo f;
    f.name = Name.view();
    f.column = f.name;
    detail::apply_options(f, TypeList<Standardize>{}, TypeList<Options...>{});
    return f;
  }
};

/// `Width` numbers from the columns Name_0 … Name_{Width−1} (Name if Width is 1): a dense vector
/// computed elsewhere.
template <FixedString Name, int Width, class... Transforms>
struct NumericVector {
  static constexpr FieldInfo info() {
    FieldInfo f = Numeric<Name, Transforms...>::info();
    f.width = Width;
    return f;
  }
};

/// A value of a finite set, as a learnt vector of `Width` numbers. Values not in the training split
/// share a spare row.
template <FixedString Name, int Width = 0, class... Options>  // width 0 is an error: FieldWidth
struct Categorical {
  static constexpr FieldInfo info() {
    FieldInfo f;
    f.name = Name.view();
    f.kind = FieldKind::categorical;
    f.width = Width;
    f.column = f.name;
    f.table = f.name;
    (Options::apply(f), ...);
    return f;
  }
};

/// Like Categorical, but without a vocabulary: the hash of the value selects one of `Buckets` rows.
template <FixedString Name, std::int64_t Buckets, int Width, class... Options>
struct Hashed {
  static constexpr FieldInfo info() {
    FieldInfo f = Categorical<Name, Width, Options...>::info();
    f.kind = FieldKind::hashed;
    f.buckets = Buckets;
    return f;
  }
};

/// Two columns combined: each pair of values is hashed as one value, for example to learn what a
/// user likes in one place but not in another.
template <FixedString First, FixedString Second, std::int64_t Buckets, int Width, class... Options>
struct Cross {
  struct Text {
    static constexpr std::array<std::string_view, 3> parts() {
      return {First.view(), "+", Second.view()};
    }
  };
  static constexpr FieldInfo info() {
    FieldInfo f = Hashed<First, Buckets, Width, Options...>::info();
    f.name = detail::JoinedName<Text>::view;
    f.second_column = Second.view();
    if (f.table == First.view()) f.table = f.name;
    return f;
  }
};

/// Edges of Buckets: Edges{18, 25, 65} splits a number into x < 18, 18 ≤ x < 25, 25 ≤ x < 65
/// x ≥ 65.
template <std::size_t N>
struct Edges {
  double values[N]{};

  template <class... Numbers>
  // NOLINTNEXTLINE(google-explicit-constructor): a list of numbers is spelled as one.
  constexpr Edges(Numbers... edges) : values{static_cast<double>(edges)...} {}
};
template <class... Numbers>
Edges(Numbers...) -> Edges<sizeof...(Numbers)>;

/// A number as one of a few intervals, each with a learnt vector of `Width` numbers: effects that
/// are not monotone can be learnt, as boosted trees do. `Cuts` is the maximum number of intervals,
/// which are quantiles of the training split (a value that fills an interval alone gets its own),
/// or Edges{…}. Intervals apply to the number itself, not to its transforms. Missing numbers have
/// their own vector.
template <class Field, auto Cuts = 0, int Width = 0>
struct Bucketed {
  struct Text {
    static constexpr std::array<std::string_view, 2> parts() {
      return {Field::info().name, ":buckets"};
    }
  };
  static constexpr auto cuts = Cuts;
  static constexpr FieldInfo info() {
    FieldInfo f = Field::info();
    f.kind = f.is_numeric() && f.width == 1 ? FieldKind::buckets : f.kind;
    f.name = detail::JoinedName<Text>::view;
    if (f.table.empty()) f.table = f.name;  // a SharedTable is kept: the rules reject it
    f.transform_count = 0;
    f.width = Width;
    if constexpr (requires { cuts.values; }) {
      f.edges = cuts.values;
    } else {
      f.most_buckets = cuts;
    }
    return f;
  }
};
/// Intervals of a column. Bucketed<MeanOf<…>, 16, 4> does the same for another field.
template <FixedString Name, auto Cuts = 0, int Width = 0, class... Options>
using Buckets = Bucketed<Numeric<Name, Options...>, Cuts, Width>;

/// Several values in one cell ("Comedy|Drama"), averaged: short for Categorical with Pooled.
template <FixedString Name, int Width, class... Options>
using MultiCategorical = Categorical<Name, Width, Pooled<Pool::mean>, Options...>;

}  // namespace espalier
