// SPDX-License-Identifier: Apache-2.0
// Rules for input fields: see plan/rule.hpp.
#pragma once

#include "espalier/core/type_list.hpp"
#include "espalier/plan/rule.hpp"

namespace espalier::detail {

struct FieldsAreFields {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: Inputs takes fields: Numeric<\"age\">, Categorical<\"user\", 16>, "
                  "Buckets, Hashed, "
                  "Cross, MeanOf");
  }
};

struct FieldsExist {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Inputs needs at least one field");
  }
};

struct FieldNames {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: two input fields have the same name");
  }
};

struct SharedTables {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: fields that share a table must have the same kind, width and buckets");
  }
};

struct FieldWidth {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: a field needs at least one value: Categorical<\"user\", 16> one dimension, "
        "NumericVector<\"pixel\", 64> one column");
  }
};

struct FieldOptions {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: MinCount, SharedTable, Pooled and Last are options of categorical fields, "
        "Standardize, "
        "Log1p and Clip of numeric ones");
  }
};

struct HashedBuckets {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Hashed needs 1 to 2^31 − 1 buckets");
  }
};

struct HashedMinCount {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Hashed has no vocabulary for MinCount to count in");
  }
};

struct SequenceField {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: Sequence reads PastItems, or a categorical or hashed field with Last: "
        "Sequence<Categorical<\"watched\", 16, Last<50>>, ...>, and both have no other use");
  }
};

struct SequenceTarget {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: Target names another field of the same Inputs with one value a row: "
                  "Target<\"video_id\"> a Categorical<\"video_id\", 16>");
  }
};

struct PastItemsColumns {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: PastItems names the columns of keys, items and times, and how many of "
                  "the last items are read, 1 to 65536, and its Delay is 0 or more: "
                  "PastItems<\"user_id\", \"video_id\", \"time_ms\", 50>");
  }
};

struct PastItemsCandidate {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: past items have the vectors of the candidate, a field of the same Inputs with "
        "one value a row: PastItems<\"user_id\", \"video_id\", \"time_ms\", 50> those of "
        "Categorical<\"video_id\", 16>");
  }
};

struct CrossPool {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Cross takes one value of each column, and not Pooled");
  }
};

struct TransformCount {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: a numeric field takes at most 4 transforms");
  }
};

struct StandardizedOnce {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: a numeric field is standardised once");
  }
};

struct BucketCount {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds,
        "espalier: Buckets needs 2 to 65536 quantiles, or Edges{18, 65}: Buckets<\"age\", 16, 4>");
  }
};

struct BucketSource {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: Bucketed takes a field of one number: Numeric, MeanOf, CountOf");
  }
};

struct BucketEdges {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Edges must ascend, and be finite");
  }
};

struct HistoryKeys {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: inputs of the rows before name 1 to 4 columns by which they go: "
                  "By<\"user\", \"tab\">");
  }
};

struct HistoryMoment {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: MeanOf and CountOf name the column of days, Before<\"date\">, or "
                  "where there is none "
                  "Folds<5>; EarlierRows and SincePrevious that of times: "
                  "SincePrevious<By<\"user\">, \"time\">");
  }
};

struct HistoryMoments {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: MeanOf and CountOf go by the days of one column, Before<\"date\">, or "
                  "where there is "
                  "none by Folds<5>: one of them is given, once");
  }
};

struct HistoryFolds {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Folds is 2 to 32: Folds<5>");
  }
};

struct HistoryOptions {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: Smoothing is an option of MeanOf, Nth of SincePrevious, Before and "
                  "Folds of MeanOf "
                  "and CountOf, Delay and OnlyWhere of PastItems");
  }
};

struct HistorySmoothing {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Smoothing is 0 or more rows");
  }
};

struct HistoryBack {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Nth is 1 (the row before) to 8");
  }
};

struct HistoryColumn {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds,
                  "espalier: two inputs read one column of the rows before, and differ in their "
                  "keys, Smoothing, "
                  "column of days or Folds; From<\"other\"> gives one another column");
  }
};

struct HistoryTime {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(
        Holds, "espalier: the inputs of one model that go by time name the same column of times");
  }
};

struct ClipRange {
  template <bool Holds, Where At>
  static constexpr void say() {
    static_assert(Holds, "espalier: Clip needs low < high");
  }
};

using FieldRules =
    TypeList<FieldsAreFields, FieldsExist, FieldNames, SharedTables, FieldWidth, SequenceField,
             SequenceTarget, PastItemsColumns, PastItemsCandidate, FieldOptions, HashedBuckets,
             HashedMinCount, CrossPool, TransformCount, StandardizedOnce, BucketCount, BucketSource,
             BucketEdges, HistoryKeys, HistoryMoment, HistoryMoments, HistoryFolds, HistoryOptions,
             HistorySmoothing, HistoryBack, HistoryColumn, HistoryTime, ClipRange>;

}  // namespace espalier::detail
