// SPDX-License-Identifier: Apache-2.0
// `FeaturesState`: what Features learnt from the training split, as saved with a model.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/label_scale.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/data/target_encoding.hpp"

namespace espalier {

/// What was learnt from a task's labels.
struct LabelState {
  LabelScale scale;
  std::vector<std::string> classes;  ///< names of classes 0, 1, …; empty if classes are numbers
  /// For labels compared as text: the texts of the training split; empty if there are too many.
  std::vector<std::string> texts;
};

struct FeaturesState {
  /// Per vocabulary (the schema's tables in order of first use): the values of rows 1, 2, …; row 0
  /// is for all others. Empty for hashed and bucket fields.
  std::vector<std::vector<std::string>> vocabularies{};
  /// Per numeric column, after the transforms before `standardize`.
  std::vector<double> means{}, deviations{};
  /// Smallest and largest number per numeric column, after the same transforms; NaN if a column has
  /// no numbers. Empty in files saved before ranges existed.
  std::vector<double> lows{}, highs{};
  /// Per vocabulary of a bucket field: its edges, ascending. Empty for others.
  std::vector<std::vector<double>> edges{};
  /// What history inputs know; null if the model has none. Saved as tensors.
  std::shared_ptr<const RowHistory> history{};
  /// Means over the training split; null if the model has none. Saved as tensors.
  std::shared_ptr<const TargetEncoding> targets{};
  std::vector<LabelState> labels{};  ///< per task; empty in files saved before labels had a state
  /// Per vocabulary: the settings of the tokenizer of a text; empty if there are no texts.
  std::vector<std::string> tokenizers{};
  /// Categories are category keys (category_key.hpp). False for files saved before keys existed,
  /// whose values are as written.
  bool keyed = true;
};

namespace features_detail {

/// Any bytes as JSON: UTF-8 as text, other bytes (for example of a Latin-1 file) as {"hex": "…"}.
[[nodiscard]] Json bytes_to_json(const std::string& bytes);

[[nodiscard]] std::string bytes_from_json(const Json& json);

[[nodiscard]] Json texts_to_json(const std::vector<std::string>& texts);

[[nodiscard]] std::vector<std::string> texts_from_json(const Json& json);

[[nodiscard]] Json label_to_json(const LabelState& label);

[[nodiscard]] LabelState label_from_json(const Json& json);

}  // namespace features_detail

/// As JSON for a checkpoint's metadata; without `history` and `targets`.
[[nodiscard]] Json to_json(const FeaturesState& state);

/// Throws DataError if the JSON has another structure.
[[nodiscard]] FeaturesState features_from_json(const Json& json);

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/data/features_state_definitions.hpp"
#endif
