// SPDX-License-Identifier: Apache-2.0
// `Vocabularies`: categories as rows of embedding tables, by a vocabulary learnt from the training
// split, by hash, or by bucket of a number.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/data/input_check.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier::features_detail {

[[nodiscard]] inline bool is_single(const FieldInfo& f) {
  return !f.is_numeric() && f.pool == Pool::none;
}

/// The categorical, hashed and bucket fields of a schema. Several fields may share a table.
class Vocabularies {
 public:
  explicit Vocabularies(const Schema& schema);

  [[nodiscard]] std::size_t size() const { return tables_.size(); }

  /// Number of rows of each table.
  [[nodiscard]] std::vector<Index> rows() const;

  /// The values of rows 1, 2, … of each table: those that occur at least min_count times, the most
  /// frequent first, ties in order of first appearance; fields that share a table are read one
  /// after the other, those of past items not at all, then labels that are its items. Throws
  /// DataError.
  [[nodiscard]] std::vector<std::vector<std::string>> learn(const Dataset& train) const;

  /// The bucket edges of each bucket field: given ones, or quantiles of its column, which is in
  /// `made` or in the table. Throws DataError.
  [[nodiscard]] std::vector<std::vector<double>> learn_edges(const Dataset& train,
                                                             const Columns& made) const;

  /// Sets the tokenizer of a text. Throws ConfigError if there is no such text.
  void set_tokenizer(std::string_view field, std::shared_ptr<const TextTokenizer> tokenizer);
  /// Per vocabulary: the settings of its tokenizer; empty if there are no texts.
  [[nodiscard]] std::vector<std::string> tokenizer_settings() const;
  /// Makes the tokenizers of a saved model. Throws CheckpointError.
  void restore_tokenizers(const std::vector<std::vector<std::string>>& values,
                          const std::vector<std::string>& settings);

  /// Takes over what was learnt. `keyed`: categories are their category keys. Throws
  /// CheckpointError if a vocabulary has a value twice, or edges are not finite and ascending.
  void index(const std::vector<std::vector<std::string>>& values,
             const std::vector<std::vector<double>>& edges, bool keyed);

  /// Appends the table rows of one cell of a field. Returns how the cell differs from the training
  /// data, or nullopt.
  std::optional<Unseen> add_ids(std::size_t field, bool present, std::string_view text,
                                std::vector<std::int32_t>& ids) const;

  /// The same for a number: row 0 if it is missing, otherwise 1 + the number of edges ≤ `number`.
  std::optional<Unseen> add_bucket(std::size_t field, double number,
                                   std::vector<std::int32_t>& ids) const;

  /// The same for a pair of cells; a missing cell is empty.
  std::optional<Unseen> add_pair(std::size_t field, std::string_view first, std::string_view second,
                                 std::vector<std::int32_t>& ids) const;

  /// Encodes the ids of all rows. Throws DataError.
  void encode(const Dataset& data, const Columns& made, EncodedData& out,
              const InputCheck& check) const;

  /// Encodes the labels that are items: their rows, 0 if unknown, NaN if missing. A label whose
  /// column is not in the table stays missing. Throws DataError.
  void encode_items(const Dataset& data, EncodedData& out) const;

 private:
  [[nodiscard]] static bool is_hashed(const FieldInfo& f) { return f.kind == FieldKind::hashed; }
  [[nodiscard]] static bool is_buckets(const FieldInfo& f) { return f.kind == FieldKind::buckets; }

  [[nodiscard]] static std::int32_t pair_row(const FieldInfo& f, std::uint64_t first,
                                             std::uint64_t second);

  /// Returns NaN if the number is missing. Throws DataError if it is infinite.
  [[nodiscard]] static double finite_number(const Table& table, const std::vector<double>& numbers,
                                            std::int32_t row, const FieldInfo& f);

  [[nodiscard]] static std::int32_t hash(const FieldInfo& f, std::string_view value);

  /// Calls `function` with the key of each part of a multi-valued cell, or of the whole cell.
  template <class Function>
  void for_each_value(const FieldInfo& f, std::string_view text, Function&& function) const;

  /// A field's column as text. Throws DataError for numbers that may have been rounded; a model
  /// saved before category keys existed accepts them.
  [[nodiscard]] const Column& cells(std::string_view column, const Table& table,
                                    Column& made) const;

  /// Index of the vocabulary of a label that is an item.
  [[nodiscard]] std::size_t vocabulary_of(const LabelInfo& label) const;

  [[nodiscard]] std::vector<std::string> learn_one(std::size_t v, const Dataset& train) const;

  /// Writes one id per row to the field's place in single_ids. `single`: number of single-valued
  /// fields before this one.
  template <class IdOf>
  static void put_single(const Dataset& dataset, std::size_t single, EncodedData& data,
                         const IdOf& id_of);

  /// Encodes a bucket field or a field of hashed pairs.
  void encode_single(std::size_t field, const Dataset& dataset, const Columns& made,
                     EncodedData& data, std::size_t single, const InputCheck& check) const;

  /// `single`: number of single-valued fields before this one.
  void encode_field(std::size_t field, const Dataset& dataset, EncodedData& data,
                    std::size_t single, const InputCheck& check) const;

  std::span<const FieldInfo> fields_;
  std::span<const LabelInfo> labels_;
  std::vector<const FieldInfo*> tables_;  ///< per table: the first field that uses it
  std::vector<std::size_t> table_of_;  ///< per field: index of its table; unused for numeric fields
  bool keyed_ = true;
  std::vector<Dictionary> lookup_;          ///< per table; empty for hashed and bucket fields
  std::vector<std::vector<double>> edges_;  ///< per table; empty unless it is of a bucket field
  std::vector<std::shared_ptr<const TextTokenizer>> tokenizers_;  ///< per table; of texts
};

}  // namespace espalier::features_detail

#if ESPALIER_DEFINE
#include "espalier/data/vocabularies_definitions.hpp"
#endif
