// SPDX-License-Identifier: Apache-2.0
// Fields: what a model reads of its own row, column by column.
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

/// The column that a field reads, where that is not called as the field: several fields may read one.
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
struct SharedTable {  ///< the fields that name the same table share its rows
  static constexpr void apply(FieldInfo& f) { f.table = Name.view(); }
};
template <Pool P, char Separator = '|'>
struct Pooled {  ///< a cell holds several values, cut at Separator; their rows are summed or averaged
  static_assert(P != Pool::none, "espalier: Pooled takes Pool::sum or Pool::mean");
  static constexpr void apply(FieldInfo& f) {
    f.pool = P;
    f.separator = Separator;
  }
};

/// A number. Without transforms it is standardised; Numeric<"age", AsIs> keeps it as it is.
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

/// `Width` numbers, from the columns Name_0 … Name_{Width−1} (of width 1: Name): a dense vector made elsewhere.
template <FixedString Name, int Width, class... Transforms>
struct NumericVector {
  static constexpr FieldInfo info() {
    FieldInfo f = Numeric<Name, Transforms...>::info();
    f.width = Width;
    return f;
  }
};

/// A value of a finite set, as a learnt vector of `Width` numbers. Values not in the training split share a spare row.
template <FixedString Name, int Width = 0, class... Options>  // without a width, a sentence says what lacks
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

/// The same without a vocabulary: the value's hash picks one of `Buckets` rows.
template <FixedString Name, std::int64_t Buckets, int Width, class... Options>
struct Hashed {
  static constexpr FieldInfo info() {
    FieldInfo f = Categorical<Name, Width, Options...>::info();
    f.kind = FieldKind::hashed;
    f.buckets = Buckets;
    return f;
  }
};

/// Two columns together, as one value of its own for each pair, hashed: what a user likes in one place and not in another.
template <FixedString First, FixedString Second, std::int64_t Buckets, int Width, class... Options>
struct Cross {
  struct Text {
    static constexpr std::array<std::string_view, 3> parts() { return {First.view(), "+", Second.view()}; }
  };
  static constexpr FieldInfo info() {
    FieldInfo f = Hashed<First, Buckets, Width, Options...>::info();
    f.name = detail::JoinedName<Text>::view;
    f.second_column = Second.view();
    if (f.table == First.view()) f.table = f.name;
    return f;
  }
};

/// Where Buckets cuts: Edges{18, 25, 65} makes x < 18, 18 ≤ x < 25, 25 ≤ x < 65 and x ≥ 65 of a number.
template <std::size_t N>
struct Edges {
  double values[N]{};

  template <class... Numbers>
  // NOLINTNEXTLINE(google-explicit-constructor): a list of numbers is spelled as one.
  constexpr Edges(Numbers... edges) : values{static_cast<double>(edges)...} {}
};
template <class... Numbers>
Edges(Numbers...) -> Edges<sizeof...(Numbers)>;

/// A number as one of a few intervals, each with a learnt vector of `Width` numbers: what is not monotone is learnt from it as
/// boosted trees do. `Cuts` is how many intervals there are at most, quantiles of the training split (a value that would fill an
/// interval by itself has one of its own), or Edges{…}; of the number itself, not of what transforms make of it. A missing number
/// has a vector of its own.
template <class Field, auto Cuts = 0, int Width = 0>
struct Bucketed {
  struct Text {
    static constexpr std::array<std::string_view, 2> parts() { return {Field::info().name, ":buckets"}; }
  };
  static constexpr auto cuts = Cuts;
  static constexpr FieldInfo info() {
    FieldInfo f = Field::info();
    f.kind = f.is_numeric() && f.width == 1 ? FieldKind::buckets : f.kind;
    f.name = detail::JoinedName<Text>::view;
    if (f.table.empty()) f.table = f.name;  // SharedTable is no option of it
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
/// Of a column. Bucketed<MeanOf<…>, 16, 4> cuts other numbers.
template <FixedString Name, auto Cuts = 0, int Width = 0, class... Options>
using Buckets = Bucketed<Numeric<Name, Options...>, Cuts, Width>;

/// Several values in one cell ("Comedy|Drama"), averaged: short for Categorical with Pooled.
template <FixedString Name, int Width, class... Options>
using MultiCategorical = Categorical<Name, Width, Pooled<Pool::mean>, Options...>;

}  // namespace espalier
