// SPDX-License-Identifier: Apache-2.0
// Definitions of vocabularies.hpp.
#pragma once

#include "espalier/data/vocabularies.hpp"

#include <algorithm>
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
#include "espalier/core/random.hpp"
#include "espalier/data/bucket_edges.hpp"
#include "espalier/data/category_key.hpp"
#include "espalier/data/number_column.hpp"
#include "espalier/data/text_tokenizer.hpp"

namespace espalier::features_detail {

ESPALIER_COLD ESPALIER_INLINE Vocabularies::Vocabularies(const Schema& schema)
    : fields_(schema.fields), labels_(schema.labels) {
  for (const FieldInfo& f : fields_) {
    std::size_t v = 0;
    while (v < tables_.size() && (f.is_numeric() || tables_[v]->table != f.table)) ++v;
    if (v == tables_.size() && !f.is_numeric()) tables_.push_back(&f);
    table_of_.push_back(v);
  }
  lookup_.resize(tables_.size());
  edges_.resize(tables_.size());
  tokenizers_.resize(tables_.size());
}

ESPALIER_INLINE std::vector<Index> Vocabularies::rows() const {
  std::vector<Index> rows;
  for (std::size_t v = 0; v < tables_.size(); ++v) {
    const FieldInfo& f = *tables_[v];
    rows.push_back(is_hashed(f)    ? static_cast<Index>(f.buckets)
                   : is_buckets(f) ? static_cast<Index>(edges_[v].size()) + 2
                                   : static_cast<Index>(lookup_[v].size()) + 1);
  }
  return rows;
}

ESPALIER_INLINE std::vector<std::vector<std::string>> Vocabularies::learn(
    const Dataset& train) const {
  std::vector<std::vector<std::string>> learnt(tables_.size());
  for (std::size_t v = 0; v < tables_.size(); ++v) {
    if (tables_[v]->is_text()) {
      if (!tokenizers_[v]) {
        throw_error<ConfigError>({"text '", tables_[v]->name,
                                  "' has no encoder: load_encoder(trainer, \"", tables_[v]->name,
                                  "\", folder) reads one before fit()"});
      }
      learnt[v] = tokenizers_[v]->tokens();
    } else if (tables_[v]->kind == FieldKind::categorical) {
      learnt[v] = learn_one(v, train);
    }
  }
  return learnt;
}

ESPALIER_COLD ESPALIER_INLINE void Vocabularies::set_tokenizer(
    std::string_view field, std::shared_ptr<const TextTokenizer> tokenizer) {
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    if (fields_[i].name != field || !fields_[i].is_text()) continue;
    tokenizers_[table_of_[i]] = std::move(tokenizer);
    return;
  }
  throw_error<ConfigError>({"no text '", field, "' among the inputs of the model"});
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::string> Vocabularies::tokenizer_settings() const {
  std::vector<std::string> settings;
  for (std::size_t v = 0; v < tables_.size(); ++v) {
    if (!tokenizers_[v]) continue;
    settings.resize(tables_.size());
    settings[v] = tokenizers_[v]->settings();
  }
  return settings;
}

ESPALIER_COLD ESPALIER_INLINE void Vocabularies::restore_tokenizers(
    const std::vector<std::vector<std::string>>& values, const std::vector<std::string>& settings) {
  for (std::size_t v = 0; v < tables_.size(); ++v) {
    const FieldInfo& f = *tables_[v];
    if (!f.is_text()) continue;
    if (settings.size() != tables_.size())
      throw_error<CheckpointError>({"features: no tokenizer of text '", f.name, "'"});
    tokenizers_[v] = f.restore_tokenizer(values[v], settings[v]);
  }
}

ESPALIER_INLINE std::vector<std::vector<double>> Vocabularies::learn_edges(
    const Dataset& train, const Columns& made) const {
  std::vector<std::vector<double>> learnt(tables_.size());
  for (std::size_t v = 0; v < tables_.size(); ++v) {
    const FieldInfo& f = *tables_[v];
    if (!is_buckets(f)) continue;
    learnt[v].assign(f.edges.begin(), f.edges.end());
    if (!f.edges.empty()) continue;
    const std::vector<double>& numbers = number_column(train, made, f.column);
    std::vector<double> values;
    values.reserve(train.rows().size());
    for (const std::int32_t row : train.rows())
      values.push_back(finite_number(train.table(), numbers, row, f));
    learnt[v] = bucket_edges(std::move(values), static_cast<std::size_t>(f.most_buckets));
  }
  return learnt;
}

ESPALIER_COLD ESPALIER_INLINE void Vocabularies::index(
    const std::vector<std::vector<std::string>>& values,
    const std::vector<std::vector<double>>& edges, bool keyed) {
  keyed_ = keyed;
  if (edges.size() != tables_.size()) {
    throw_error<CheckpointError>(
        {"features: edges of ", edges.size(), " vocabularies, expected ", tables_.size()});
  }
  for (std::size_t v = 0; v < tables_.size(); ++v) {
    const auto falls = [](double a, double b) { return !(a < b); };
    const bool ascend =
        std::adjacent_find(edges[v].begin(), edges[v].end(), falls) == edges[v].end();
    if (!ascend ||
        (!edges[v].empty() && !(is_buckets(*tables_[v]) && std::isfinite(edges[v].front()) &&
                                std::isfinite(edges[v].back())))) {
      throw_error<CheckpointError>({"features: edges of '", tables_[v]->table,
                                    "', expected numbers that ascend, of Buckets alone"});
    }
  }
  edges_ = edges;
  for (std::size_t v = 0; v < tables_.size(); ++v) {
    lookup_[v] = Dictionary();
    for (const std::string& value : values[v]) static_cast<void>(lookup_[v].code(value));
    if (lookup_[v].size() != values[v].size()) {
      throw_error<CheckpointError>(
          {"features: vocabulary '", tables_[v]->table, "' has a value twice"});
    }
  }
}

ESPALIER_INLINE std::optional<Unseen> Vocabularies::add_ids(std::size_t field, bool present,
                                                            std::string_view text,
                                                            std::vector<std::int32_t>& ids) const {
  const FieldInfo& f = fields_[field];
  if (f.is_text()) {
    if (!present || text.empty()) return Unseen::missing;
    tokenizers_[table_of_[field]]->append(text, static_cast<std::size_t>(f.most_values), ids);
    return std::nullopt;
  }
  const Dictionary& lookup = lookup_[table_of_[field]];
  bool unknown = false, empty = true;
  const auto add = [&](std::string_view value) {
    const std::int32_t code = is_hashed(f) ? hash(f, value) : lookup.find(value) + 1;
    const bool known = is_hashed(f) ? !value.empty() : code > 0;
    unknown = unknown || (!known && !value.empty());
    empty = empty && !known && value.empty();
    ids.push_back(code);
  };
  if (present) {
    for_each_value(f, text, add);
  } else if (f.pool == Pool::none) {
    ids.push_back(is_hashed(f) ? hash(f, {}) : 0);
  }
  if (unknown) return Unseen::unknown;
  return empty ? std::optional(Unseen::missing) : std::nullopt;
}

ESPALIER_INLINE std::optional<Unseen> Vocabularies::add_bucket(
    std::size_t field, double number, std::vector<std::int32_t>& ids) const {
  const std::vector<double>& edges = edges_[table_of_[field]];
  const auto above = std::upper_bound(edges.begin(), edges.end(), number) - edges.begin();
  ids.push_back(std::isnan(number) ? 0 : static_cast<std::int32_t>(above) + 1);
  return std::isnan(number) ? std::optional(Unseen::missing) : std::nullopt;
}

ESPALIER_INLINE std::optional<Unseen> Vocabularies::add_pair(std::size_t field,
                                                             std::string_view first,
                                                             std::string_view second,
                                                             std::vector<std::int32_t>& ids) const {
  ids.push_back(pair_row(fields_[field], category_hash(first), category_hash(second)));
  return first.empty() && second.empty() ? std::optional(Unseen::missing) : std::nullopt;
}

ESPALIER_INLINE void Vocabularies::encode(const Dataset& data, const Columns& made,
                                          EncodedData& out, const InputCheck& check) const {
  for (const FieldInfo& f : fields_) out.single_fields += is_single(f) ? 1 : 0;
  out.single_ids.resize(static_cast<std::size_t>(out.single_fields) * data.rows().size());
  std::size_t single = 0;
  for (std::size_t field = 0; field < fields_.size(); ++field) {
    if (fields_[field].is_numeric()) continue;
    if (is_buckets(fields_[field]) || !fields_[field].second_column.empty()) {
      encode_single(field, data, made, out, single, check);
    } else {
      encode_field(field, data, out, single, check);
    }
    single += is_single(fields_[field]) ? 1U : 0U;
  }
}

ESPALIER_INLINE std::int32_t Vocabularies::pair_row(const FieldInfo& f, std::uint64_t first,
                                                    std::uint64_t second) {
  return static_cast<std::int32_t>(mix(first, second) % static_cast<std::uint64_t>(f.buckets));
}

ESPALIER_INLINE double Vocabularies::finite_number(const Table& table,
                                                   const std::vector<double>& numbers,
                                                   std::int32_t row, const FieldInfo& f) {
  const double x = numbers[static_cast<std::size_t>(row)];
  if (!std::isinf(x)) return x;
  throw_error<DataError>({table.where(row), ": column '", f.column, "' is ", number_text(x),
                          ", expected a finite number"});
}

ESPALIER_INLINE std::int32_t Vocabularies::hash(const FieldInfo& f, std::string_view value) {
  return static_cast<std::int32_t>(hash_text(value) % static_cast<std::uint64_t>(f.buckets));
}

/// The end of a cell that has its last most_values values.
[[nodiscard]] inline std::string_view last_values(const FieldInfo& f, std::string_view text) {
  int values = 0;
  for (std::size_t end = text.size(); end > 0;) {
    const std::size_t before = text.rfind(f.separator, end - 1);
    const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
    if (begin < end && ++values == f.most_values) return text.substr(begin);
    end = before == std::string_view::npos ? 0 : before;
  }
  return text;
}

template <class Function>
void Vocabularies::for_each_value(const FieldInfo& f, std::string_view text,
                                  Function&& function) const {
  std::string made;
  const auto key = [&](std::string_view value) {
    return keyed_ ? category_key(value, made) : value;
  };
  if (f.pool == Pool::none) {
    function(key(text));
    return;
  }
  if (f.pool == Pool::sequence) text = last_values(f, text);
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = (std::min)(text.find(f.separator, at), text.size());
    if (end > at) function(key(text.substr(at, end - at)));
    at = end + 1;
  }
}

ESPALIER_INLINE const Column& Vocabularies::cells(std::string_view column, const Table& table,
                                                  Column& made) const {
  const bool refuses = keyed_ && table.column(column).kind == ColumnKind::number;
  return refuses ? table.as_keys(column, made) : table.as_text(column, made);
}

ESPALIER_INLINE std::size_t Vocabularies::vocabulary_of(const LabelInfo& label) const {
  std::size_t v = 0;
  while (tables_[v]->table != label.table) ++v;
  return v;
}

ESPALIER_INLINE std::vector<std::string> Vocabularies::learn_one(std::size_t v,
                                                                 const Dataset& train) const {
  Dictionary values;
  std::vector<Index> counts;
  int min_count = 1;
  const auto count = [&](const FieldInfo& f, std::string_view name) {
    Column made;
    const Column& column = cells(name, train.table(), made);
    std::vector<Index> by_code(column.dictionary.size(), 0);
    std::vector<std::int32_t> order;  // in order of first appearance in the split
    for (const std::int32_t row : train.rows()) {
      const std::int32_t code = column.codes[static_cast<std::size_t>(row)];
      if (code >= 0 && by_code[static_cast<std::size_t>(code)]++ == 0) order.push_back(code);
    }
    for (const std::int32_t code : order) {
      for_each_value(f, column.dictionary[static_cast<std::size_t>(code)],
                     [&](std::string_view value) {
                       const auto at = static_cast<std::size_t>(values.code(value));
                       if (at == counts.size()) counts.push_back(0);
                       counts[at] += by_code[static_cast<std::size_t>(code)];
                     });
    }
  };
  for (std::size_t field = 0; field < fields_.size(); ++field) {
    const FieldInfo& f = fields_[field];
    if (f.is_numeric() || table_of_[field] != v) continue;
    min_count = (std::max)(min_count, f.min_count);
    // Items of earlier rows are counted where they are the candidate.
    if (!f.history.exists()) count(f, f.column);
  }
  for (const LabelInfo& label : labels_) {
    const bool is_its = label.kind == LabelKind::item && vocabulary_of(label) == v;
    if (is_its && train.table().has(label.column)) count(FieldInfo{}, label.column);
  }
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] >= min_count) kept.push_back(i);
  }
  std::sort(kept.begin(), kept.end(), [&](std::size_t a, std::size_t b) {
    return counts[a] != counts[b] ? counts[a] > counts[b] : a < b;
  });
  std::vector<std::string> learnt;
  for (const std::size_t i : kept) learnt.push_back(values.values()[i]);
  return learnt;
}

template <class IdOf>
void Vocabularies::put_single(const Dataset& dataset, std::size_t single, EncodedData& data,
                              const IdOf& id_of) {
  std::size_t at = single;
  for (const std::int32_t row : dataset.rows()) {
    data.single_ids[at] = id_of(row);
    at += static_cast<std::size_t>(data.single_fields);
  }
}

ESPALIER_INLINE void Vocabularies::encode_single(std::size_t field, const Dataset& dataset,
                                                 const Columns& made, EncodedData& data,
                                                 std::size_t single,
                                                 const InputCheck& check) const {
  const FieldInfo& f = fields_[field];
  const Table& table = dataset.table();
  data.ids.emplace_back();
  std::int64_t missing = 0;
  const auto note_missing = [&](std::int32_t row) {
    if (check.refuses(Unseen::missing, f)) {
      throw_error<DataError>(
          {table.where(row), ": column '", f.column, "' is ", refusal(Unseen::missing, {})});
    }
    ++missing;
  };
  if (is_buckets(f)) {
    const std::vector<double>& numbers = number_column(dataset, made, f.column);
    std::vector<std::int32_t> ids;
    put_single(dataset, single, data, [&](std::int32_t row) {
      ids.clear();
      if (add_bucket(field, finite_number(table, numbers, row, f), ids)) note_missing(row);
      return ids[0];
    });
  } else {
    Column first, second;
    const Column& a = table.as_keys(f.column, first);
    const Column& b = table.as_keys(f.second_column, second);
    const std::vector<std::uint64_t> of_a = category_hashes(a), of_b = category_hashes(b);
    put_single(dataset, single, data, [&](std::int32_t row) {
      const std::int32_t i = a.codes[static_cast<std::size_t>(row)],
                         j = b.codes[static_cast<std::size_t>(row)];
      if (i < 0 && j < 0) note_missing(row);
      return pair_row(f, of_a[static_cast<std::size_t>(i + 1)],
                      of_b[static_cast<std::size_t>(j + 1)]);
    });
  }
  check.add(field, Unseen::missing, missing);
}

ESPALIER_INLINE void Vocabularies::encode_field(std::size_t field, const Dataset& dataset,
                                                EncodedData& data, std::size_t single,
                                                const InputCheck& check) const {
  const FieldInfo& f = fields_[field];
  const Table& table = dataset.table();
  const std::vector<std::int32_t>& rows = dataset.rows();
  Column made;
  const Column& column = cells(f.column, table, made);
  // Encode each distinct cell once; the last one is the missing cell. Cell c has the ids begin[c]
  // … begin[c + 1] − 1.
  std::vector<std::int32_t> ids;
  std::vector<std::size_t> begin{0};
  std::vector<std::optional<Unseen>> unseen;
  for (const std::string& value : column.dictionary) {
    unseen.push_back(add_ids(field, true, value, ids));
    begin.push_back(ids.size());
  }
  unseen.push_back(add_ids(field, false, {}, ids));
  begin.push_back(ids.size());
  const auto cell = [&](std::int32_t row) {
    const std::int32_t code = column.codes[static_cast<std::size_t>(row)];
    return code < 0 ? column.dictionary.size() : static_cast<std::size_t>(code);
  };
  if (check.looks()) {
    std::int64_t missing = 0, unknown = 0;
    for (const std::int32_t row : rows) {
      const std::optional<Unseen>& what = unseen[cell(row)];
      if (!what) continue;
      if (check.refuses(*what, f)) {
        throw_error<DataError>(
            {table.where(row), ": column '", f.column, "' is ", refusal(*what, column.at(row))});
      }
      ++(*what == Unseen::missing ? missing : unknown);
    }
    check.add(field, Unseen::missing, missing);
    check.add(field, Unseen::unknown, unknown);
  }
  EncodedData::Ids& out = data.ids.emplace_back();
  if (is_single(f)) {
    put_single(dataset, single, data, [&](std::int32_t row) { return ids[cell(row)]; });
    return;
  }
  out.offsets.reserve(rows.size() + 1);
  out.offsets.push_back(0);
  for (const std::int32_t row : rows) {
    const std::size_t c = cell(row);
    if (out.ids.size() + begin[c + 1] - begin[c] >
        static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
      throw_error<DataError>(
          {table.source, ": column '", f.name, "' has more than 2^31 − 1 values in all"});
    }
    out.ids.insert(out.ids.end(), ids.begin() + static_cast<std::ptrdiff_t>(begin[c]),
                   ids.begin() + static_cast<std::ptrdiff_t>(begin[c + 1]));
    out.offsets.push_back(static_cast<std::int32_t>(out.ids.size()));
  }
}

ESPALIER_INLINE void Vocabularies::encode_items(const Dataset& data, EncodedData& out) const {
  constexpr Index most_rows = Index{1} << 24;  // labels are floats
  const Table& table = data.table();
  for (std::size_t k = 0; k < labels_.size(); ++k) {
    const LabelInfo& label = labels_[k];
    if (label.kind != LabelKind::item || !table.has(label.column)) continue;
    const Dictionary& lookup = lookup_[vocabulary_of(label)];
    if (static_cast<Index>(lookup.size()) >= most_rows) {
      throw_error<DataError>({"label '", label.column, "' of task '", label.name, "': '",
                              label.table, "' has ", lookup.size(),
                              " values, expected fewer than 2^24 items"});
    }
    Column made;
    const Column& column = cells(label.column, table, made);
    std::vector<float> rows;
    for (const std::string& text : column.dictionary) {
      for_each_value(FieldInfo{}, text, [&](std::string_view value) {
        rows.push_back(static_cast<float>(lookup.find(value) + 1));
      });
    }
    float* to = out.labels.data() + k * data.rows().size();
    for (const std::int32_t row : data.rows()) {
      const std::int32_t code = column.codes[static_cast<std::size_t>(row)];
      if (code >= 0) *to = rows[static_cast<std::size_t>(code)];
      ++to;
    }
  }
}

}  // namespace espalier::features_detail
