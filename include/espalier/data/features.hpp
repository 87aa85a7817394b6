// SPDX-License-Identifier: Apache-2.0
// `Features`: vocabularies and normalisation, learnt from the training split, and the encoding of data by them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/data/features_state.hpp"
#include "espalier/data/input_check.hpp"
#include "espalier/data/labels.hpp"
#include "espalier/data/named_value.hpp"
#include "espalier/data/normalisation.hpp"
#include "espalier/data/schema_columns.hpp"
#include "espalier/data/vocabularies.hpp"
#include "espalier/data/weights.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// Learns from the training split what a model's inputs are, and makes them of data. What the schema's spans and names view must
/// outlive it; those of a model's plan live as long as the program.
class Features {
 public:
  ESPALIER_COLD explicit Features(const Schema& schema, std::string weight_column = {},
                                  std::string group_column = {})
      : schema_(schema),
        weight_column_(std::move(weight_column)),
        group_column_(std::move(group_column)),
        vocabularies_(schema.fields),
        numbers_(schema.fields) {
    for (const features_detail::NumericColumn& c : numbers_.columns()) {
      if (c.info->width == 1) continue;
      for (const FieldInfo& f : schema_.fields) columns_shared_ = columns_shared_ || c.name == f.name;
    }
    state_.vocabularies.resize(vocabularies_.size());
    state_.means.assign(numbers_.size(), 0.0);
    state_.deviations.assign(numbers_.size(), 1.0);
    state_.labels.resize(schema_.labels.size());
  }

  /// Learns what labels are made of (names of classes, means and deviations), vocabularies (values seen at least min_count times,
  /// the most frequent first, ties in order of appearance: fields that share a table one after the other), and means, deviations
  /// and ranges of numbers. A constant or empty column has deviation 1. O(rows · fields). Throws DataError; then nothing has
  /// changed.
  void fit(const Dataset& train) {
    FeaturesState state;
    state.keyed = state_.keyed;
    state.labels = features_detail::learn_labels(schema_, train, weight_column_);
    state.vocabularies = vocabularies_.learn(train);
    numbers_.learn(train, state);
    restore(std::move(state));
  }

  /// Rows of each vocabulary's tables.
  [[nodiscard]] std::vector<Index> vocabulary_rows() const { return vocabularies_.rows(); }

  /// The data as numbers. A value that the vocabulary does not have is row 0; a missing number is the mean, or 0 without
  /// `standardize`. Labels that are not in the data at all are missing, and without its column weights are 1. Throws DataError
  /// for a label that its loss does not take.
  [[nodiscard]] EncodedData encode(const Dataset& data) const {
    EncodedData out = encode_labelled(data);
    if (!weight_column_.empty() && data.table().has(weight_column_)) {
      features_detail::encode_weights(weight_column_, data.table(), data.rows(), out);
    }
    if (!group_column_.empty()) features_detail::encode_groups(group_column_, data.table(), data.rows(), out);
    return out;
  }

  /// The same without weights and groups, whose columns need not be there.
  [[nodiscard]] EncodedData encode_labelled(const Dataset& data) const {
    EncodedData out = encode_inputs(data);
    features_detail::encode_labels(schema_, state_.labels, data.table(), data.rows(), out);
    return out;
  }

  /// What predictions need of it: all labels are missing, and neither they nor weights and groups are looked at. With a strict
  /// check, throws DataError for what training did not see.
  [[nodiscard]] EncodedData encode_inputs(const Dataset& data, const InputCheck& check = {}) const {
    EncodedData out = without_labels(data.size());
    numbers_.encode(data, out, check);
    vocabularies_.encode(data, out, check);
    return out;
  }

  /// One sample from raw named values, without labels. A name that is not an input is an error, an input that is not given is
  /// missing. A number for a categorical input is the text that NamedValue::as_text() makes of it. Throws ConfigError.
  [[nodiscard]] EncodedData encode(std::span<const NamedValue> values, const InputCheck& check = {}) const {
    EncodedData out = without_labels(1);
    out.numeric.reserve(numbers_.size());
    out.ids.reserve(schema_.fields.size());
    out.single_ids.reserve(schema_.fields.size());
    features_detail::NamedValues given(values, !columns_shared_);
    std::size_t row = 0;
    for (std::size_t field = 0; field < schema_.fields.size(); ++field) {
      if (schema_.fields[field].is_numeric()) {
        encode_numbers(field, row, given, check, out);
      } else {
        encode_category(field, given, check, out);
      }
    }
    if (!given.all_used()) throw_error<ConfigError>({"row: ", unknown_name(values)});
    return out;
  }

  [[nodiscard]] const FeaturesState& state() const { return state_; }

  /// Per task, the names of its classes; empty where classes are numbers.
  [[nodiscard]] ESPALIER_COLD std::vector<std::vector<std::string>> class_names() const {
    std::vector<std::vector<std::string>> names;
    for (const LabelState& label : state_.labels) names.push_back(label.classes);
    return names;
  }

  /// Takes over what was saved. Throws CheckpointError when it does not fit the schema; then nothing has changed.
  ESPALIER_COLD void restore(FeaturesState state) {
    if (state.vocabularies.size() != vocabularies_.size() || state.means.size() != numbers_.size() ||
        state.deviations.size() != state.means.size()) {
      throw_error<CheckpointError>({"features: ", state.vocabularies.size(), " vocabularies and ",
                                    state.means.size(), " numeric columns, expected ", vocabularies_.size(),
                                    " and ", numbers_.size()});
    }
    if (state.labels.empty()) state.labels.resize(schema_.labels.size());
    features_detail::check_labels(schema_, state.labels);
    features_detail::Normalisation numbers = numbers_;
    features_detail::Vocabularies vocabularies = vocabularies_;
    numbers.take(state);
    vocabularies.index(state.vocabularies, state.keyed);
    numbers_ = std::move(numbers);
    vocabularies_ = std::move(vocabularies);
    state_ = std::move(state);
  }

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const std::string& weight_column() const { return weight_column_; }
  [[nodiscard]] const std::string& group_column() const { return group_column_; }

 private:
  [[nodiscard]] EncodedData without_labels(Index samples) const {
    EncodedData out;
    out.samples = samples;
    out.numeric_rows = static_cast<Index>(numbers_.size());
    out.tasks = static_cast<Index>(schema_.labels.size());
    for (const LabelState& label : state_.labels) out.label_scales.push_back(label.scale);
    out.labels.assign(schema_.labels.size() * static_cast<std::size_t>(samples), std::numeric_limits<float>::quiet_NaN());
    return out;
  }

  /// `row`: of the field's first number among all, moved behind its last.
  void encode_numbers(std::size_t field, std::size_t& row, features_detail::NamedValues& given, const InputCheck& check,
                      EncodedData& out) const {
    bool missing = false, outside = false;
    for (; row < numbers_.size() && numbers_.columns()[row].field == field; ++row) {
      const features_detail::NumericColumn& column = numbers_.columns()[row];
      const NamedValue* v = given.find(column.name);
      if (v != nullptr && v->is_text) {
        throw_error<ConfigError>({"input '", column.name, "' is '", v->text, "', expected a number"});
      }
      const double number = v != nullptr ? v->number : std::numeric_limits<double>::quiet_NaN();
      const auto input = column.input(number, check.clamp);
      if (!input) {
        throw_error<ConfigError>({"input '", column.name, "' is ", number_text(number), ", expected a finite number"});
      }
      out.numeric.push_back(*input);
      const std::optional<Unseen> unseen = check.looks() ? column.unseen(number) : std::nullopt;
      if (!unseen) continue;
      if (check.refuses(*unseen)) {
        throw_error<ConfigError>({"input '", column.name, "' is ", features_detail::refusal(*unseen, number, column.range)});
      }
      (*unseen == Unseen::missing ? missing : outside) = true;
    }
    check.add(field, Unseen::missing, missing ? 1 : 0);
    check.add(field, Unseen::outside, outside ? 1 : 0);
  }

  void encode_category(std::size_t field, features_detail::NamedValues& given, const InputCheck& check,
                       EncodedData& out) const {
    const FieldInfo& f = schema_.fields[field];
    const NamedValue* v = given.find(f.name);
    const bool present = v != nullptr && !v->missing();
    const std::string text = present ? v->as_text() : std::string();
    const bool exact = !present || v->is_text || v->is_whole || is_exact(v->number, v->exact_below);
    if (state_.keyed && !exact) {
      throw_error<ConfigError>({"input '", f.name, "' is ", text, ", beyond ±2^", std::ilogb(v->exact_below),
                                ", what its numbers are exact to; expected keys of so many digits as integers or text"});
    }
    const bool single = features_detail::is_single(f);
    EncodedData::Ids ids;
    const std::optional<Unseen> unseen = vocabularies_.add_ids(field, present, text, single ? out.single_ids : ids.ids);
    out.single_fields += single ? 1 : 0;
    if (!single) ids.offsets = {0, static_cast<std::int32_t>(ids.ids.size())};
    out.ids.push_back(std::move(ids));
    if (!unseen) return;
    if (check.refuses(*unseen)) throw_error<ConfigError>({"input '", f.name, "' is ", features_detail::refusal(*unseen, text)});
    check.add(field, *unseen, 1);
  }

  [[nodiscard]] ESPALIER_COLD std::string unknown_name(std::span<const NamedValue> values) const {
    for (std::size_t i = 0; i < values.size(); ++i) {
      bool known = false;
      std::string inputs;
      for (const FieldInfo& f : schema_.fields) {
        for (int k = 0; k < column_count(f); ++k) {
          const std::string name = column_name(f, k);
          known = known || values[i].name == name;
          inputs += (inputs.empty() ? "'" : ", '") + name + "'";
        }
      }
      if (!known) return "'" + values[i].name + "' is not an input of the model, which reads " + inputs;
      for (std::size_t j = 0; j < i; ++j) {
        if (values[i].name == values[j].name) return "'" + values[i].name + "' is given twice";
      }
    }
    return "an input is given twice";
  }

  Schema schema_;
  std::string weight_column_, group_column_;
  features_detail::Vocabularies vocabularies_;
  features_detail::Normalisation numbers_;
  FeaturesState state_;
  bool columns_shared_ = false;  ///< a column of a vector is another field's too
};

}  // namespace espalier
