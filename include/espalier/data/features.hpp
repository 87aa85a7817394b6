// SPDX-License-Identifier: Apache-2.0
// `Features`: learns vocabularies and normalisation from the training split, and encodes data with
// them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/data/features_state.hpp"
#include "espalier/data/input_check.hpp"
#include "espalier/data/named_value.hpp"
#include "espalier/data/normalisation.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/data/row_names.hpp"
#include "espalier/data/target_encoding.hpp"
#include "espalier/data/vocabularies.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// Learns from the training split how a model's inputs are encoded, and encodes data. The memory
/// that the schema's spans and names refer to must outlive this object; that of a model's plan
/// lives as long as the program.
class Features {
 public:
  explicit Features(const Schema& schema, std::string weight_column = {},
                    std::string group_column = {});

  /// Learns label states (class names, means, deviations), vocabularies (values that occur at least
  /// min_count times, the most frequent first, ties in order of first appearance; fields that share
  /// a table one after the other), bucket edges, label means by key (inputs with Folds), and means,
  /// deviations and ranges of numbers, for inputs with Folds from their out-of-fold values. A
  /// constant or empty column gets deviation 1. O(rows · fields), plus O(rows · folds) for inputs
  /// with Folds and a sort per field of quantile buckets. Throws DataError; then nothing has
  /// changed.
  void fit(const Dataset& train);

  /// Sets the tokenizer of a Text input, before fit(). Throws ConfigError if there is no such
  /// input.
  void set_tokenizer(std::string_view field, std::shared_ptr<const TextTokenizer> tokenizer) {
    vocabularies_.set_tokenizer(field, std::move(tokenizer));
  }

  /// Learns the label means by key (inputs with Folds) again, from this training split; everything
  /// else stays unchanged.
  void learn_targets(const Dataset& train);

  /// Sets what history inputs know from now on: all rows of `train` and `valid`. Keeps the rows
  /// known before only if the history columns of `train` continue them. Throws DataError if `valid`
  /// is a separate table whose history columns started empty and whose rows begin after `train`.
  void learn_history(const Dataset& train, const Dataset& valid);

  /// Number of rows of the tables of each vocabulary.
  [[nodiscard]] std::vector<Index> vocabulary_rows() const { return vocabularies_.rows(); }

  /// Encodes the data as numbers. A value that is not in the vocabulary is row 0; a missing number
  /// is the mean, or 0 without `standardize`. Labels whose column is not in the data are missing;
  /// weights are 1 if their column is not in the data. Throws DataError for a label that its loss
  /// does not accept.
  ///
  /// Inputs with Folds are means over the whole training split. On rows of that split they contain
  /// the rows' own labels, so metrics measured there are too optimistic. For training, use
  /// encode_training().
  [[nodiscard]] EncodedData encode(const Dataset& data) const;

  /// Encodes the training split for training: as encode(), but inputs with Folds are computed out
  /// of fold, from the labels of this split. Throws DataError.
  [[nodiscard]] EncodedData encode_training(const Dataset& train) const;

  /// As encode(), but without weights and groups; their columns need not exist.
  [[nodiscard]] EncodedData encode_labelled(const Dataset& data) const;

  /// Encodes what predictions need: all labels are missing; columns of labels, weights and groups
  /// are not read. If the check is strict, throws DataError for inputs that training did not see.
  [[nodiscard]] EncodedData encode_inputs(const Dataset& data, const InputCheck& check = {}) const;

  /// Encodes one sample from raw named values, without labels. An input that is not given is
  /// missing. A number for a categorical input is converted to text by NamedValue::as_text().
  /// History inputs are given under their own names, or looked up in `history` with the keys, days
  /// and time among `values`. Throws ConfigError for a name that is not an input, and for a history
  /// input that is not given if there is no `history`.
  [[nodiscard]] EncodedData encode(std::span<const NamedValue> values, const InputCheck& check = {},
                                   const RowHistory* history = nullptr) const;

  /// The keys, days and time of a row, as a history uses them. Throws ConfigError if a day or time
  /// is missing, and for an unknown name.
  [[nodiscard]] RowKeys row_keys(std::span<const NamedValue> values) const;

  [[nodiscard]] const FeaturesState& state() const { return state_; }

  /// Class names per task; empty if classes are numbers.
  [[nodiscard]] std::vector<std::vector<std::string>> class_names() const;

  /// Restores saved state. Throws CheckpointError if it does not fit the schema; then nothing has
  /// changed.
  void restore(FeaturesState state);

  [[nodiscard]] const Schema& schema() const { return schema_; }
  /// The history inputs and the columns that they use; knows no rows.
  [[nodiscard]] const RowHistory& history_inputs() const { return history_; }
  [[nodiscard]] const std::string& weight_column() const { return weight_column_; }
  [[nodiscard]] const std::string& group_column() const { return group_column_; }

 private:
  using Given = std::vector<const NamedValue*>;  ///< indexed as names_; null if not given

  /// What is known of other rows, for one row.
  struct Known {
    /// The history inputs that are numbers, indexed as names_ (NaN elsewhere), followed by the
    /// inputs with Folds; empty if there are none.
    std::vector<double> numbers{};
    std::vector<std::string>
        cells{};  ///< indexed as RowHistory::cell_names(); empty without history
  };

  [[nodiscard]] EncodedData without_labels(Index samples) const;

  /// `made`: input columns that the table does not have, indexed by table row.
  [[nodiscard]] EncodedData encode_inputs(const Dataset& data, const Columns& made,
                                          const InputCheck& check) const;

  [[nodiscard]] EncodedData with_labels(const Dataset& data, EncodedData out) const;

  [[nodiscard]] EncodedData with_weights(const Dataset& data, EncodedData out) const;

  [[nodiscard]] const TargetEncoding& learnt_targets() const;

  /// `row`: index of the field's first numeric column; advanced past its last.
  void encode_numbers(std::size_t field, std::size_t& row, const Given& given, const Known& known,
                      const InputCheck& check, EncodedData& out) const;

  void encode_category(std::size_t field, const Given& given, const Known& known,
                       const InputCheck& check, EncodedData& out) const;

  /// The cell given for a field, otherwise the one known, otherwise an empty one.
  [[nodiscard]] std::string_view cell_of(std::size_t field, const Given& given, const Known& known,
                                         std::string& made) const;

  /// The number given, otherwise the one known, otherwise NaN. Throws ConfigError for a text.
  [[nodiscard]] double number_of(std::size_t name, const Given& given, const Known& known) const;

  /// The text of a value as a category, in `made` or in the value itself. Empty if missing. Throws
  /// ConfigError if the number may have been rounded.
  [[nodiscard]] std::string_view key_text(const NamedValue* value, std::string_view name,
                                          std::string& made) const;

  /// Hashes of the categories given under these names.
  [[nodiscard]] std::vector<std::uint64_t> hashes_of(const std::vector<std::size_t>& names,
                                                     const Given& given) const;

  [[nodiscard]] RowKeys row_keys(const Given& given) const;

  /// Throws ConfigError if a history input is not given and there is no history.
  [[nodiscard]] Known read_known(const RowHistory* history, const Given& given) const;

  /// Throws DataError if the table lacks columns of history inputs, or if these started empty and
  /// its rows begin after what training knows.
  void require_history(const Table& table) const;

  /// Throws DataError if the table's history columns started empty and its rows begin after
  /// `known`, the last day or time that the columns should include.
  void require_start(const Table& table, double known) const;

  Schema schema_;
  std::string weight_column_, group_column_;
  features_detail::Vocabularies vocabularies_;
  features_detail::Normalisation numbers_;
  RowHistory history_;
  TargetEncoding targets_;  ///< keys and labels of inputs with Folds; has learnt nothing
  FeaturesState state_;
  // Where the values of a row are found.
  features_detail::RowNames names_;
  /// Per numeric column; indices from names_.size() on are inputs with Folds.
  std::vector<std::size_t> number_names_;
  std::vector<std::size_t> first_name_, second_name_;  ///< per field; likewise
  std::vector<std::size_t> history_names_, cell_names_, key_names_, day_names_, item_names_,
      target_key_names_;
  std::size_t time_name_ = 0;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/features_definitions.hpp"
#endif
