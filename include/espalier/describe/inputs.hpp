// SPDX-License-Identifier: Apache-2.0
// `Inputs`: the columns that a model reads, as types.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "espalier/core/type_list.hpp"
#include "espalier/describe/candidates.hpp"
#include "espalier/describe/field_rules.hpp"
#include "espalier/describe/fields.hpp"
#include "espalier/describe/history.hpp"
#include "espalier/describe/stand_ins.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

namespace detail {

/// a == b. From the end: names of one model often begin alike, and compilers limit the steps of
/// constant evaluation.
constexpr bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

constexpr bool names_differ(std::span<const FieldInfo> fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (same_text(fields[i].name, fields[j].name)) return false;
    }
  }
  return true;
}

constexpr bool tables_agree(std::span<const FieldInfo> fields) {
  for (const FieldInfo& a : fields) {
    if (a.is_numeric()) continue;
    for (const FieldInfo& b : fields) {
      if (!b.is_numeric() && same_text(a.table, b.table) &&
          (a.width != b.width || a.kind != b.kind || a.buckets != b.buckets ||
           a.is_text() != b.is_text())) {
        return false;
      }
    }
  }
  return true;
}

/// Returns whether fields that read the same history column define it in the same way.
constexpr bool histories_agree(std::span<const FieldInfo> fields) {
  for (const FieldInfo& f : fields) {
    if (!f.history.exists()) continue;
    for (const FieldInfo& g : fields) {
      const HistoryInfo &a = f.history, &b = g.history;
      if (!b.exists() || !same_text(f.column, g.column)) continue;
      const bool same_rows = a.kind == b.kind && a.day == b.day && a.time == b.time &&
                             a.back == b.back && a.folds == b.folds && a.item == b.item &&
                             a.where == b.where && a.delay == b.delay &&
                             f.most_values == g.most_values && f.separator == g.separator &&
                             std::equal(a.keys.begin(), a.keys.end(), b.keys.begin(), b.keys.end());
      if (!same_rows || a.label != b.label || a.smoothing != b.smoothing) return false;
    }
  }
  return true;
}

constexpr RuleId broken_rule(const HistoryInfo& h) {
  const bool past = h.kind == HistoryKind::past_items;
  if (!past && (!h.where.empty() || h.delay != 0)) return rule_id<HistoryOptions>;
  const bool smooths = h.kind == HistoryKind::mean,
             goes_back = h.kind == HistoryKind::since_previous;
  const bool of_rows = smooths || h.kind == HistoryKind::count;
  if ((!smooths && h.smoothing != 0) || (!goes_back && h.back != 1) || (!of_rows && h.moments > 0))
    return rule_id<HistoryOptions>;
  if (!h.exists()) return 0;
  if (h.keys.empty() || h.keys.size() > 4) return rule_id<HistoryKeys>;
  if (h.moments > 1) return rule_id<HistoryMoments>;
  if (h.moments == 1 && h.day.empty() && (h.folds < 2 || h.folds > 32))
    return rule_id<HistoryFolds>;
  if (!past && !h.folded() && (h.daily() ? h.day : h.time).empty()) return rule_id<HistoryMoment>;
  if (past && (h.keys[0].empty() || h.item.empty() || h.time.empty() || !(h.delay >= 0)))
    return rule_id<PastItemsColumns>;
  if (h.back < 1 || h.back > 8) return rule_id<HistoryBack>;
  return h.smoothing >= 0 ? 0 : rule_id<HistorySmoothing>;
}

constexpr RuleId broken_bucket_rule(const FieldInfo& f) {
  if (f.min_count != 1 || f.table != f.name || f.pool != Pool::none) return rule_id<FieldOptions>;
  if (f.edges.empty())
    return f.most_buckets >= 2 && f.most_buckets <= 65536 ? 0 : rule_id<BucketCount>;
  for (std::size_t i = 0; i < f.edges.size(); ++i) {
    const double x = f.edges[i];
    if (!(x - x == 0) || (i > 0 && !(f.edges[i - 1] < x))) return rule_id<BucketEdges>;
  }
  return 0;
}

/// Returns the rule that a field breaks; 0: none.
constexpr RuleId broken_rule(const FieldInfo& f) {
  if (f.kind == FieldKind::buckets && broken_bucket_rule(f) != 0) return broken_bucket_rule(f);
  if (f.width < 1) return rule_id<FieldWidth>;
  if (f.transform_count > static_cast<int>(FieldInfo::max_transforms))
    return rule_id<TransformCount>;
  int standardized = 0;
  for (int i = 0; i < f.transform_count; ++i) {
    const Transform& t = f.transforms[static_cast<std::size_t>(i)];
    standardized += t.kind == TransformKind::standardize ? 1 : 0;
    if (t.kind == TransformKind::clip && !(t.low < t.high)) return rule_id<ClipRange>;
  }
  if (standardized > 1) return rule_id<StandardizedOnce>;
  if (const RuleId rule = broken_rule(f.history); rule != 0) return rule;
  if (f.kind == FieldKind::buckets) return 0;
  if (f.most_buckets > 0 || !f.edges.empty()) return rule_id<BucketSource>;
  const bool categorical_options = f.min_count != 1 || !f.table.empty() || f.pool != Pool::none;
  if (f.is_numeric() ? categorical_options : f.transform_count > 0) return rule_id<FieldOptions>;
  if (f.kind != FieldKind::hashed) return 0;
  if (!f.second_column.empty() && f.pool != Pool::none) return rule_id<CrossPool>;
  if (f.buckets < 1 || f.buckets >= (std::int64_t{1} << 31)) return rule_id<HashedBuckets>;
  return f.min_count == 1 ? 0 : rule_id<HashedMinCount>;
}

/// Whether a field with one value a row, other than field `i`, has that name; true for no name.
constexpr bool has_target(std::span<const FieldInfo> fields, std::size_t i, std::string_view name) {
  if (name.empty()) return true;
  for (const FieldInfo& f : fields) {
    if (f.name == name) return f.name != fields[i].name && !f.is_numeric() && f.pool == Pool::none;
  }
  return false;
}

struct Fault {
  RuleId rule = 0;
  std::string_view field;
};

constexpr Fault fault_of(std::span<const FieldInfo> fields, std::span<const bool> is_sequence,
                         std::span<const std::string_view> targets) {
  if (fields.empty()) return {rule_id<FieldsExist>, {}};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (is_sequence[i] != (fields[i].pool == Pool::sequence))
      return {rule_id<SequenceField>, fields[i].name};
    if (!has_target(fields, i, targets[i])) return {rule_id<SequenceTarget>, fields[i].name};
    if (is_sequence[i] && fields[i].table.empty())
      return {rule_id<PastItemsCandidate>, fields[i].name};
    if (is_sequence[i] && (fields[i].most_values < 1 || fields[i].most_values > 65536))
      return {rule_id<PastItemsColumns>, fields[i].name};
  }
  for (const FieldInfo& f : fields) {
    if (broken_rule(f) != 0) return {broken_rule(f), f.name};
  }
  if (!names_differ(fields)) return {rule_id<FieldNames>, {}};
  if (!histories_agree(fields)) return {rule_id<HistoryColumn>, {}};
  std::string_view time;
  for (const FieldInfo& f : fields) {
    if (f.history.time.empty()) continue;
    if (!time.empty() && f.history.time != time) return {rule_id<HistoryTime>, f.name};
    time = f.history.time;
  }
  return {tables_agree(fields) ? 0 : rule_id<SharedTables>, {}};
}

}  // namespace detail

namespace detail {

/// A field whose values are steps: Sequence (describe/sequence.hpp).
template <class Field>
concept IsSequence = requires {
  { Field::target } -> std::convertible_to<std::string_view>;
  { Field::rows(1) } -> std::convertible_to<int>;
};

/// The field with which a sequence is compared; empty if there is none.
template <class Field>
constexpr std::string_view target_of() {
  if constexpr (IsSequence<Field>) {
    return Field::target;
  } else {
    return {};
  }
}

/// Rows of the model's input that a field fills; `width`: of what is looked up.
template <class Field>
constexpr int rows_of(int width) {
  if constexpr (IsSequence<Field>) {
    return Field::rows(width);
  } else {
    return width;
  }
}

template <class Field>
struct OperationsOfField {
  using type = TypeList<>;
};
template <IsSequence Field>
struct OperationsOfField<Field> {
  using type = typename Field::Operations;
};

}  // namespace detail

/// All inputs of a model. The encoder reads them as one block, in order: `width` values per sample.
template <class... Fields>
struct Inputs {
  using Operations =
      JoinUnique<TypeList<ops::NumericInput, ops::Embedding>,
                 typename detail::OperationsOfField<Fields>::type..., detail::FieldRules>;
  static constexpr std::size_t count = sizeof...(Fields);
  static constexpr std::array<FieldInfo, count> fields = [] {
    std::array<FieldInfo, count> made{detail::field_or_none<Fields>()...};
    if constexpr ((detail::IsSequence<Fields> || ...)) detail::find_candidates(made);
    return made;
  }();

  static constexpr std::array<bool, count> is_sequence{detail::IsSequence<Fields>...};
  static constexpr std::array<std::string_view, count> targets{detail::target_of<Fields>()...};
  /// Per field: rows that it fills.
  static constexpr std::array<int, count> rows_of = [] {
    std::array<int, count> rows{};
    [[maybe_unused]] std::size_t i = 0;
    ((rows[i] = detail::rows_of<Fields>(fields[i].width), ++i), ...);
    return rows;
  }();

  static constexpr detail::Fault fault = (IsField<Fields> && ...)
                                             ? detail::fault_of(fields, is_sequence, targets)
                                             : detail::Fault{rule_id<detail::FieldsAreFields>, {}};

  static constexpr int width = [] {
    int sum = 0;
    for (const int rows : rows_of) sum += rows;
    return sum;
  }();

  /// Per field: the first field that uses the same table, and the index of the table's vocabulary.
  /// Computed once, not in each fold: a model with one encoder per task folds its inputs once per
  /// task, and compilers limit the steps of constant evaluation.
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
      while (fields[j].is_numeric() || !detail::same_text(fields[j].table, fields[i].table)) ++j;
      made.first[i] = j;
      made.vocabulary[i] = j == i ? vocabularies++ : made.vocabulary[j];
    }
    return made;
  }();

  /// Emits one embedding lookup per categorical field, one copy per run of numeric fields.
  template <class Builder>
  static constexpr Block fold(Builder& b) {
    bool learns = false;
    for (const FieldInfo& f : fields) learns = learns || !f.is_numeric();
    const Block x = b.block(width, 1, learns);
    std::array<Block, count> parts{}, steps{};
    std::array<int, count> tables{};
    fold_fields(b, x, parts, steps, tables);
    if (fault.rule == 0) fold_sequences(b, parts, steps, tables);
    return x;
  }

 private:
  /// Copies numbers and looks up categories: into `parts` of x, sequences into `steps`.
  template <class Builder>
  static constexpr void fold_fields(Builder& b, const Block& x, std::array<Block, count>& parts,
                                    std::array<Block, count>& steps,
                                    std::array<int, count>& tables) {
    const auto path = b.scope("embedding");
    if (fault.rule != 0) {
      const auto field = b.scope(fault.field);
      b.broken(fault.rule);
    }
    int row = 0, numeric_row = 0, categorical = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const FieldInfo& f = fields[i];
      Node node;
      node.out = parts[i] = x.slice(row, rows_of[i]);
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
      tables[i] =
          first == i ? b.table(f.table, tables_of_fields.vocabulary[i], f.width) : tables[first];
      node.table = tables[i];
      node.field = categorical++;
      node.pool = f.pool;
      if (is_sequence[i]) node.out = steps[i] = b.block(f.width, {f.most_values, node.field});
      b.add_lookup(node);
      row += rows_of[i];
      if (is_sequence[i]) {
        b.template emit<ops::EmbeddingSequence>(node);
      } else {
        b.template emit<ops::Embedding>(node);
      }
    }
  }

  /// Encodes the sequences, once all fields that they are compared with have been looked up.
  template <class Builder>
  static constexpr void fold_sequences(Builder& b, const std::array<Block, count>& parts,
                                       const std::array<Block, count>& steps,
                                       const std::array<int, count>& tables) {
    std::size_t i = 0;
    const auto fold_one = [&]<class Field>(std::type_identity<Field>) {
      if constexpr (detail::IsSequence<Field>) {
        std::size_t to = 0;
        while (to < count && fields[to].name != targets[i]) ++to;
        Field::fold(b, steps[i], tables[i], to < count ? parts[to] : Block{}, parts[i]);
      }
      ++i;
    };
    (fold_one(std::type_identity<Fields>{}), ...);
  }
};

namespace detail {

template <class... Groups>
struct JoinInputs;
template <class... Fields>
struct JoinInputs<Inputs<Fields...>> {
  using type = Inputs<Fields...>;
};
template <class... A, class... B, class... Rest>
struct JoinInputs<Inputs<A...>, Inputs<B...>, Rest...> : JoinInputs<Inputs<A..., B...>, Rest...> {};

}  // namespace detail

/// The fields of several Inputs, in order.
template <class... Groups>
using JoinedInputs = typename detail::JoinInputs<Groups...>::type;

}  // namespace espalier
