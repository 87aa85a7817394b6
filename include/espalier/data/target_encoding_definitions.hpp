// SPDX-License-Identifier: Apache-2.0
// Definitions of `TargetEncoding`.
#pragma once

#include "espalier/data/target_encoding.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/place_in.hpp"
#include "espalier/data/key_groups.hpp"

namespace espalier {

namespace target_detail {

/// The value of an input from the sums of the row's key and of all rows; null if there are none.
/// `rows`: number of rows with this key.
[[nodiscard]] inline double value_of(const TargetGroup::Input& input, const double* of_key,
                                     const double* of_all, double rows) {
  static constexpr std::array<double, 2> none{};
  if (input.sum == 0) return rows;
  return history_detail::smoothed_mean(of_key == nullptr ? none.data() : of_key + input.sum,
                                       of_all == nullptr ? none.data() : of_all + input.sum,
                                       input.smoothing);
}

/// Adds up the sums of `folds` folds, in fold order, except fold `without` (−1: all folds).
inline void add_folds(const double* of_folds, std::size_t width, int folds, int without,
                      double* out) {
  std::fill_n(out, width, 0.0);
  for (int fold = 0; fold < folds; ++fold) {
    const double* const of_fold = of_folds + static_cast<std::size_t>(fold) * width;
    for (std::size_t i = 0; fold != without && i < width; ++i) out[i] += of_fold[i];
  }
}

/// The sums of each fold of a training split by key, `width` values per fold; the first key is that
/// of all rows.
[[nodiscard]] inline KeyTotals fold_sums(const TargetGroup& group,
                                         const std::vector<std::uint64_t>& keys,
                                         const std::vector<const std::vector<double>*>& labels,
                                         const Dataset& train) {
  const std::size_t width = 1 + 2 * group.labels.size();
  KeyTotals sums{width * static_cast<std::size_t>(group.folds)};
  static_cast<void>(sums.add(history_detail::all_keys, 0));
  std::vector<double> of_row(width);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::int32_t row = train.rows()[i];
    const auto label_of = [&](std::size_t l) {
      return (*labels[group.labels[l]])[static_cast<std::size_t>(row)];
    };
    history_detail::row_sums(group.labels.size(), 1, label_of, of_row.data());
    const std::size_t at =
        static_cast<std::size_t>(TargetEncoding::fold_of(row, group.folds)) * width;
    double* const of_key = sums.add(keys[i], 0) + at;
    double* const of_all = sums.values.data() + at;
    for (std::size_t k = 0; k < width; ++k) {
      of_key[k] += of_row[k];
      of_all[k] += of_row[k];
    }
  }
  return sums;
}

}  // namespace target_detail

ESPALIER_COLD ESPALIER_INLINE TargetEncoding::TargetEncoding(std::span<const FieldInfo> fields) {
  for (const FieldInfo& field : fields) {
    const HistoryInfo& h = field.history;
    if (!h.folded() || place(field.column) < names_.size()) continue;
    const std::size_t at = place_in(names_, field.column);
    std::vector<std::size_t> keys;
    for (const std::string_view key : h.keys) keys.push_back(place_in(keys_, key));
    const auto same = [&](const TargetGroup& g) { return g.keys == keys && g.folds == h.folds; };
    auto group = std::find_if(groups_.begin(), groups_.end(), same);
    if (group == groups_.end())
      group = groups_.insert(group, TargetGroup{std::move(keys), h.folds});
    if (h.label.empty()) {
      group->inputs.push_back({at, 0, 0});
      continue;
    }
    group->inputs.push_back(
        {at, 1 + 2 * place_in(group->labels, place_in(labels_, h.label)), h.smoothing});
    group->sums = KeyTotals{1 + 2 * group->labels.size()};
  }
}

ESPALIER_INLINE std::size_t TargetEncoding::place(std::string_view name) const {
  return static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::vector<std::uint64_t>> TargetEncoding::hashes(
    const Dataset& data) const {
  std::vector<std::vector<std::uint64_t>> made;
  for (const std::string& name : keys_)
    made.push_back(history_detail::hashes_of(data.table(), name, data.rows()));
  return made;
}

ESPALIER_COLD ESPALIER_INLINE std::vector<const std::vector<double>*> TargetEncoding::label_columns(
    const Dataset& train) const {
  std::vector<const std::vector<double>*> columns;
  for (const std::string& name : labels_) {
    if (!train.table().has(name)) {
      throw_error<DataError>(
          {train.table().source, ": no column '", name,
           "', a mean of which over the training split is an input (MeanOf with "
           "Folds); expected it in the data that is trained on, to predict it need not be there"});
    }
    columns.push_back(&history_detail::labels_of(train.table(), name, train.rows()));
  }
  return columns;
}

ESPALIER_COLD ESPALIER_INLINE Columns TargetEncoding::empty_columns(const Table& table) const {
  Columns made;
  for (const std::string& name : names_) {
    if (table.has(name)) {
      throw_error<DataError>(
          {table.source, ": there is a column '", name,
           "', which the model makes of its training split; From<\"other\"> calls "
           "what it makes otherwise"});
    }
    made.add(Column::number(name, std::vector<double>(static_cast<std::size_t>(table.rows()),
                                                      std::numeric_limits<double>::quiet_NaN())));
  }
  return made;
}

ESPALIER_COLD ESPALIER_INLINE Columns TargetEncoding::learn(const Dataset& train) {
  if (empty()) return {};
  Columns made = empty_columns(train.table());
  const std::vector<const std::vector<double>*> labels = label_columns(train);
  const std::vector<std::vector<std::uint64_t>> hashed = hashes(train);
  for (TargetGroup& group : groups_) {
    const std::vector<std::uint64_t> keys =
        history_detail::keys_of(group.keys, hashed, train.rows().size());
    const KeyTotals of_folds = target_detail::fold_sums(group, keys, labels, train);
    const std::size_t width = group.sums.width;
    KeyTotals sums{width, of_folds.index, std::vector<double>(of_folds.index.size() * width)};
    for (std::size_t k = 0; k < of_folds.index.size(); ++k) {
      target_detail::add_folds(of_folds.values.data() + k * of_folds.width, width, group.folds, -1,
                               sums.values.data() + k * width);
    }
    std::vector<double> of_all(width * static_cast<std::size_t>(group.folds)), of_key(width);
    for (int fold = 0; fold < group.folds; ++fold) {
      target_detail::add_folds(of_folds.values.data(), width, group.folds, fold,
                               of_all.data() + static_cast<std::size_t>(fold) * width);
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::int32_t row = train.rows()[i];
      const int fold = fold_of(row, group.folds);
      const auto key = static_cast<std::size_t>(of_folds.index.find(keys[i]));
      target_detail::add_folds(of_folds.values.data() + key * of_folds.width, width, group.folds,
                               fold, of_key.data());
      for (const TargetGroup::Input& input : group.inputs) {
        made[input.place].numbers[static_cast<std::size_t>(row)] = target_detail::value_of(
            input, of_key.data(), of_all.data() + static_cast<std::size_t>(fold) * width,
            sums.values[key * width]);
      }
    }
    group.sums = std::move(sums);
  }
  return made;
}

ESPALIER_COLD ESPALIER_INLINE Columns TargetEncoding::columns(const Dataset& data) const {
  if (empty()) return {};
  Columns made = empty_columns(data.table());
  const std::vector<std::vector<std::uint64_t>> hashed = hashes(data);
  std::vector<std::uint64_t> of_row(keys_.size());
  std::vector<double> values(names_.size());
  for (std::size_t i = 0; i < data.rows().size(); ++i) {
    for (std::size_t k = 0; k < of_row.size(); ++k) of_row[k] = hashed[k][i];
    read(of_row, values.data());
    for (std::size_t p = 0; p < values.size(); ++p)
      made[p].numbers[static_cast<std::size_t>(data.rows()[i])] = values[p];
  }
  return made;
}

ESPALIER_INLINE void TargetEncoding::read(const std::vector<std::uint64_t>& hashes,
                                          double* out) const {
  for (const TargetGroup& group : groups_) {
    const double* const of_all = group.sums.find(history_detail::all_keys);
    const double* const of_key = group.sums.find(history_detail::key_of(group.keys, hashes));
    for (const TargetGroup::Input& input : group.inputs) {
      out[input.place] =
          target_detail::value_of(input, of_key, of_all, of_key == nullptr ? 0 : of_key[0]);
    }
  }
}

}  // namespace espalier
