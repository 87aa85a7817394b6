// SPDX-License-Identifier: Apache-2.0
// `Inputs`: the columns that a model reads, as types.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <string_view>

#include "espalier/core/fixed_string.hpp"
#include "espalier/core/type_list.hpp"
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
  static_assert((std::same_as<Transforms, Standardize> + ... + 0) <= 1,
                "espalier: a numeric field is standardised once");
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
  static_assert(Width > 0, "espalier: NumericVector needs at least one column");
  static constexpr FieldInfo info() {
    FieldInfo f = Numeric<Name, Transforms...>::info();
    f.width = Width;
    return f;
  }
};

/// A value of a finite set, as a learnt vector of `Width` numbers. Values not in the training split share a spare row.
template <FixedString Name, int Width, class... Options>
struct Categorical {
  static_assert(Width > 0, "espalier: an embedding needs at least one dimension");
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
  static_assert(Buckets > 0 && Buckets < (std::int64_t{1} << 31),
                "espalier: Hashed needs 1 to 2^31 − 1 buckets");
  static_assert(Categorical<Name, Width, Options...>::info().min_count == 1,
                "espalier: Hashed has no vocabulary for MinCount to count in");
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

/// All inputs. The encoder sees them side by side, in the order given: `width` values a sample.
template <class... Fields>
struct Inputs {
  static_assert(sizeof...(Fields) > 0, "espalier: Inputs needs at least one field");
  using Operations = TypeList<ops::NumericInput, ops::Embedding>;
  static constexpr std::size_t count = sizeof...(Fields);
  static constexpr std::array<FieldInfo, count> fields{Fields::info()...};

  static constexpr int width = [] {
    int sum = 0;
    for (const FieldInfo& f : fields) sum += f.width;
    return sum;
  }();

  static constexpr bool names_differ = [] {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (fields[i].name == fields[j].name) return false;
      }
    }
    return true;
  }();
  static_assert(names_differ, "espalier: two input fields have the same name");

  static constexpr bool tables_agree = [] {
    for (const FieldInfo& a : fields) {
      for (const FieldInfo& b : fields) {
        if (!a.is_numeric() && !b.is_numeric() && a.table == b.table &&
            (a.width != b.width || a.kind != b.kind || a.buckets != b.buckets)) {
          return false;
        }
      }
    }
    return true;
  }();
  static_assert(tables_agree,
                "espalier: fields that share a table must have the same kind, width and buckets");

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
