// SPDX-License-Identifier: Apache-2.0
// Definitions of features.hpp.
#pragma once

#include "espalier/data/features.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/day.hpp"
#include "espalier/data/labels.hpp"
#include "espalier/data/schema_columns.hpp"
#include "espalier/data/weights.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE Features::Features(const Schema& schema, std::string weight_column,
                                                 std::string group_column)
    : schema_(schema),
      weight_column_(std::move(weight_column)),
      group_column_(std::move(group_column)),
      vocabularies_(schema),
      numbers_(schema.fields),
      history_(schema.fields),
      targets_(schema.fields) {
  for (const FieldInfo& f : schema_.fields) {
    for (int i = 0; i < column_count(f) && !f.history.folded(); ++i)
      static_cast<void>(names_.add(column_name(f, i)));
  }
  for (const std::string& name : history_.names()) history_names_.push_back(names_.add(name));
  for (const std::string& name : history_.cell_names()) cell_names_.push_back(names_.add(name));
  for (const std::string& name : history_.columns().keys) key_names_.push_back(names_.add(name));
  for (const std::string& name : history_.columns().days) day_names_.push_back(names_.add(name));
  for (const std::string& name : history_.columns().items) item_names_.push_back(names_.add(name));
  if (!history_.columns().time.empty()) time_name_ = names_.add(history_.columns().time);
  for (const std::string& name : targets_.keys()) target_key_names_.push_back(names_.add(name));
  for (const FieldInfo& f : schema_.fields) {
    first_name_.push_back(0);
    second_name_.push_back(0);
    for (int i = 0; i < column_count(f); ++i) {
      const std::size_t place = f.history.folded() ? names_.size() + targets_.place(f.column)
                                                   : names_.add(column_name(f, i));
      if (f.is_numeric()) number_names_.push_back(place);
      if (i == 0) first_name_.back() = place;
      second_name_.back() = place;
    }
  }
  state_.vocabularies.resize(vocabularies_.size());
  state_.edges.resize(vocabularies_.size());
  state_.means.assign(numbers_.size(), 0.0);
  state_.deviations.assign(numbers_.size(), 1.0);
  state_.labels.resize(schema_.labels.size());
}

ESPALIER_INLINE void Features::fit(const Dataset& train) {
  FeaturesState state;
  state.keyed = state_.keyed;
  state.labels = features_detail::learn_labels(schema_, train, weight_column_);
  require_history(train.table());
  state.vocabularies = vocabularies_.learn(train);
  state.tokenizers = vocabularies_.tokenizer_settings();
  auto targets = std::make_shared<TargetEncoding>(targets_);
  const Columns made = targets->learn(train);
  state.edges = vocabularies_.learn_edges(train, made);
  numbers_.learn(train, made, state);
  if (!targets->empty()) state.targets = std::move(targets);
  restore(std::move(state));
}

ESPALIER_COLD ESPALIER_INLINE void Features::learn_targets(const Dataset& train) {
  if (targets_.empty()) return;
  auto targets = std::make_shared<TargetEncoding>(targets_);
  static_cast<void>(targets->learn(train));
  state_.targets = std::move(targets);
}

ESPALIER_COLD ESPALIER_INLINE void Features::learn_history(const Dataset& train,
                                                           const Dataset& valid) {
  if (history_.empty()) return;
  const bool goes_on =
      state_.history && train.table().history && !train.table().history->from_nothing;
  RowHistory known = goes_on ? *state_.history : history_;
  std::vector<std::int32_t> rows = train.rows();
  const bool one_table = valid.has_table() && &valid.table() == &train.table();
  if (one_table) rows.insert(rows.end(), valid.rows().begin(), valid.rows().end());
  known.add_rows(train.table(), std::move(rows));
  if (valid.has_table() && !one_table) {
    require_start(valid.table(), known.last());
    known.add_rows(valid.table(), valid.rows());
  }
  state_.history = std::make_shared<const RowHistory>(std::move(known));
}

ESPALIER_INLINE EncodedData Features::encode(const Dataset& data) const {
  return with_weights(data, encode_labelled(data));
}

ESPALIER_INLINE EncodedData Features::encode_training(const Dataset& train) const {
  const Columns out_of_fold = TargetEncoding(targets_).learn(train);
  return with_weights(train, with_labels(train, encode_inputs(train, out_of_fold, {})));
}

ESPALIER_INLINE EncodedData Features::encode_labelled(const Dataset& data) const {
  return with_labels(data, encode_inputs(data));
}

ESPALIER_INLINE EncodedData Features::encode_inputs(const Dataset& data,
                                                    const InputCheck& check) const {
  return encode_inputs(data, targets_.empty() ? Columns() : learnt_targets().columns(data), check);
}

ESPALIER_INLINE EncodedData Features::encode(std::span<const NamedValue> values,
                                             const InputCheck& check,
                                             const RowHistory* history) const {
  EncodedData out = without_labels(1);
  out.numeric.reserve(numbers_.size());
  out.ids.reserve(schema_.fields.size());
  out.single_ids.reserve(schema_.fields.size());
  const Given given = names_.find(values);
  const Known known = read_known(history, given);
  std::size_t row = 0;
  for (std::size_t field = 0; field < schema_.fields.size(); ++field) {
    if (schema_.fields[field].is_numeric()) {
      encode_numbers(field, row, given, known, check, out);
    } else {
      encode_category(field, given, known, check, out);
    }
  }
  return out;
}

ESPALIER_INLINE RowKeys Features::row_keys(std::span<const NamedValue> values) const {
  return row_keys(names_.find(values));
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::vector<std::string>> Features::class_names() const {
  std::vector<std::vector<std::string>> names;
  for (const LabelState& label : state_.labels) names.push_back(label.classes);
  return names;
}

ESPALIER_COLD ESPALIER_INLINE void Features::restore(FeaturesState state) {
  if (state.vocabularies.size() != vocabularies_.size() || state.means.size() != numbers_.size() ||
      state.deviations.size() != state.means.size()) {
    throw_error<CheckpointError>({"features: ", state.vocabularies.size(), " vocabularies and ",
                                  state.means.size(), " numeric columns, expected ",
                                  vocabularies_.size(), " and ", numbers_.size()});
  }
  if (!targets_.empty() && !state.targets)
    throw CheckpointError(
        "features: no means over the training split, which inputs with Folds are");
  if (state.labels.empty()) state.labels.resize(schema_.labels.size());
  if (state.edges.empty()) state.edges.resize(vocabularies_.size());
  features_detail::check_labels(schema_, state.labels);
  features_detail::Normalisation numbers = numbers_;
  features_detail::Vocabularies vocabularies = vocabularies_;
  numbers.take(state);
  vocabularies.index(state.vocabularies, state.edges, state.keyed);
  vocabularies.restore_tokenizers(state.vocabularies, state.tokenizers);
  numbers_ = std::move(numbers);
  vocabularies_ = std::move(vocabularies);
  state_ = std::move(state);
}

ESPALIER_INLINE EncodedData Features::without_labels(Index samples) const {
  EncodedData out;
  out.samples = samples;
  out.numeric_rows = static_cast<Index>(numbers_.size());
  out.tasks = static_cast<Index>(schema_.labels.size());
  for (const LabelState& label : state_.labels) out.label_scales.push_back(label.scale);
  out.labels.assign(schema_.labels.size() * static_cast<std::size_t>(samples),
                    std::numeric_limits<float>::quiet_NaN());
  return out;
}

ESPALIER_INLINE EncodedData Features::encode_inputs(const Dataset& data, const Columns& made,
                                                    const InputCheck& check) const {
  require_history(data.table());
  EncodedData out = without_labels(data.size());
  numbers_.encode(data, made, out, check);
  vocabularies_.encode(data, made, out, check);
  return out;
}

ESPALIER_INLINE EncodedData Features::with_labels(const Dataset& data, EncodedData out) const {
  features_detail::encode_labels(schema_, state_.labels, data.table(), data.rows(), out);
  vocabularies_.encode_items(data, out);
  return out;
}

ESPALIER_INLINE EncodedData Features::with_weights(const Dataset& data, EncodedData out) const {
  if (!weight_column_.empty() && data.table().has(weight_column_)) {
    features_detail::encode_weights(weight_column_, data.table(), data.rows(), out);
  }
  if (!group_column_.empty())
    features_detail::encode_groups(group_column_, data.table(), data.rows(), out);
  return out;
}

ESPALIER_INLINE const TargetEncoding& Features::learnt_targets() const {
  if (!state_.targets)
    throw ConfigError(
        "the means over the training split, which inputs with Folds are, are not learnt yet: "
        "call fit() first");
  return *state_.targets;
}

ESPALIER_INLINE void Features::encode_numbers(std::size_t field, std::size_t& row,
                                              const Given& given, const Known& known,
                                              const InputCheck& check, EncodedData& out) const {
  bool missing = false, outside = false;
  for (; row < numbers_.size() && numbers_.columns()[row].field == field; ++row) {
    const features_detail::NumericColumn& column = numbers_.columns()[row];
    const double number = number_of(number_names_[row], given, known);
    const auto input = column.input(number, check.clamp);
    if (!input) {
      throw_error<ConfigError>(
          {"input '", column.name, "' is ", number_text(number), ", expected a finite number"});
    }
    out.numeric.push_back(*input);
    const std::optional<Unseen> unseen = check.looks() ? column.unseen(number) : std::nullopt;
    if (!unseen) continue;
    if (check.refuses(*unseen, *column.info)) {
      throw_error<ConfigError>({"input '", column.name, "' is ",
                                features_detail::refusal(*unseen, number, column.range)});
    }
    (*unseen == Unseen::missing ? missing : outside) = true;
  }
  check.add(field, Unseen::missing, missing ? 1 : 0);
  check.add(field, Unseen::outside, outside ? 1 : 0);
}

ESPALIER_INLINE void Features::encode_category(std::size_t field, const Given& given,
                                               const Known& known, const InputCheck& check,
                                               EncodedData& out) const {
  const FieldInfo& f = schema_.fields[field];
  const bool single = features_detail::is_single(f);
  EncodedData::Ids ids;
  std::vector<std::int32_t>& to = single ? out.single_ids : ids.ids;
  // The place of a bucket field with Folds is behind those of the given values.
  const NamedValue* const first =
      first_name_[field] < given.size() ? given[first_name_[field]] : nullptr;
  std::optional<Unseen> unseen;
  std::string text, second;
  if (f.kind == FieldKind::buckets) {
    const double number = number_of(first_name_[field], given, known);
    if (std::isinf(number))
      throw_error<ConfigError>(
          {"input '", f.column, "' is ", number_text(number), ", expected a finite number"});
    unseen = vocabularies_.add_bucket(field, number, to);
  } else if (!f.second_column.empty()) {
    unseen =
        vocabularies_.add_pair(field, key_text(first, f.column, text),
                               key_text(given[second_name_[field]], f.second_column, second), to);
  } else {
    const std::string_view cell = cell_of(field, given, known, text);
    const bool present = !cell.empty() || (first != nullptr && !first->missing());
    unseen = vocabularies_.add_ids(field, present, cell, to);
  }
  out.single_fields += single ? 1 : 0;
  if (!single) ids.offsets = {0, static_cast<std::int32_t>(ids.ids.size())};
  out.ids.push_back(std::move(ids));
  if (!unseen) return;
  if (check.refuses(*unseen, f)) {
    throw_error<ConfigError>(
        {"input '", f.column, "' is ",
         features_detail::refusal(*unseen, cell_of(field, given, known, text))});
  }
  check.add(field, *unseen, 1);
}

ESPALIER_INLINE std::string_view Features::cell_of(std::size_t field, const Given& given,
                                                   const Known& known, std::string& made) const {
  const std::size_t name = first_name_[field];
  for (std::size_t k = 0; k < known.cells.size() && given[name] == nullptr; ++k) {
    if (cell_names_[k] == name) return known.cells[k];
  }
  return key_text(given[name], schema_.fields[field].column, made);
}

ESPALIER_INLINE double Features::number_of(std::size_t name, const Given& given,
                                           const Known& known) const {
  const NamedValue* const value = name < given.size() ? given[name] : nullptr;
  if (value == nullptr)
    return known.numbers.empty() ? std::numeric_limits<double>::quiet_NaN() : known.numbers[name];
  if (value->is_text)
    throw_error<ConfigError>(
        {"input '", names_[name], "' is '", value->text, "', expected a number"});
  return value->number;
}

ESPALIER_INLINE std::string_view Features::key_text(const NamedValue* value, std::string_view name,
                                                    std::string& made) const {
  if (value == nullptr || value->missing()) return {};
  if (value->is_text) return value->text;
  made = value->as_text();
  if (state_.keyed && !value->is_whole && !is_exact(value->number, value->exact_below)) {
    throw_error<ConfigError>(
        {"input '", name, "' is ", made, ", beyond ±2^", std::ilogb(value->exact_below),
         ", what its numbers are exact to; expected keys of so many digits as integers or text"});
  }
  return made;
}

ESPALIER_INLINE std::vector<std::uint64_t> Features::hashes_of(
    const std::vector<std::size_t>& names, const Given& given) const {
  std::vector<std::uint64_t> hashes;
  std::string text;
  hashes.reserve(names.size());
  for (const std::size_t name : names)
    hashes.push_back(category_hash(key_text(given[name], names_[name], text)));
  return hashes;
}

ESPALIER_INLINE RowKeys Features::row_keys(const Given& given) const {
  RowKeys row;
  row.keys = hashes_of(key_names_, given);
  row.days.reserve(day_names_.size());
  for (std::size_t k = 0; k < day_names_.size(); ++k) {
    row.days.push_back(
        features_detail::moment_of(given[day_names_[k]], history_.columns().days[k], true));
  }
  std::string text;
  for (const std::size_t name : item_names_)
    row.items.push_back(category_key(key_text(given[name], names_[name], text)));
  if (!history_.columns().time.empty())
    row.time = features_detail::moment_of(given[time_name_], history_.columns().time, false);
  return row;
}

ESPALIER_INLINE Features::Known Features::read_known(const RowHistory* history,
                                                     const Given& given) const {
  const bool reads_history = !history_.empty() && history != nullptr;
  for (const auto* names : {&history_names_, &cell_names_}) {
    for (std::size_t i = 0; i < names->size() && !reads_history; ++i) {
      const std::size_t name = (*names)[i];
      if (given[name] != nullptr) continue;
      throw_error<ConfigError>(
          {"row: '", names_[name],
           "' is not given, which knows of the rows before: predict_row(row, state) "
           "makes it, where state is the predictor's initial_state(), moved on by what came "
           "since"});
    }
  }
  if (!reads_history && targets_.empty()) return {};
  Known known{std::vector<double>(names_.size() + targets_.names().size(),
                                  std::numeric_limits<double>::quiet_NaN())};
  if (reads_history) {
    const RowKeys row = row_keys(given);
    std::vector<double> inputs(history_names_.size());
    history->read(row, inputs.data());
    for (std::size_t i = 0; i < inputs.size(); ++i) known.numbers[history_names_[i]] = inputs[i];
    known.cells = history->read_cells(row);
  }
  if (!targets_.empty()) {
    learnt_targets().read(hashes_of(target_key_names_, given),
                          known.numbers.data() + names_.size());
  }
  return known;
}

ESPALIER_COLD ESPALIER_INLINE void Features::require_history(const Table& table) const {
  for (const auto* names : {&history_.names(), &history_.cell_names()}) {
    for (const std::string& name : *names) {
      if (table.has(name)) continue;
      throw_error<DataError>(
          {table.source, ": no column '", name,
           "', which knows of the rows before: add_history<Model>(table) adds it "
           "to a whole log before that is split, ServingState::add_to(table) to rows that came "
           "later"});
    }
  }
  if (state_.history) require_start(table, state_.history->last());
}

ESPALIER_COLD ESPALIER_INLINE void Features::require_start(const Table& table, double known) const {
  if (history_.empty() || !table.history || !table.history->from_nothing || table.rows() == 0)
    return;
  if (!(table.history->first > known)) return;
  throw_error<DataError>(
      {table.source, ": its rows begin at ", number_text(table.history->first),
       ", after what training knows (until ", number_text(known), "), and '",
       history_.names().empty() ? history_.cell_names()[0] : history_.names()[0],
       "' knows of none of that: expected a "
       "table that ServingState::add_to(table) went on with, or one of the whole log"});
}

}  // namespace espalier
