// SPDX-License-Identifier: Apache-2.0
// Definitions of item_history_file.hpp.
#pragma once

#include "espalier/model/item_history_file.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"

namespace espalier::history_detail {

ESPALIER_COLD ESPALIER_INLINE std::string about(const HistoryColumns& columns,
                                                const ItemHistory& group) {
  std::string text = "by '" + columns.keys[group.keys()[0]] + "' at '" + columns.time +
                     "': the last " + std::to_string(group.most()) + " '" +
                     columns.items[group.item()] + "', " + number_text(group.delay()) + " later";
  if (group.has_condition()) text += ", where '" + columns.labels[group.condition()] + "'";
  return text;
}

ESPALIER_COLD ESPALIER_INLINE void add_items(SafetensorsWriter& writer, const std::string& name,
                                             const ItemHistory& group) {
  std::vector<std::uint64_t> keys, ends;
  std::vector<std::int32_t> rows, items, counts;
  std::vector<double> times;
  std::vector<std::uint8_t> texts;
  std::vector<std::int32_t> number(group.texts().size(), -1);  // in the file, of each text
  for (std::size_t k = 0; k < group.rows().size(); ++k) {
    const std::vector<ItemHistory::Row>& of_key = group.rows()[k];
    if (of_key.empty()) continue;
    keys.push_back(group.index().keys()[k]);
    rows.push_back(static_cast<std::int32_t>(of_key.size()));
    for (const ItemHistory::Row& row : of_key) {
      std::int32_t& item = number[static_cast<std::size_t>(row.item)];
      if (item < 0) {
        const std::string& text = group.texts()[static_cast<std::size_t>(row.item)];
        item = static_cast<std::int32_t>(ends.size());
        texts.insert(texts.end(), text.begin(), text.end());
        ends.push_back(texts.size());
      }
      times.push_back(row.time);
      items.push_back(item);
      counts.push_back(row.counts);
    }
  }
  const auto add = [&](const char* what, auto values) {
    const auto count = static_cast<std::int64_t>(values.size());
    writer.add_own(name + what, Shape{count}, std::move(values));
  };
  add("/keys", std::move(keys));
  add("/rows", std::move(rows));
  add("/times", std::move(times));
  add("/items", std::move(items));
  if (group.has_condition()) add("/counts", std::move(counts));
  add("/texts", std::move(texts));
  add("/ends", std::move(ends));
}

ESPALIER_COLD ESPALIER_INLINE void read_items(const SafetensorsFile& file, const std::string& name,
                                              ItemHistory& group) {
  const auto refuse = [&](const char* tensor, std::string_view what) {
    throw_error<CheckpointError>({file.path(), ": tensor '", name, tensor, "' ", what});
  };
  const auto texts = file.values<std::uint8_t>(name + "/texts");
  std::size_t begin = 0;
  for (const std::uint64_t end : file.values<std::uint64_t>(name + "/ends")) {
    if (end <= begin || end > texts.size()) refuse("/ends", "does not ascend to the end of texts");
    const std::string text(texts.begin() + static_cast<std::ptrdiff_t>(begin),
                           texts.begin() + static_cast<std::ptrdiff_t>(end));
    if (text.find(group.separator()) != std::string::npos)
      refuse("/texts", "has an item that contains the separator");
    if (!group.restore_text(text)) refuse("/texts", "has an item twice");
    begin = end;
  }
  if (begin != texts.size()) refuse("/ends", "does not ascend to the end of texts");
  const auto keys = file.values<std::uint64_t>(name + "/keys");
  const auto rows = file.values<std::int32_t>(name + "/rows");
  const auto times = file.values<double>(name + "/times");
  const auto items = file.values<std::int32_t>(name + "/items");
  auto counts = std::vector<std::int32_t>(times.size(), 1);
  if (group.has_condition()) counts = file.values<std::int32_t>(name + "/counts");
  if (rows.size() != keys.size()) refuse("/rows", "has another length than its keys");
  if (items.size() != times.size()) refuse("/items", "has another length than its times");
  if (counts.size() != times.size()) refuse("/counts", "has another length than its times");
  std::size_t at = 0;
  for (std::size_t k = 0; k < keys.size(); ++k) {
    if (rows[k] < 1 || static_cast<std::size_t>(rows[k]) > times.size() - at)
      refuse("/rows", "does not add up to the number of times");
    std::vector<ItemHistory::Row> of_key;
    for (const std::size_t end = at + static_cast<std::size_t>(rows[k]); at < end; ++at) {
      if (!std::isfinite(times[at]) || (!of_key.empty() && times[at] < of_key.back().time))
        refuse("/times", "has times that do not ascend");
      if (items[at] < 0 || static_cast<std::size_t>(items[at]) >= group.texts().size())
        refuse("/items", "has an item that the texts lack");
      if (counts[at] != 0 && counts[at] != 1) refuse("/counts", "has numbers other than 0 and 1");
      of_key.push_back({times[at], items[at], counts[at]});
    }
    if (!group.restore(keys[k], std::move(of_key)))
      refuse("/keys", "has a key twice, or one of more rows than are kept");
  }
  if (at != times.size()) refuse("/rows", "does not add up to the number of times");
}

}  // namespace espalier::history_detail
