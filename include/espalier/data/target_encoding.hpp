// SPDX-License-Identifier: Apache-2.0
// `TargetEncoding`: target encoding by key (label means and counts over the training split); out of
// fold for the training rows.
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

/// A group of inputs that share the same keys and number of folds.
struct TargetGroup {
  struct Input {
    std::size_t place;
    /// 0: the row count; otherwise the offset of the label's count and sum in a key's values.
    std::size_t sum;
    double smoothing;
  };

  std::vector<std::size_t> keys;  ///< indices into TargetEncoding::keys()
  int folds;
  std::vector<std::size_t> labels{};  ///< indices into TargetEncoding::labels()
  std::vector<Input> inputs{};
  /// Per key (key 0: all rows): the row count, then the count and the sum of each label.
  KeyTotals sums{1};
};

/// What a model's inputs MeanOf and CountOf with Folds<K> learn from the training split. Keys are
/// 64-bit hashes, as in RowHistory.
///
/// The fold of a row is mix(row number in the table) mod K. It depends neither on the split nor on
/// the number of threads, and a row that occurs several times in the split is always in the same
/// fold. Let s_f(key) be the sums over the rows of fold f that have this key and a label. A
/// training row of fold f reads Σ_{g ≠ f} s_g, added in fold order, so the labels of its own fold
/// do not change a single bit of it. Every other row reads Σ_g s_g. A count covers all folds for
/// every row, because it uses no labels.
///
/// The means follow Micci-Barreca, A preprocessing scheme for high-cardinality categorical
/// attributes, SIGKDD Explorations 2001.
class TargetEncoding {
 public:
  /// `fields`: the fields of a schema. The memory that they refer to must outlive this object.
  explicit TargetEncoding(std::span<const FieldInfo> fields);

  [[nodiscard]] bool empty() const { return names_.empty(); }
  /// Column names of the inputs. Several fields may read the same one.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// Names of the key columns and of the label columns, each listed once.
  [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  /// Index of an input in names(), or names().size() if there is no such input.
  [[nodiscard]] std::size_t place(std::string_view name) const;

  [[nodiscard]] static int fold_of(std::int32_t row, int folds) {
    return static_cast<int>(mix(0xF01D5ULL, static_cast<std::uint64_t>(row)) %
                            static_cast<std::uint64_t>(folds));
  }

  /// Learns from this training split and discards earlier results. Returns the out-of-fold inputs,
  /// indexed by table row; NaN for rows outside the split. O(rows · folds). Throws DataError if a
  /// column is missing, a label is infinite, or the table already has a column named like an input.
  [[nodiscard]] Columns learn(const Dataset& train);

  /// Inputs for data that is not used for training, indexed by table row. Throws DataError.
  [[nodiscard]] Columns columns(const Dataset& data) const;

  /// Inputs of one row, indexed as in names(). `hashes`: hashes of the row's categories, indexed as
  /// in keys(). Any number of threads may call it at once.
  void read(const std::vector<std::uint64_t>& hashes, double* out) const;

  [[nodiscard]] const std::vector<TargetGroup>& groups() const { return groups_; }
  void restore(std::size_t group, KeyTotals sums) { groups_[group].sums = std::move(sums); }

 private:
  /// Hashes of each key column, in the order of the dataset's rows.
  [[nodiscard]] std::vector<std::vector<std::uint64_t>> hashes(const Dataset& data) const;
  [[nodiscard]] std::vector<const std::vector<double>*> label_columns(const Dataset& train) const;
  /// One column of NaN per input. Throws DataError if the table already has a column of that name.
  [[nodiscard]] Columns empty_columns(const Table& table) const;

  std::vector<std::string> names_, keys_, labels_;
  std::vector<TargetGroup> groups_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/target_encoding_definitions.hpp"
#endif
