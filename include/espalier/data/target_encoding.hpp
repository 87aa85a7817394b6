// SPDX-License-Identifier: Apache-2.0
// `TargetEncoding`: means of labels over the training split, by keys, out of fold for the rows of that split itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/columns.hpp"
#include "espalier/data/daily_totals.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// The inputs that go by one tuple of keys and as many folds.
struct TargetGroup {
  struct Input {
    std::size_t place;
    std::size_t sum;  ///< 0: count of rows; else where the label's number and sum are
    double smoothing;
  };

  std::vector<std::size_t> keys;  ///< places among TargetEncoding::keys()
  int folds;
  std::vector<std::size_t> labels{};  ///< places among TargetEncoding::labels()
  std::vector<Input> inputs{};
  /// Of each key, and of all rows under the key 0: rows, then for each label how many there are, and their sum.
  KeyTotals sums{1};
};

/// What a model's inputs MeanOf and CountOf with Folds<K> know of the training split. Keys are hashes of 64 bits, as RowHistory has
/// them.
///
/// A row's fold is mix(its number in the table) mod K: it depends neither on the split nor on threads, and a row that is in the
/// split several times is in one fold. With sums s_f(key) over the rows of fold f that have the key and a label, a training row of
/// fold f reads Σ_{g ≠ f} s_g, added in the order of the folds, so that its own label and those of its fold do not change a bit of
/// it; every other row reads Σ_g s_g. A count is that of all folds for every row: it knows no labels.
///
/// Micci-Barreca, A preprocessing scheme for high-cardinality categorical attributes, SIGKDD Explorations 2001, has the means.
class TargetEncoding {
 public:
  /// `fields` of a schema. What they view must outlive it.
  explicit TargetEncoding(std::span<const FieldInfo> fields);

  [[nodiscard]] bool empty() const { return names_.empty(); }
  /// The inputs, as columns. Several fields may read one.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// The columns of keys, and of labels, each once.
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  /// The place of an input among names(); their number where it is none of them.
  [[nodiscard]] std::size_t place(std::string_view name) const;

  [[nodiscard]] static int fold_of(std::int32_t row, int folds) {
    return static_cast<int>(mix(0xF01D5ULL, static_cast<std::uint64_t>(row)) % static_cast<std::uint64_t>(folds));
  }

  /// Knows this training split from then on, and nothing else. Returns its inputs out of fold, by the rows of the table, NaN for
  /// rows of no split. O(rows · folds). Throws DataError where a column lacks, or a label has no mean.
  [[nodiscard]] Columns learn(const Dataset& train);

  /// The inputs of data that is not trained on, by the rows of the table. Throws DataError.
  [[nodiscard]] Columns columns(const Dataset& data) const;

  /// Those of one row, by their places: `hashes` of its categories, by the places of keys(). Any number of threads may read at once.
  void read(const std::vector<std::uint64_t>& hashes, double* out) const;

  [[nodiscard]] const std::vector<TargetGroup>& groups() const { return groups_; }
  void restore(std::size_t group, KeyTotals sums) { groups_[group].sums = std::move(sums); }

 private:
  /// Of each column of keys its hashes, in the order of the rows.
  [[nodiscard]] std::vector<std::vector<std::uint64_t>> hashes(const Dataset& data) const;
  [[nodiscard]] std::vector<const std::vector<double>*> label_columns(const Dataset& train) const;
  /// Of each input a column of the table.
  [[nodiscard]] Columns empty_columns(const Table& table) const;

  std::vector<std::string> names_, keys_, labels_;
  std::vector<TargetGroup> groups_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/target_encoding_definitions.hpp"
#endif
