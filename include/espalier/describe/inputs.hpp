// SPDX-License-Identifier: Apache-2.0
// `Inputs`: the columns that a model reads, as types.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
#include "espalier/describe/stand_ins.hpp"
#include "espalier/describe/transforms.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

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
template <FixedString Name, class... Transforms>
struct Numeric {
  static_assert(sizeof...(Transforms) <= FieldInfo::max_transforms,
                "espalier: a numeric field takes at most 4 transforms");
  static constexpr FieldInfo info() {
    FieldInfo f;
    f.name = Name.view();
    if constexpr (sizeof...(Transforms) == 0) Standardize::apply(f);
    (Transforms::apply(f), ...);
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
    f.table = Name.view();
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

/// Several values in one cell ("Comedy|Drama"), averaged: short for Categorical with Pooled.
template <FixedString Name, int Width, class... Options>
using MultiCategorical = Categorical<Name, Width, Pooled<Pool::mean>, Options...>;

namespace detail {

constexpr bool names_differ(std::span<const FieldInfo> fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (fields[i].name == fields[j].name) return false;
    }
  }
  return true;
}

constexpr bool tables_agree(std::span<const FieldInfo> fields) {
  for (const FieldInfo& a : fields) {
    for (const FieldInfo& b : fields) {
      if (!a.is_numeric() && !b.is_numeric() && a.table == b.table &&
          (a.width != b.width || a.kind != b.kind || a.buckets != b.buckets)) {
        return false;
      }
    }
  }
  return true;
}

/// What is wrong with a field.
constexpr Problem problem_of(const FieldInfo& f) {
  if (f.width < 1) return Problem::field_width;
  int standardized = 0;
  for (int i = 0; i < f.transform_count; ++i) {
    const Transform& t = f.transforms[static_cast<std::size_t>(i)];
    standardized += t.kind == TransformKind::standardize ? 1 : 0;
    if (t.kind == TransformKind::clip && !(t.low < t.high)) return Problem::empty_clip;
  }
  if (standardized > 1) return Problem::standardized_twice;
  const bool categorical_options = f.min_count != 1 || !f.table.empty() || f.pool != Pool::none;
  if (f.is_numeric() ? categorical_options : f.transform_count > 0) return Problem::field_options;
  if (f.kind != FieldKind::hashed) return Problem::none;
  if (f.buckets < 1 || f.buckets >= (std::int64_t{1} << 31)) return Problem::buckets;
  return f.min_count == 1 ? Problem::none : Problem::min_count_of_hashed;
}

struct Fault {
  Problem problem = Problem::none;
  std::string_view field;
};

constexpr Fault fault_of(std::span<const FieldInfo> fields) {
  if (fields.empty()) return {Problem::no_fields, {}};
  for (const FieldInfo& f : fields) {
    if (problem_of(f) != Problem::none) return {problem_of(f), f.name};
  }
  if (!names_differ(fields)) return {Problem::same_fields, {}};
  return {tables_agree(fields) ? Problem::none : Problem::shared_tables, {}};
}

}  // namespace detail

/// All inputs. The encoder sees them side by side, in the order given: `width` values a sample.
template <class... Fields>
struct Inputs {
  using Operations = TypeList<ops::NumericInput, ops::Embedding>;
  static constexpr std::size_t count = sizeof...(Fields);
  static constexpr std::array<FieldInfo, count> fields{detail::field_or_none<Fields>()...};

  static constexpr detail::Fault fault =
      (IsField<Fields> && ...) ? detail::fault_of(fields) : detail::Fault{Problem::not_a_field, {}};

  static constexpr int width = [] {
    int sum = 0;
    for (const FieldInfo& f : fields) sum += f.width;
    return sum;
  }();

  /// Per field: the first field of its table, and that table's number among the vocabularies. Found once, not in each
  /// fold: a model with an encoder a task folds its inputs as often as it has tasks, and compilers count the steps.
  struct Tables {
    std::array<std::size_t, count> first{};
    std::array<int, count> vocabulary{};
  };
  static constexpr Tables tables_of_fields = [] {
    Tables made;
    int vocabularies = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (fields[i].is_numeric()) continue;
      std::size_t j = 0;
      while (fields[j].is_numeric() || fields[j].table != fields[i].table) ++j;
      made.first[i] = j;
      made.vocabulary[i] = j == i ? vocabularies++ : made.vocabulary[j];
    }
    return made;
  }();

  /// Emits the look-ups: one embedding a categorical field, one copy a run of numeric fields.
  template <class Builder>
  static constexpr Block fold(Builder& b) {
    bool learns = false;
    for (const FieldInfo& f : fields) learns = learns || !f.is_numeric();
    const Block x = b.block(width, 1, learns);
    const int path = b.enter("embedding");
    if (fault.problem != Problem::none) {
      const int field = b.enter(fault.field);
      b.problem(fault.problem);
      b.leave(field);
    }
    std::array<int, count> tables{};
    int row = 0, numeric_row = 0, categorical = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const FieldInfo& f = fields[i];
      Node node;
      node.out = x.slice(row, f.width);
      if (f.is_numeric()) {
        int rows = f.width;
        while (i + 1 < count && fields[i + 1].is_numeric()) rows += fields[++i].width;
        node.out = x.slice(row, rows).stopped();
        node.field = numeric_row;
        numeric_row += rows;
        row += rows;
        b.template emit<ops::NumericInput>(node);
        continue;
      }
      const std::size_t first = tables_of_fields.first[i];
      tables[i] = first == i ? b.table(f.table, tables_of_fields.vocabulary[i], f.width) : tables[first];
      node.table = tables[i];
      node.field = categorical++;
      node.pool = f.pool;
      b.add_lookup(node, f.width);
      row += f.width;
      b.template emit<ops::Embedding>(node);
    }
    b.leave(path);
    return x;
  }
};

}  // namespace espalier
