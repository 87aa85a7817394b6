// SPDX-License-Identifier: Apache-2.0
// Definition of `add_past_items()`.
#pragma once

#include "espalier/data/past_items.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/row_history.hpp"
#include "espalier/plan/schema.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE void add_past_items(Table& table, const PastItemsOptions& o) {
  const std::string name = o.name.empty() ? "past_" + o.item : o.name;
  if (o.most < 1)
    throw_error<ConfigError>({"past items: most is ", o.most, ", expected 1 or more"});
  if (!(o.delay >= 0))
    throw_error<ConfigError>(
        {"past items: delay is ", number_text(o.delay), ", expected 0 or more"});
  if (table.has(name))
    throw_error<DataError>({table.source, ": there already is a column '", name, "'"});
  const std::string_view key = o.key;
  FieldInfo field;
  field.name = field.column = name;
  field.separator = o.separator;
  field.most_values = static_cast<int>((std::min)(o.most, Index{std::numeric_limits<int>::max()}));
  field.history.kind = HistoryKind::past_items;
  field.history.keys = std::span(&key, 1);
  field.history.item = o.item;
  field.history.time = o.time;
  field.history.where = o.where;
  field.history.delay = o.delay;
  const std::optional<HistorySpan> of_inputs = table.history;
  RowHistory(std::span(&field, 1)).add_to(table);
  table.history = of_inputs;  // the column is no input of earlier rows: nothing goes on from it
}

}  // namespace espalier
