// SPDX-License-Identifier: Apache-2.0
// Labels as numbers: reads their columns, learns class names and scales, and checks values against
// the losses.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/csv_values.hpp"
#include "espalier/data/dataset.hpp"
#include "espalier/data/encoded.hpp"
#include "espalier/data/features_state.hpp"
#include "espalier/data/table.hpp"
#include "espalier/data/transform.hpp"
#include "espalier/data/weights.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier::features_detail {

[[nodiscard]] inline bool fits(const LabelInfo& label, double y) {
  switch (label.kind) {
    case LabelKind::binary:
      return y == 0 || y == 1;
    case LabelKind::real:
      return is_float(y);
    case LabelKind::count:
      return is_float(y) && y >= 0;
    case LabelKind::classes:
      return y >= 0 && y < label.classes && y == std::floor(y);
    case LabelKind::item:
      break;  // rows are found by Vocabularies
  }
  return false;
}

[[nodiscard]] ESPALIER_COLD inline std::string expected(const LabelInfo& label) {
  if (label.rule == LabelRule::at_least) return "a number";
  switch (label.kind) {
    case LabelKind::binary:
      return "0 or 1";
    case LabelKind::real:
      return "a finite number";
    case LabelKind::count:
      return "a finite number from 0";
    case LabelKind::item:
      return "an item";
    case LabelKind::classes:
      break;
  }
  return "a class from 0 to " + std::to_string(label.classes - 1);
}

/// How to make labels of such cells, as the end of an error message.
[[nodiscard]] ESPALIER_COLD inline std::string label_remedy(const LabelInfo& label,
                                                            std::string_view text) {
  if (label.rule != LabelRule::value) return {};
  const std::string column = "Label<\"" + std::string(label.column) + "\", ";
  if (label.kind == LabelKind::binary) {
    return ". " + column + "Equals<\"" + csv_detail::shown(text) + "\">> makes labels of text, " +
           column + "AtLeast<…>> of numbers";
  }
  if (label.kind == LabelKind::classes)
    return ". " + column + "ByName> takes classes by their names";
  return {};
}

/// Maximum number of texts that a message shows, or that are kept for comparison.
inline constexpr std::size_t most_texts = 32;

/// "'a', 'b'"
[[nodiscard]] ESPALIER_COLD inline std::string quoted(const std::vector<std::string>& texts) {
  std::string all;
  for (std::size_t i = 0; i < texts.size() && i < most_texts; ++i) {
    all += (i > 0 ? ", '" : "'") + csv_detail::shown(texts[i]) + "'";
  }
  return texts.size() > most_texts ? all + ", …" : all;
}

/// `text` must be a category key.
[[nodiscard]] inline bool is_one_of(const LabelInfo& label, std::string_view text) {
  return std::any_of(label.texts.begin(), label.texts.end(),
                     [&](std::string_view one) { return category_key(one) == text; });
}

/// The column of one label, read by the label's rule.
class LabelColumn {
 public:
  /// `state`: class names, if classes have names. `label` and `table` must outlive this object.
  ESPALIER_COLD LabelColumn(const LabelInfo& label, const LabelState& state, const Table& table)
      : label_(label), table_(table) {
    const Column* column = &table.column(label.column);
    if (label.is_text() || !state.classes.empty()) column = &table.as_keys(label.column, made_);
    if (column->kind == ColumnKind::number) {
      numbers_ = column->numbers.data();
      return;
    }
    text_ = column;
    for (const std::string& text : column->dictionary) values_.push_back(value_of(text, state));
  }

  /// The label of a row; NaN if missing. Throws DataError for an invalid label.
  [[nodiscard]] double operator()(std::int32_t row) const {
    const auto at = static_cast<std::size_t>(row);
    double y = std::numeric_limits<double>::quiet_NaN();
    if (text_ == nullptr) {
      y = numbers_[at];
    } else if (const std::int32_t code = text_->codes[at]; code >= 0) {
      const std::optional<double>& value = values_[static_cast<std::size_t>(code)];
      if (!value) refuse(row);
      y = *value;
    }
    if (std::isnan(y)) return y;
    if (label_.rule == LabelRule::at_least) return y >= label_.bound ? 1 : 0;
    if (!fits(label_, y)) refuse(row);
    return y;
  }

  /// The distinct texts in these rows, the most frequent first; empty if the column is numeric.
  [[nodiscard]] ESPALIER_COLD std::vector<std::string> texts(
      const std::vector<std::int32_t>& rows) const {
    if (text_ == nullptr) return {};
    std::vector<Index> counts(text_->dictionary.size());
    for (const std::int32_t row : rows) {
      const std::int32_t code = text_->codes[static_cast<std::size_t>(row)];
      if (code >= 0) ++counts[static_cast<std::size_t>(code)];
    }
    std::vector<std::size_t> order;
    for (std::size_t code = 0; code < counts.size(); ++code) {
      if (counts[code] > 0) order.push_back(code);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
    std::vector<std::string> found;
    for (const std::size_t code : order) found.push_back(text_->dictionary[code]);
    return found;
  }

  /// The distinct texts of the whole column.
  [[nodiscard]] ESPALIER_COLD std::vector<std::string> all_texts() const {
    return text_ == nullptr ? std::vector<std::string>() : text_->dictionary;
  }

  /// The cell as a message shows it.
  [[nodiscard]] ESPALIER_COLD std::string cell(std::int32_t row) const {
    return text_ == nullptr ? number_text(numbers_[static_cast<std::size_t>(row)])
                            : "'" + csv_detail::shown(text_->at(row)) + "'";
  }

  [[nodiscard]] ESPALIER_COLD std::string where(std::int32_t row) const {
    return table_.where(row) + ": label '" + std::string(label_.column) + "' of task '" +
           std::string(label_.name) + "' is " + cell(row);
  }

 private:
  [[nodiscard]] std::optional<double> value_of(const std::string& text,
                                               const LabelState& state) const {
    if (label_.rule == LabelRule::one_of) {
      return is_one_of(label_, text) ? 1 : 0;
    }
    if (!state.classes.empty()) {
      const auto at = std::find(state.classes.begin(), state.classes.end(), text);
      if (at == state.classes.end()) return std::nullopt;
      return static_cast<double>(at - state.classes.begin());
    }
    if (label_.rule == LabelRule::by_name) return std::nullopt;  // no class names are known
    double number = 0;
    if (to_number(text, number) != std::errc()) return std::nullopt;
    return number;
  }

  [[noreturn]] ESPALIER_COLD void refuse(std::int32_t row) const {
    if (label_.kind == LabelKind::classes && text_ != nullptr) {
      throw_error<DataError>(
          {where(row),
           ", expected one of the classes that the training split has, or a missing value"});
    }
    throw_error<DataError>({where(row), ", expected ", expected(label_), " or a missing value",
                            label_remedy(label_, text_ == nullptr ? "…" : text_->at(row))});
  }

  const LabelInfo& label_;
  const Table& table_;
  Column made_;  ///< the column as category keys, if it had to be converted
  const Column* text_ = nullptr;
  const double* numbers_ = nullptr;
  std::vector<std::optional<double>> values_;  ///< per text of the dictionary
};

/// Order of class names: numbers by value, then texts by their bytes.
[[nodiscard]] ESPALIER_COLD inline bool class_before(const std::string& a, const std::string& b) {
  double x = 0, y = 0;
  const bool x_is = to_number(a, x) == std::errc(), y_is = to_number(b, y) == std::errc();
  if (x_is != y_is) return x_is;
  return x_is && x != y ? x < y : a < b;
}

/// The class names of a label, in order; empty if classes are numbers. Throws DataError for more
/// classes than the loss has.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::string> learn_classes(
    const LabelInfo& label, const Table& table, const std::vector<std::int32_t>& rows) {
  const bool named =
      label.rule == LabelRule::by_name || table.column(label.column).kind == ColumnKind::text;
  if (label.kind != LabelKind::classes || !named) return {};
  LabelInfo by_name = label;
  by_name.rule = LabelRule::by_name;
  std::vector<std::string> classes = LabelColumn(by_name, {}, table).texts(rows);
  std::sort(classes.begin(), classes.end(), &class_before);
  if (classes.size() > static_cast<std::size_t>(label.classes)) {
    throw_error<DataError>({table.source, ": label '", label.column, "' of task '", label.name,
                            "' has ", classes.size(), " classes in the training split (",
                            quoted(classes), "), expected at most ", label.classes,
                            ", as many as its loss has"});
  }
  return classes;
}

/// Learns from the labels of the training split. `weight(j)`: weight of rows[j]. Throws DataError.
template <class Weight>
[[nodiscard]] ESPALIER_COLD LabelState learn_label(const LabelInfo& label, const Table& table,
                                                   const std::vector<std::int32_t>& rows,
                                                   Weight weight) {
  LabelState state;
  if (label.kind == LabelKind::item) return state;  // its vocabulary is that of a field
  state.classes = learn_classes(label, table, rows);
  const LabelColumn column(label, state, table);
  if (label.rule == LabelRule::one_of) {
    state.texts = column.texts(rows);
    const std::vector<std::string> all = column.all_texts();
    if (!all.empty() && std::none_of(all.begin(), all.end(), [&](const std::string& text) {
          return is_one_of(label, text);
        })) {
      throw_error<DataError>({table.source, ": label '", label.column, "' of task '", label.name,
                              "' is nowhere ", quoted({label.texts.begin(), label.texts.end()}),
                              "; it is ", quoted(all)});
    }
  }
  if (state.texts.size() > most_texts) state.texts.clear();
  if (label.kind != LabelKind::real && label.kind != LabelKind::count) return state;
  state.scale.log1p = label.log1p;
  Moments moments;
  for (std::size_t j = 0; j < rows.size(); ++j) {
    const double y = column(rows[j]);
    if (!std::isnan(y) && weight(j) > 0) moments.add(state.scale.transformed(y), weight(j));
  }
  // Predictions are floats: their precision must be enough to distinguish the labels.
  const double step =
      std::abs(moments.mean()) * static_cast<double>(std::numeric_limits<float>::epsilon());
  if (!moments.constant() && step > 0.01 * moments.deviation()) {
    throw_error<DataError>({table.source, ": label '", label.column, "' of task '", label.name,
                            "' has mean ", number_text(moments.mean()), " and deviation ",
                            number_text(moments.deviation()),
                            ": predictions, which are floats, could not tell its values apart; "
                            "expected labels of a size near "
                            "their spread: subtract a constant from them"});
  }
  if (label.standardize) {
    state.scale.mean = moments.mean();
    state.scale.deviation = moments.deviation();
  }
  return state;
}

/// The same for all tasks; a task whose label column is not in the table gets a default state.
[[nodiscard]] ESPALIER_COLD inline std::vector<LabelState> learn_labels(
    const Schema& schema, const Dataset& train, const std::string& weight_column) {
  EncodedData weighted;
  if (!weight_column.empty()) encode_weights(weight_column, train.table(), train.rows(), weighted);
  const auto weight = [&](std::size_t j) {
    return weighted.weights.empty() ? 1.0 : static_cast<double>(weighted.weights[j]);
  };
  std::vector<LabelState> states;
  for (const LabelInfo& label : schema.labels) {
    states.emplace_back();
    if (train.table().has(label.column))
      states.back() = learn_label(label, train.table(), train.rows(), weight);
  }
  return states;
}

/// Throws CheckpointError if the states were not learnt from labels of this schema.
ESPALIER_COLD inline void check_labels(const Schema& schema,
                                       const std::vector<LabelState>& states) {
  if (states.size() != schema.labels.size()) {
    throw_error<CheckpointError>(
        {"features: labels of ", states.size(), " tasks, expected ", schema.labels.size()});
  }
  for (std::size_t k = 0; k < states.size(); ++k) {
    const LabelInfo& label = schema.labels[k];
    const LabelScale& scale = states[k].scale;
    if (!std::isfinite(scale.mean) || !std::isfinite(scale.deviation) || !(scale.deviation > 0)) {
      throw_error<CheckpointError>({"features: labels of task '", label.name, "' have mean ",
                                    number_text(scale.mean), " and deviation ",
                                    number_text(scale.deviation),
                                    ", expected numbers, the deviation above 0"});
    }
    const bool is_number = label.kind == LabelKind::real || label.kind == LabelKind::count;
    if (scale.changes() && !is_number) {
      throw_error<CheckpointError>(
          {"features: labels of task '", label.name, "' are scaled, expected them as they are"});
    }
    if (!states[k].classes.empty() && label.kind != LabelKind::classes) {
      throw_error<CheckpointError>(
          {"features: task '", label.name, "' has names of classes, expected none"});
    }
    if (states[k].classes.size() > static_cast<std::size_t>(label.classes)) {
      throw_error<CheckpointError>({"features: task '", label.name, "' has ",
                                    states[k].classes.size(), " names for ", label.classes,
                                    " classes"});
    }
  }
}

/// Encodes labels. A label whose column is not in the table stays missing in all rows. Throws
/// DataError.
inline void encode_labels(const Schema& schema, const std::vector<LabelState>& states,
                          const Table& table, const std::vector<std::int32_t>& rows,
                          EncodedData& out) {
  for (std::size_t k = 0; k < schema.labels.size(); ++k) {
    const LabelInfo& label = schema.labels[k];
    if (!table.has(label.column) || label.kind == LabelKind::item) continue;
    const LabelState& state = states[k];
    const LabelColumn column(label, state, table);
    if (!state.texts.empty()) {
      const std::vector<std::string> found = column.texts(rows);
      const auto known = [&](const std::string& text) {
        return is_one_of(label, text) ||
               std::find(state.texts.begin(), state.texts.end(), text) != state.texts.end();
      };
      if (!found.empty() && std::none_of(found.begin(), found.end(), known)) {
        throw_error<DataError>({table.source, ": label '", label.column, "' of task '", label.name,
                                "' is ", quoted(found), " here and ", quoted(state.texts),
                                " in the training split, expected some in common: name "
                                "all spellings in OneOf<…>"});
      }
    }
    const bool scaled = state.scale.changes();
    for (std::size_t j = 0; j < rows.size(); ++j) {
      const double y = column(rows[j]);
      if (std::isnan(y)) continue;
      const double learnt = scaled ? state.scale.to_learnt(y) : y;
      if (!is_float(learnt))
        throw_error<DataError>(
            {column.where(rows[j]), ", expected a number that a float can hold"});
      out.labels[k * rows.size() + j] = static_cast<float>(learnt);
    }
  }
}

}  // namespace espalier::features_detail
