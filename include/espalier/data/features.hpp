// SPDX-License-Identifier: Apache-2.0
// `Features`: vocabularies and normalisation, learnt from the training split, and the encoding of data by them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/data/features_state.hpp"
#include "espalier/data/labels.hpp"
#include "espalier/data/schema_columns.hpp"
#include "espalier/data/transform.hpp"
#include "espalier/data/weights.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// One raw value of a row to be predicted: a number (NaN: missing) or a text. A whole number for a categorical input is its
/// digits, all 64 bits of them.
struct NamedValue {
  template <class Number>
  requires std::is_arithmetic_v<Number>
  constexpr NamedValue(std::string_view called, Number value)
      : name(called), number(static_cast<double>(value)) {
    if constexpr (std::is_integral_v<Number>) {
      is_whole = true;
      if constexpr (std::is_signed_v<Number>) is_negative = value < 0;
      digits = is_negative ? std::uint64_t{0} - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    }
  }
  constexpr NamedValue(std::string_view called, std::string_view value)
      : name(called), text(value), is_text(true) {}

  /// What it is for a categorical input.
  [[nodiscard]] std::string as_text() const {
    if (is_text) return std::string(text);
    return is_whole ? (is_negative ? "-" : "") + std::to_string(digits) : number_text(number);
  }

  std::string_view name;
  double number = std::numeric_limits<double>::quiet_NaN();
  std::string_view text;
  std::uint64_t digits = 0;  ///< of a whole number
  bool is_text = false, is_whole = false, is_negative = false;
};

class Features {
 public:
  ESPALIER_COLD explicit Features(const Schema& schema, std::string weight_column = {},
                                  std::string group_column = {})
      : schema_(schema),
        weight_column_(std::move(weight_column)),
        group_column_(std::move(group_column)) {
    for (const FieldInfo& f : schema_.fields) {
      if (f.is_numeric()) {
        numeric_rows_ += f.width;
        continue;
      }
      std::size_t v = 0;
      while (v < tables_.size() && tables_[v]->table != f.table) ++v;
      if (v == tables_.size()) tables_.push_back(&f);
      vocabulary_of_.push_back(v);
    }
    state_.vocabularies.resize(tables_.size());
    state_.means.assign(static_cast<std::size_t>(numeric_rows_), 0.0);
    state_.deviations.assign(static_cast<std::size_t>(numeric_rows_), 1.0);
    lookup_.resize(tables_.size());
    state_.labels.resize(schema_.labels.size());
  }

  /// Learns what labels are made of (names of classes, means and deviations), vocabularies (values seen at least min_count times, the most frequent first, ties in order of appearance: fields
  /// that share a table one after the other) and means and deviations. A constant or empty column has deviation 1. O(rows ·
  /// fields). Throws DataError.
  void fit(const Dataset& train) {
    fit_labels(train);
    fit_vocabularies(train);
    fit_normalisation(train);
  }

  /// Rows of each vocabulary's tables.
  [[nodiscard]] std::vector<Index> vocabulary_rows() const {
    std::vector<Index> rows;
    for (std::size_t v = 0; v < tables_.size(); ++v) {
      rows.push_back(tables_[v]->kind == FieldKind::hashed ? static_cast<Index>(tables_[v]->buckets)
                                                           : static_cast<Index>(state_.vocabularies[v].size()) + 1);
    }
    return rows;
  }

  /// The data as numbers. A value that the vocabulary does not have is row 0; a missing number is the mean, or 0 without
  /// `standardize`. Labels that are not in the data at all are missing, and without its column weights are 1. Throws DataError
  /// for a label that its loss does not take.
  [[nodiscard]] EncodedData encode(const Dataset& data) const {
    EncodedData out = encode_labelled(data);
    if (!weight_column_.empty() && data.table().has(weight_column_)) features_detail::encode_weights(weight_column_, data.table(), data.rows(), out);
    if (!group_column_.empty()) features_detail::encode_groups(group_column_, data.table(), data.rows(), out);
    return out;
  }

  /// The same without weights and groups, whose columns need not be there.
  [[nodiscard]] EncodedData encode_labelled(const Dataset& data) const {
    EncodedData out = encode_inputs(data);
    features_detail::encode_labels(schema_, state_.labels, data.table(), data.rows(), out);
    return out;
  }

  /// What predictions need of it: all labels are missing, and neither they nor weights and groups are looked at.
  [[nodiscard]] EncodedData encode_inputs(const Dataset& data) const {
    EncodedData out;
    out.samples = data.size();
    out.numeric_rows = numeric_rows_;
    out.tasks = static_cast<Index>(schema_.labels.size());
    for (const LabelState& label : state_.labels) out.label_scales.push_back(label.scale);
    out.labels.assign(schema_.labels.size() * data.rows().size(), std::numeric_limits<float>::quiet_NaN());
    encode_numbers(data, out);
    for (const FieldInfo& f : schema_.fields) out.single_fields += is_single(f) ? 1 : 0;
    out.single_ids.resize(static_cast<std::size_t>(out.single_fields) * data.rows().size());
    std::size_t categorical = 0, single = 0;
    for (const FieldInfo& f : schema_.fields) {
      if (f.is_numeric()) continue;
      encode_ids(f, vocabulary_of_[categorical++], data.table(), data.rows(), out, single);
      single += is_single(f) ? 1U : 0U;
    }
    return out;
  }

  /// One sample from raw named values, without labels. A name that is not an input is an error, an input that is not given is
  /// missing. A number for a categorical input is the text that NamedValue::as_text() makes of it. Throws ConfigError.
  [[nodiscard]] EncodedData encode(std::span<const NamedValue> values) const {
    EncodedData out;
    out.samples = 1;
    out.numeric_rows = numeric_rows_;
    out.tasks = static_cast<Index>(schema_.labels.size());
    out.labels.assign(schema_.labels.size(), std::numeric_limits<float>::quiet_NaN());
    std::size_t row = 0, categorical = 0;
    std::vector<std::uint8_t> used(values.size());
    const auto find = [&](std::string_view name) -> const NamedValue* {
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i].name != name) continue;
        used[i] = 1;
        return &values[i];
      }
      return nullptr;
    };
    for (const FieldInfo& f : schema_.fields) {
      if (!f.is_numeric()) {
        const NamedValue* v = find(f.name);
        std::string text;
        if (v != nullptr) text = v->as_text();
        const bool present = v != nullptr && (v->is_text || !std::isnan(v->number));
        EncodedData::Ids ids;
        const bool single = is_single(f);
        add_ids(f, vocabulary_of_[categorical++], present, text, single ? out.single_ids : ids.ids);
        out.single_fields += single ? 1 : 0;
        if (!single) ids.offsets = {0, static_cast<std::int32_t>(ids.ids.size())};
        out.ids.push_back(std::move(ids));
        continue;
      }
      for (int i = 0; i < f.width; ++i, ++row) {
        const std::string name = column_name(f, i);
        const NamedValue* v = find(name);
        if (v != nullptr && v->is_text) {
          throw_error<ConfigError>({"input '", name, "' is '", v->text, "', expected a number"});
        }
        const double number = v != nullptr ? v->number : std::numeric_limits<double>::quiet_NaN();
        const auto input = features_detail::as_input(f, number, state_.means[row], state_.deviations[row]);
        if (!input) throw_error<ConfigError>({"input '", name, "' is ", number_text(number),
                                              ", expected a finite number"});
        out.numeric.push_back(*input);
      }
    }
    if (std::find(used.begin(), used.end(), 0) != used.end()) throw_error<ConfigError>({"row: ", unknown_name(values)});
    return out;
  }

  [[nodiscard]] const FeaturesState& state() const { return state_; }

  /// Per task, the names of its classes; empty where classes are numbers.
  [[nodiscard]] ESPALIER_COLD std::vector<std::vector<std::string>> class_names() const {
    std::vector<std::vector<std::string>> names;
    for (const LabelState& label : state_.labels) names.push_back(label.classes);
    return names;
  }

  /// Takes over what was saved. Throws CheckpointError when it does not fit the schema.
  ESPALIER_COLD void restore(FeaturesState state) {
    if (state.vocabularies.size() != tables_.size() || state.means.size() != static_cast<std::size_t>(numeric_rows_) ||
        state.deviations.size() != state.means.size()) {
      throw_error<CheckpointError>({"features: ", state.vocabularies.size(), " vocabularies and ",
                                    state.means.size(), " numeric columns, expected ", tables_.size(),
                                    " and ", numeric_rows_});
    }
    for (std::size_t i = 0; i < state.means.size(); ++i) {
      if (!std::isfinite(state.means[i])) throw CheckpointError("features: a mean is not finite");
      if (!(state.deviations[i] > 0)) throw CheckpointError("features: a deviation is not positive");
    }
    if (state.labels.empty()) state.labels.resize(schema_.labels.size());
    check_labels(state.labels);
    state_ = std::move(state);
    index_vocabularies();
  }

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const std::string& weight_column() const { return weight_column_; }
  [[nodiscard]] const std::string& group_column() const { return group_column_; }

 private:
  /// The parts of a cell, or the cell itself.
  template <class Function>
  static void for_each_value(const FieldInfo& f, std::string_view text, Function&& function) {
    if (f.pool == Pool::none) {
      function(text);
      return;
    }
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = (std::min)(text.find(f.separator, at), text.size());
      if (end > at) function(text.substr(at, end - at));
      at = end + 1;
    }
  }

  ESPALIER_COLD void fit_labels(const Dataset& train) {
    EncodedData weighted;
    if (!weight_column_.empty()) features_detail::encode_weights(weight_column_, train.table(), train.rows(), weighted);
    const auto counts = [&](std::size_t j) { return weighted.weights.empty() || weighted.weights[j] > 0; };
    for (std::size_t k = 0; k < schema_.labels.size(); ++k) {
      const LabelInfo& label = schema_.labels[k];
      state_.labels[k] = {};
      if (train.table().has(label.column)) {
        state_.labels[k] = features_detail::learn_label(label, train.table(), train.rows(), counts);
      }
    }
  }

  ESPALIER_COLD void check_labels(const std::vector<LabelState>& labels) const {
    if (labels.size() != schema_.labels.size()) {
      throw_error<CheckpointError>({"features: labels of ", labels.size(), " tasks, expected ", schema_.labels.size()});
    }
    for (std::size_t k = 0; k < labels.size(); ++k) {
      const LabelScale& scale = labels[k].scale;
      if (!std::isfinite(scale.mean) || !std::isfinite(scale.deviation) || !(scale.deviation > 0)) {
        throw_error<CheckpointError>({"features: labels of task '", schema_.labels[k].name, "' have mean ",
                                      number_text(scale.mean), " and deviation ", number_text(scale.deviation),
                                      ", expected numbers, the deviation above 0"});
      }
      if (labels[k].classes.size() > static_cast<std::size_t>(schema_.labels[k].classes)) {
        throw_error<CheckpointError>({"features: task '", schema_.labels[k].name, "' has ", labels[k].classes.size(),
                                      " names for ", schema_.labels[k].classes, " classes"});
      }
    }
  }

  void fit_vocabularies(const Dataset& train) {
    for (std::size_t v = 0; v < tables_.size(); ++v) {
      if (tables_[v]->kind == FieldKind::hashed) continue;
      Dictionary values;
      std::vector<Index> counts;
      int min_count = 1;
      std::size_t categorical = 0;
      for (const FieldInfo& f : schema_.fields) {
        if (f.is_numeric() || vocabulary_of_[categorical++] != v) continue;
        min_count = (std::max)(min_count, f.min_count);
        Column made;
        const Column& column = train.table().as_text(f.name, made);
        std::vector<Index> by_code(column.dictionary.size(), 0);
        std::vector<std::int32_t> order;  // of first appearance in the split
        for (const std::int32_t row : train.rows()) {
          const std::int32_t code = column.codes[static_cast<std::size_t>(row)];
          if (code >= 0 && by_code[static_cast<std::size_t>(code)]++ == 0) order.push_back(code);
        }
        for (const std::int32_t code : order) {
          for_each_value(f, column.dictionary[static_cast<std::size_t>(code)], [&](std::string_view value) {
            const auto at = static_cast<std::size_t>(values.code(value));
            if (at == counts.size()) counts.push_back(0);
            counts[at] += by_code[static_cast<std::size_t>(code)];
          });
        }
      }
      std::vector<std::size_t> kept;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] >= min_count) kept.push_back(i);
      }
      std::sort(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) {
        return counts[a] != counts[b] ? counts[a] > counts[b] : a < b;
      });
      state_.vocabularies[v].clear();
      for (const std::size_t i : kept) state_.vocabularies[v].push_back(values.values()[i]);
    }
    index_vocabularies();
  }

  ESPALIER_COLD void index_vocabularies() {
    for (std::size_t v = 0; v < tables_.size(); ++v) {
      lookup_[v] = Dictionary();
      for (const std::string& value : state_.vocabularies[v]) static_cast<void>(lookup_[v].code(value));
      if (lookup_[v].values().size() != state_.vocabularies[v].size()) {
        throw_error<CheckpointError>({"features: vocabulary '", tables_[v]->table, "' has a value twice"});
      }
    }
  }

  void fit_normalisation(const Dataset& train) {
    std::size_t row = 0;
    for (const FieldInfo& f : schema_.fields) {
      for (int i = 0; f.is_numeric() && i < f.width; ++i, ++row) {
        const std::vector<double>& values = train.table().numbers(column_name(f, i));
        features_detail::Moments moments;
        for (const std::int32_t at : train.rows()) {
          const double x = features_detail::before_standardize(f, values[static_cast<std::size_t>(at)]);
          if (std::isnan(x)) continue;
          if (std::isinf(x)) refuse(train.table(), at, f, i);
          moments.add(x);
        }
        if (!moments.finite()) {
          const auto size = [&](std::int32_t at) {
            const double x = features_detail::before_standardize(f, values[static_cast<std::size_t>(at)]);
            return std::isnan(x) ? 0 : std::abs(x);
          };
          const std::int32_t largest = *std::max_element(train.rows().begin(), train.rows().end(),
                                                         [&](auto a, auto b) { return size(a) < size(b); });
          throw_error<DataError>({train.table().where(largest), ": column '", column_name(f, i), "' is ",
                                  number_text(values[static_cast<std::size_t>(largest)]),
                                  ", expected numbers that have a mean and a deviation"});
        }
        state_.means[row] = moments.mean();
        state_.deviations[row] = moments.deviation();
      }
    }
  }

  void encode_numbers(const Dataset& data, EncodedData& out) const {
    struct Source {
      const FieldInfo* field;
      int i;
      const double* values;
    };
    std::vector<Source> sources;
    for (const FieldInfo& f : schema_.fields) {
      for (int i = 0; f.is_numeric() && i < f.width; ++i) {
        sources.push_back({&f, i, data.table().numbers(column_name(f, i)).data()});
      }
    }
    out.numeric.resize(sources.size() * data.rows().size());
    constexpr std::size_t block = 64;  // a column at a time, of samples that stay in the cache
    for (std::size_t begin = 0; begin < data.rows().size(); begin += block) {
      const std::size_t end = (std::min)(begin + block, data.rows().size());
      for (std::size_t row = 0; row < sources.size(); ++row) {
        const Source& s = sources[row];
        const double mean = state_.means[row], deviation = state_.deviations[row];
        for (std::size_t j = begin; j < end; ++j) {
          const auto input = features_detail::as_input(*s.field, s.values[data.rows()[j]], mean, deviation);
          if (!input) refuse(data.table(), data.rows()[j], *s.field, s.i);
          out.numeric[j * sources.size() + row] = *input;
        }
      }
    }
  }

  [[noreturn]] static void refuse(const Table& table, std::int32_t row, const FieldInfo& f, int i) {
    const std::string name = column_name(f, i);
    throw_error<DataError>({table.where(row), ": column '", name, "' is ",
                            number_text(table.numbers(name)[static_cast<std::size_t>(row)]),
                            ", expected a finite number that a float can hold"});
  }

  void add_ids(const FieldInfo& f, std::size_t v, bool present, std::string_view text,
               std::vector<std::int32_t>& ids) const {
    const bool hashed = f.kind == FieldKind::hashed;
    const auto id = [&](std::string_view value) {
      return hashed ? static_cast<std::int32_t>(hash_text(value) % static_cast<std::uint64_t>(f.buckets))
                    : lookup_[v].find(value) + 1;
    };
    if (!present) {
      if (f.pool == Pool::none) ids.push_back(hashed ? id("") : 0);
      return;
    }
    for_each_value(f, text, [&](std::string_view value) { ids.push_back(id(value)); });
  }

  [[nodiscard]] static bool is_single(const FieldInfo& f) { return !f.is_numeric() && f.pool == Pool::none; }

  /// `single`: how many single-valued fields come before.
  void encode_ids(const FieldInfo& f, std::size_t v, const Table& table, const std::vector<std::int32_t>& rows,
                  EncodedData& data, std::size_t single) const {
    Column made;
    const Column& column = table.as_text(f.name, made);
    // Each distinct cell once, the last being the missing one: cell c has the ids begin[c] … begin[c + 1] − 1.
    std::vector<std::int32_t> ids;
    std::vector<std::size_t> begin{0};
    for (const std::string& value : column.dictionary) {
      add_ids(f, v, true, value, ids);
      begin.push_back(ids.size());
    }
    add_ids(f, v, false, {}, ids);
    begin.push_back(ids.size());
    const auto cell = [&](std::int32_t row) {
      const std::int32_t code = column.codes[static_cast<std::size_t>(row)];
      return code < 0 ? column.dictionary.size() : static_cast<std::size_t>(code);
    };
    EncodedData::Ids& out = data.ids.emplace_back();
    if (is_single(f)) {
      std::size_t at = single;
      for (const std::int32_t row : rows) {
        data.single_ids[at] = ids[cell(row)];
        at += static_cast<std::size_t>(data.single_fields);
      }
      return;
    }
    out.offsets.reserve(rows.size() + 1);
    out.offsets.push_back(0);
    for (const std::int32_t row : rows) {
      const std::size_t c = cell(row);
      if (out.ids.size() + begin[c + 1] - begin[c] > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
        throw_error<DataError>({table.source, ": column '", f.name,
                                "' has more than 2^31 − 1 values in all"});
      }
      out.ids.insert(out.ids.end(), ids.begin() + static_cast<std::ptrdiff_t>(begin[c]),
                     ids.begin() + static_cast<std::ptrdiff_t>(begin[c + 1]));
      out.offsets.push_back(static_cast<std::int32_t>(out.ids.size()));
    }
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
      if (!known) return "'" + std::string(values[i].name) + "' is not an input of the model, which reads " + inputs;
      for (std::size_t j = 0; j < i; ++j) {
        if (values[i].name == values[j].name) return "'" + std::string(values[i].name) + "' is given twice";
      }
    }
    return "an input is given twice";
  }

  Schema schema_;
  std::string weight_column_, group_column_;
  Index numeric_rows_ = 0;
  std::vector<const FieldInfo*> tables_;     ///< per vocabulary: the field that uses it first
  std::vector<std::size_t> vocabulary_of_;   ///< per categorical field
  FeaturesState state_;
  std::vector<Dictionary> lookup_;
};

}  // namespace espalier
