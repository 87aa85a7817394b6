// SPDX-License-Identifier: Apache-2.0
// `Features`: vocabularies and normalisation, learnt from the training split, and the encoding of data by them.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "espalier/core/json_parser.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

/// What Features learnt: saved with a model.
struct FeaturesState {
  /// Per vocabulary (the schema's tables in order of first use): the values of rows 1, 2, …; row 0 is for all others.
  /// Empty for hashed fields.
  std::vector<std::vector<std::string>> vocabularies;
  std::vector<double> means, deviations;  ///< per numeric column, after the transforms before `standardize`
};

/// One raw value of a row to be predicted: a number or a text.
struct NamedValue {
  std::string_view name;
  std::variant<double, std::string_view> value;
};

class Features {
 public:
  explicit Features(const Schema& schema, std::string weight_column = {}, std::string group_column = {})
      : schema_(schema), weight_column_(std::move(weight_column)), group_column_(std::move(group_column)) {
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
  }

  /// Learns vocabularies (values seen at least min_count times, the most frequent first, ties in order of appearance)
  /// and means and deviations. A constant or empty column has deviation 1. Throws DataError.
  void fit(const Dataset& train) {
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
  /// `standardize`. Labels that are not in the data at all are missing. Throws DataError for a label that its loss does not take.
  [[nodiscard]] EncodedData encode(const Dataset& data) const {
    const Table& table = data.table();
    EncodedData out;
    out.samples = data.size();
    out.numeric_rows = numeric_rows_;
    out.numeric.resize(static_cast<std::size_t>(numeric_rows_ * out.samples));
    std::size_t row = 0, categorical = 0;
    for (const FieldInfo& f : schema_.fields) {
      if (!f.is_numeric()) {
        out.ids.push_back(encode_ids(f, vocabulary_of_[categorical++], table, data.rows()));
        continue;
      }
      for (int i = 0; i < f.width; ++i, ++row) {
        const std::vector<double>& values = table.numbers(column_name(f, i));
        for (std::size_t j = 0; j < data.rows().size(); ++j) {
          out.numeric[j * static_cast<std::size_t>(numeric_rows_) + row] =
              transformed(f, row, values[static_cast<std::size_t>(data.rows()[j])]);
        }
      }
    }
    encode_labels(table, data.rows(), out);
    return out;
  }

  /// One sample from raw named values, without labels. A name that is not an input is an error, an input that is not given is
  /// missing. Throws ConfigError.
  [[nodiscard]] EncodedData encode(std::span<const NamedValue> values) const {
    EncodedData out;
    out.samples = 1;
    out.numeric_rows = numeric_rows_;
    out.tasks = static_cast<Index>(schema_.labels.size());
    out.labels.assign(schema_.labels.size(), std::numeric_limits<float>::quiet_NaN());
    std::size_t row = 0, categorical = 0, used = 0;
    const auto find = [&](std::string_view name) -> const NamedValue* {
      for (const NamedValue& v : values) {
        if (v.name == name) {
          ++used;
          return &v;
        }
      }
      return nullptr;
    };
    for (const FieldInfo& f : schema_.fields) {
      if (!f.is_numeric()) {
        const NamedValue* v = find(f.name);
        std::string text;
        if (v != nullptr) {
          const double* number = std::get_if<double>(&v->value);
          text = number != nullptr ? number_text(*number) : std::string(std::get<std::string_view>(v->value));
        }
        EncodedData::Ids ids;
        if (f.pool != Pool::none) ids.offsets.push_back(0);
        add_ids(f, vocabulary_of_[categorical++], v != nullptr, text, ids);
        if (f.pool != Pool::none) ids.offsets.push_back(static_cast<std::int32_t>(ids.ids.size()));
        out.ids.push_back(std::move(ids));
        continue;
      }
      for (int i = 0; i < f.width; ++i, ++row) {
        const std::string name = column_name(f, i);
        const NamedValue* v = find(name);
        double number = std::numeric_limits<double>::quiet_NaN();
        if (v != nullptr) {
          if (std::get_if<double>(&v->value) == nullptr) {
            throw ConfigError("input '" + name + "' is '" + std::string(std::get<std::string_view>(v->value)) +
                              "', expected a number");
          }
          number = std::get<double>(v->value);
          if (std::isinf(number)) throw ConfigError("input '" + name + "' is infinite, expected a finite number");
        }
        out.numeric.push_back(transformed(f, row, number));
      }
    }
    if (used != values.size()) throw ConfigError("row: " + unknown_name(values));
    return out;
  }

  [[nodiscard]] const FeaturesState& state() const { return state_; }

  /// Takes over what was saved. Throws CheckpointError when it does not fit the schema.
  void restore(FeaturesState state) {
    if (state.vocabularies.size() != tables_.size() || state.means.size() != static_cast<std::size_t>(numeric_rows_) ||
        state.deviations.size() != state.means.size()) {
      throw CheckpointError("features: " + std::to_string(state.vocabularies.size()) + " vocabularies and " +
                            std::to_string(state.means.size()) + " numeric columns, expected " +
                            std::to_string(tables_.size()) + " and " + std::to_string(numeric_rows_));
    }
    for (const double d : state.deviations) {
      if (!(d > 0)) throw CheckpointError("features: a deviation is not positive");
    }
    state_ = std::move(state);
    index_vocabularies();
  }

  [[nodiscard]] const Schema& schema() const { return schema_; }
  [[nodiscard]] const std::string& weight_column() const { return weight_column_; }
  [[nodiscard]] const std::string& group_column() const { return group_column_; }

 private:
  static std::string column_name(const FieldInfo& f, int i) {
    return f.width == 1 ? std::string(f.name) : std::string(f.name) + "_" + std::to_string(i);
  }

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
        const Column column = train.table().as_text(f.name);
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
      std::stable_sort(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
      state_.vocabularies[v].clear();
      for (const std::size_t i : kept) state_.vocabularies[v].push_back(values.values()[i]);
    }
    index_vocabularies();
  }

  void index_vocabularies() {
    for (std::size_t v = 0; v < tables_.size(); ++v) {
      lookup_[v] = Dictionary();
      for (const std::string& value : state_.vocabularies[v]) static_cast<void>(lookup_[v].code(value));
      if (lookup_[v].values().size() != state_.vocabularies[v].size()) {
        throw CheckpointError("features: vocabulary '" + std::string(tables_[v]->table) + "' has a value twice");
      }
    }
  }

  void fit_normalisation(const Dataset& train) {
    std::size_t row = 0;
    for (const FieldInfo& f : schema_.fields) {
      if (!f.is_numeric()) continue;
      for (int i = 0; i < f.width; ++i, ++row) {
        const std::vector<double>& values = train.table().numbers(column_name(f, i));
        double count = 0, mean = 0, squares = 0;  // Welford
        for (const std::int32_t at : train.rows()) {
          const double x = before_standardize(f, values[static_cast<std::size_t>(at)]);
          if (std::isinf(x)) {
            throw DataError(train.table().source + ": column '" + column_name(f, i) + "', row " + std::to_string(at + 1) +
                            ": an infinite value, expected a finite number");
          }
          if (std::isnan(x)) continue;
          ++count;
          const double delta = x - mean;
          mean += delta / count;
          squares += delta * (x - mean);
        }
        const double deviation = count > 0 ? std::sqrt(squares / count) : 0;
        state_.means[row] = mean;
        state_.deviations[row] = deviation > 0 ? deviation : 1;
      }
    }
  }

  static double apply(const Transform& t, double x) {
    switch (t.kind) {
      case TransformKind::log1p: return std::copysign(std::log1p(std::abs(x)), x);
      case TransformKind::clip: return (std::min)((std::max)(x, t.low), t.high);
      case TransformKind::standardize: break;
    }
    return x;
  }

  static double before_standardize(const FieldInfo& f, double x) {
    for (int i = 0; i < f.transform_count; ++i) {
      const Transform& t = f.transforms[static_cast<std::size_t>(i)];
      if (t.kind == TransformKind::standardize) break;
      x = std::isnan(x) ? x : apply(t, x);
    }
    return x;
  }

  [[nodiscard]] float transformed(const FieldInfo& f, std::size_t row, double x) const {
    const bool missing = std::isnan(x);
    for (int i = 0; i < f.transform_count; ++i) {
      const Transform& t = f.transforms[static_cast<std::size_t>(i)];
      if (t.kind == TransformKind::standardize) {
        x = std::isnan(x) ? 0 : (x - state_.means[row]) / state_.deviations[row];
      } else if (!std::isnan(x)) {
        x = apply(t, x);
      }
    }
    return missing && std::isnan(x) ? 0.0F : static_cast<float>(x);
  }

  void add_ids(const FieldInfo& f, std::size_t v, bool present, std::string_view text, EncodedData::Ids& ids) const {
    const bool hashed = f.kind == FieldKind::hashed;
    const auto id = [&](std::string_view value) {
      return hashed ? static_cast<std::int32_t>(hash_text(value) % static_cast<std::uint64_t>(f.buckets))
                    : lookup_[v].find(value) + 1;
    };
    if (!present) {
      if (f.pool == Pool::none) ids.ids.push_back(hashed ? id("") : 0);
      return;
    }
    for_each_value(f, text, [&](std::string_view value) { ids.ids.push_back(id(value)); });
  }

  [[nodiscard]] EncodedData::Ids encode_ids(const FieldInfo& f, std::size_t v, const Table& table,
                                            const std::vector<std::int32_t>& rows) const {
    const Column column = table.as_text(f.name);
    // Each distinct cell once, then rows by its code; the last is for missing cells.
    std::vector<EncodedData::Ids> cells(column.dictionary.size() + 1);
    for (std::size_t code = 0; code < column.dictionary.size(); ++code) {
      add_ids(f, v, true, column.dictionary[code], cells[code]);
    }
    add_ids(f, v, false, {}, cells.back());
    EncodedData::Ids out;
    for (const std::int32_t row : rows) {
      const std::int32_t code = column.codes[static_cast<std::size_t>(row)];
      const auto& cell = code < 0 ? cells.back() : cells[static_cast<std::size_t>(code)];
      if (f.pool != Pool::none) {
        if (out.ids.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
          throw DataError(table.source + ": column '" + std::string(f.name) + "': more than 2^31 − 1 values in all");
        }
        out.offsets.push_back(static_cast<std::int32_t>(out.ids.size()));
      }
      out.ids.insert(out.ids.end(), cell.ids.begin(), cell.ids.end());
    }
    if (f.pool != Pool::none) out.offsets.push_back(static_cast<std::int32_t>(out.ids.size()));
    return out;
  }

  static bool fits(const LabelInfo& label, double y) {
    switch (label.kind) {
      case LabelKind::binary: return y == 0 || y == 1;
      case LabelKind::real: return std::isfinite(y);
      case LabelKind::count: return std::isfinite(y) && y >= 0;
      case LabelKind::classes: return y >= 0 && y < label.classes && y == std::floor(y);
    }
    return false;
  }

  static std::string expected(const LabelInfo& label) {
    switch (label.kind) {
      case LabelKind::binary: return "0 or 1";
      case LabelKind::real: return "a finite number";
      case LabelKind::count: return "a finite number from 0";
      case LabelKind::classes: break;
    }
    return "a class from 0 to " + std::to_string(label.classes - 1);
  }

  void encode_labels(const Table& table, const std::vector<std::int32_t>& rows, EncodedData& out) const {
    out.tasks = static_cast<Index>(schema_.labels.size());
    out.labels.assign(schema_.labels.size() * rows.size(), std::numeric_limits<float>::quiet_NaN());
    for (std::size_t k = 0; k < schema_.labels.size(); ++k) {
      const LabelInfo& label = schema_.labels[k];
      if (!table.has(label.column)) continue;
      const std::vector<double>& values = table.numbers(label.column);
      for (std::size_t j = 0; j < rows.size(); ++j) {
        const double y = values[static_cast<std::size_t>(rows[j])];
        if (std::isnan(y)) continue;
        if (!fits(label, y)) {
          throw DataError(table.source + ": label '" + std::string(label.column) + "' of task '" + std::string(label.name) +
                          "', row " + std::to_string(rows[j] + 1) + ": " + number_text(y) + ", expected " + expected(label) +
                          " or a missing value");
        }
        out.labels[k * rows.size() + j] = static_cast<float>(y);
      }
    }
    if (!weight_column_.empty()) {
      const std::vector<double>& weights = table.numbers(weight_column_);
      for (const std::int32_t row : rows) {
        const double w = weights[static_cast<std::size_t>(row)];
        if (!(w >= 0) || std::isinf(w)) {
          throw DataError(table.source + ": weight '" + weight_column_ + "', row " + std::to_string(row + 1) + ": " +
                          number_text(w) + ", expected a finite number from 0");
        }
        out.weights.push_back(static_cast<float>(w));
      }
    }
    if (!group_column_.empty()) {
      const Column groups = table.as_text(group_column_);
      for (const std::int32_t row : rows) out.groups.push_back(groups.codes[static_cast<std::size_t>(row)]);
    }
  }

  [[nodiscard]] std::string unknown_name(std::span<const NamedValue> values) const {
    for (std::size_t i = 0; i < values.size(); ++i) {
      bool known = false;
      for (const FieldInfo& f : schema_.fields) {
        for (int k = 0; k < (f.is_numeric() ? f.width : 1); ++k) {
          known = known || values[i].name == (f.is_numeric() ? column_name(f, k) : std::string(f.name));
        }
      }
      if (!known) return "'" + std::string(values[i].name) + "' is not an input of the model";
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

/// As JSON, for a checkpoint's metadata.
[[nodiscard]] inline Json to_json(const FeaturesState& state) {
  std::vector<Json> vocabularies;
  for (const auto& vocabulary : state.vocabularies) {
    std::vector<Json> values(vocabulary.begin(), vocabulary.end());
    vocabularies.push_back(Json::array(std::move(values)));
  }
  Json made = Json::object();
  made.set("vocabularies", Json::array(std::move(vocabularies)));
  made.set("means", Json::array(std::vector<Json>(state.means.begin(), state.means.end())));
  made.set("deviations", Json::array(std::vector<Json>(state.deviations.begin(), state.deviations.end())));
  return made;
}

[[nodiscard]] inline FeaturesState features_from_json(const Json& json) {
  FeaturesState state;
  for (const Json& vocabulary : json.at("vocabularies").items()) {
    state.vocabularies.emplace_back();
    for (const Json& value : vocabulary.items()) state.vocabularies.back().push_back(value.as_string());
  }
  for (const Json& v : json.at("means").items()) state.means.push_back(v.as_number());
  for (const Json& v : json.at("deviations").items()) state.deviations.push_back(v.as_number());
  return state;
}

}  // namespace espalier
