// SPDX-License-Identifier: Apache-2.0
// What a model expects of its data, as plain values: the columns that become inputs and the columns that are labels.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "espalier/core/config.hpp"

namespace espalier {

enum class FieldKind : std::uint8_t {
  numeric,      ///< `width` number columns: `name` alone when width is 1, else `name_0` … `name_{width−1}`
  categorical,  ///< one text value, looked up in a vocabulary learnt from the training split
  hashed,       ///< one text value, or one of each of several columns, hashed into `buckets` rows: no vocabulary
  buckets,      ///< a number, by the interval that it lies in: between given edges, or quantiles of the training split
};

enum class Pool : std::uint8_t { none, sum, mean };  ///< how the values of a multi-valued field are put together

enum class TransformKind : std::uint8_t {
  log1p,        ///< sign(x) · log(1 + |x|)
  standardize,  ///< (x − mean) / deviation, both of the training split
  clip,         ///< min(max(x, low), high)
};

struct Transform {
  TransformKind kind{};
  double low = 0;
  double high = 0;
  constexpr bool operator==(const Transform&) const = default;
};

/// What a field knows of the rows that came before its own, or of the training split.
enum class HistoryKind : std::uint8_t {
  none,            ///< the field reads its own row
  mean,            ///< mean of a label over rows of earlier days, or over the training split
  count,           ///< number of rows of earlier days, or of the training split
  earlier_rows,    ///< number of rows before this one
  since_previous,  ///< time since a row before this one
};

/// Of rows with the same `keys`.
struct HistoryInfo {
  HistoryKind kind = HistoryKind::none;
  std::span<const std::string_view> keys{};
  std::string_view label;  ///< of mean: a column of numbers
  std::string_view day;    ///< of mean and count, unless they are folded
  std::string_view time;   ///< of the others
  double smoothing = 0;    ///< of mean: so many rows of the mean of all keys are added
  int back = 1;            ///< of since_previous: 1 for the last row before, 2 for the one before that, …
  int folds = 0;           ///< of mean and count over the training split: into so many parts it falls
  int moments = 0;         ///< how many Before and Folds were given: one, of mean and count

  [[nodiscard]] constexpr bool exists() const { return kind != HistoryKind::none; }
  /// Whether it is of the training split, learnt with the model, and not of the rows before.
  [[nodiscard]] constexpr bool folded() const { return folds != 0; }
  /// Whether it moves on day by day, not row by row.
  [[nodiscard]] constexpr bool daily() const { return (kind == HistoryKind::mean || kind == HistoryKind::count) && !folded(); }
};

/// One input field. All but numeric ones fill `width` rows of the encoder's input from their embedding table.
struct FieldInfo {
  static constexpr std::size_t max_transforms = 4;

  std::string_view name;
  FieldKind kind = FieldKind::numeric;
  int width = 1;
  std::string_view column;         ///< what is read: the column called as the field unless said otherwise
  std::string_view second_column;  ///< hashed: what is hashed with it, if anything
  HistoryInfo history{};           ///< numeric and buckets: what `column` is made of
  // numeric
  std::array<Transform, max_transforms> transforms{};
  int transform_count = 0;
  // buckets
  int most_buckets = 0;             ///< of quantiles
  std::span<const double> edges{};  ///< given ones, ascending
  // categorical, hashed and buckets
  std::string_view table;       ///< the embedding table's name: the field's own unless shared
  int min_count = 1;            ///< values seen less often in the training split share row 0
  std::int64_t buckets = 0;     ///< hashed: rows of the table
  Pool pool = Pool::none;       ///< none: one value a sample; else the cell holds several, cut at `separator`
  char separator = '|';

  [[nodiscard]] constexpr bool is_numeric() const { return kind == FieldKind::numeric; }
  /// Whether it is made of numbers.
  [[nodiscard]] constexpr bool reads_numbers() const { return kind == FieldKind::numeric || kind == FieldKind::buckets; }
};

enum class LabelKind : std::uint8_t {
  binary,  ///< 0 or 1
  real,    ///< any finite number
  count,   ///< a number ≥ 0
  classes  ///< 0, 1, …, classes − 1
};

/// What makes a label of what stands in a column.
enum class LabelRule : std::uint8_t {
  value,     ///< the number; of classes in a column of text, by_name
  one_of,    ///< 1 for one of `texts`, else 0
  at_least,  ///< 1 for a number from `bound`, else 0
  by_name,   ///< the class of this name, among those of the training split
};

/// One label column; the task's name unless said otherwise. A missing value masks the task for that sample.
struct LabelInfo {
  std::string_view name;  ///< the task
  std::string_view column;
  LabelKind kind = LabelKind::real;
  int classes = 0;
  LabelRule rule = LabelRule::value;
  std::span<const std::string_view> texts{};  ///< of one_of
  double bound = 0;                           ///< of at_least
  // What is learnt of a real label y: (t(y) − mean) / deviation, with mean and deviation of the training split.
  bool log1p = false;        ///< t is log1p, else y itself
  bool standardize = false;  ///< else mean 0 and deviation 1

  /// Whether labels are looked up as text.
  [[nodiscard]] constexpr bool is_text() const { return rule == LabelRule::one_of || rule == LabelRule::by_name; }
};

/// The columns that a model reads.
struct Schema {
  std::span<const FieldInfo> fields;
  std::span<const LabelInfo> labels;
};

}  // namespace espalier
