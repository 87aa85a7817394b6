// SPDX-License-Identifier: Apache-2.0
// The schema: the input and label columns that a model expects in its data, as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"

namespace espalier {

class TextTokenizer;
using RestoreTokenizer = std::shared_ptr<const TextTokenizer> (*)(
    const std::vector<std::string>& tokens, const std::string& settings);

enum class FieldKind : std::uint8_t {
  /// `width` number columns: `column` if width is 1, else `column_0` … `column_{width−1}`.
  numeric,
  categorical,  ///< one text value, looked up in a vocabulary learnt from the training split
  /// One text value, or one from each of two columns, hashed to one of `buckets` rows.
  hashed,
  /// A number, as its interval: between given edges, or quantiles of the training split.
  buckets,
};

/// How the values of a multi-valued field are combined; `sequence`: each is a step of its own.
enum class Pool : std::uint8_t { none, sum, mean, sequence };

enum class TransformKind : std::uint8_t {
  log1p,        ///< sign(x) · log(1 + |x|)
  standardize,  ///< (x − mean) / standard deviation, both of the training split
  clip,         ///< min(max(x, low), high)
};

struct Transform {
  TransformKind kind{};
  double low = 0;
  double high = 0;
  constexpr bool operator==(const Transform&) const = default;
};

/// What a field reads of other rows: of earlier rows, or of the training split.
enum class HistoryKind : std::uint8_t {
  none,            ///< the field reads its own row
  mean,            ///< mean of a label over rows of earlier days, or over the training split
  count,           ///< number of rows of earlier days, or of the training split
  earlier_rows,    ///< number of rows before this one
  since_previous,  ///< time since an earlier row
  past_items,      ///< the items of earlier rows, in order: a sequence
};

/// A statistic of the rows that have the same values in the columns `keys`.
struct HistoryInfo {
  HistoryKind kind = HistoryKind::none;
  std::span<const std::string_view> keys{};
  std::string_view label;  ///< mean: the column of numbers that is averaged
  std::string_view day;    ///< mean and count, unless folded: the column of days
  std::string_view time;   ///< earlier_rows, since_previous and past_items: the column of times
  double smoothing = 0;    ///< mean: number of rows with the mean over all keys that are added
  int back = 1;            ///< since_previous: 1 for the previous row, 2 for the one before it, …
  int folds = 0;           ///< mean and count over the training split: number of folds
  int moments = 0;         ///< number of Before and Folds options; 1 for mean and count
  std::string_view item;   ///< past_items: the column of what the rows are about
  std::string_view where;  ///< past_items: rows count where this number is above 0; empty: all do
  double delay = 0;        ///< past_items: rows count only from so long after them, as `time` is

  [[nodiscard]] constexpr bool exists() const { return kind != HistoryKind::none; }
  /// True if it is over the training split, and learnt with the model; false if over earlier rows.
  [[nodiscard]] constexpr bool folded() const { return folds != 0; }
  /// True if it changes only from day to day, not from row to row.
  [[nodiscard]] constexpr bool daily() const {
    return (kind == HistoryKind::mean || kind == HistoryKind::count) && !folded();
  }
};

/// One input field. Non-numeric fields fill `width` rows of the encoder's input from a table.
struct FieldInfo {
  static constexpr std::size_t max_transforms = 4;

  std::string_view name;
  FieldKind kind = FieldKind::numeric;
  int width = 1;
  std::string_view column;         ///< the column that is read; by default named like the field
  std::string_view second_column;  ///< hashed: second column of the hash; empty if none
  HistoryInfo history{};           ///< what `column` has of other rows, if anything
  // numeric
  std::array<Transform, max_transforms> transforms{};
  int transform_count = 0;
  // buckets
  int most_buckets = 0;             ///< maximum number of quantile intervals
  std::span<const double> edges{};  ///< given edges, ascending
  // categorical, hashed and buckets
  std::string_view table;    ///< name of the embedding table: the field's own name unless shared
  int min_count = 1;         ///< values seen less often in the training split share row 0
  std::int64_t buckets = 0;  ///< hashed: number of table rows
  Pool pool = Pool::none;    ///< none: one value per sample; else several, split at `separator`
  char separator = '|';
  int most_values = 0;  ///< of a sequence: it has the last values of a cell, at most so many
  /// Of a text, whose values are tokens: makes the tokenizer of a saved model again.
  RestoreTokenizer restore_tokenizer = nullptr;

  [[nodiscard]] constexpr bool is_text() const { return restore_tokenizer != nullptr; }
  [[nodiscard]] constexpr bool is_numeric() const { return kind == FieldKind::numeric; }
  /// Returns whether the field reads number columns.
  [[nodiscard]] constexpr bool reads_numbers() const {
    return kind == FieldKind::numeric || kind == FieldKind::buckets;
  }
};

enum class LabelKind : std::uint8_t {
  binary,   ///< 0 or 1
  real,     ///< any finite number
  count,    ///< a number ≥ 0
  classes,  ///< 0, 1, …, classes − 1
  item      ///< a value of a field: its row in the field's table, 0 if it is unknown
};

/// How a label is computed from a column's value.
enum class LabelRule : std::uint8_t {
  value,     ///< the number itself; class labels in a text column: as by_name
  one_of,    ///< 1 if the text is one of `texts`, else 0
  at_least,  ///< 1 if the number is at least `bound`, else 0
  by_name,   ///< the index of this class name among those of the training split
};

/// One label column, by default named like its task. A missing value masks the task for the sample.
struct LabelInfo {
  std::string_view name;  ///< name of the task
  std::string_view column;
  LabelKind kind = LabelKind::real;
  int classes = 0;
  LabelRule rule = LabelRule::value;
  std::span<const std::string_view> texts{};  ///< for one_of
  double bound = 0;                           ///< for at_least
  std::string_view table{};                   ///< for items: the name of the embedding table
  bool new_items = false;  ///< for items: ranks leave out the values of the row's sequences
  // A real label y is learnt as (t(y) − mean) / deviation, with the mean and standard deviation of
  // t(y) in the training split.
  bool log1p = false;        ///< true: t is log1p; false: t(y) = y
  bool standardize = false;  ///< false: mean 0 and deviation 1 are used

  /// Returns whether labels are read as text.
  [[nodiscard]] constexpr bool is_text() const {
    return rule == LabelRule::one_of || rule == LabelRule::by_name || kind == LabelKind::item;
  }
};

/// The columns that a model reads.
struct Schema {
  std::span<const FieldInfo> fields;
  std::span<const LabelInfo> labels;
};

}  // namespace espalier
