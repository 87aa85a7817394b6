// SPDX-License-Identifier: Apache-2.0
// Definitions of column.hpp.
#pragma once

#include "espalier/data/column.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/decimal.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier {

ESPALIER_INLINE Column Column::number(std::string name, std::vector<double> values) {
  Column c;
  c.name = std::move(name);
  c.numbers = std::move(values);
  return c;
}

ESPALIER_INLINE Column Column::text(std::string name,
                                    std::initializer_list<std::string_view> values) {
  return text<std::initializer_list<std::string_view>>(std::move(name), values);
}

ESPALIER_INLINE Column Column::without_rows() const {
  Column c;
  c.name = name;
  c.kind = kind;
  c.dictionary = dictionary;
  c.exact_below = exact_below;
  c.text_because = text_because;
  return c;
}

ESPALIER_INLINE Column text_of_numbers(const Column& from) {
  Column made;
  made.name = from.name;
  made.kind = ColumnKind::text;
  made.codes.reserve(from.numbers.size());
  Dictionary known;
  struct Seen {
    double value = std::numeric_limits<double>::quiet_NaN();
    std::int32_t code = -1;
  };
  std::vector<Seen> cache(std::size_t{1} << 10U);  // by hash: most columns have few distinct values
  for (const double v : from.numbers) {
    Seen& seen = cache[mix(std::bit_cast<std::uint64_t>(v)) & (cache.size() - 1)];
    if (seen.value != v) seen = {v, std::isnan(v) ? -1 : known.code(number_text(v))};
    made.codes.push_back(seen.code);
  }
  made.dictionary = known.take();
  return made;
}

}  // namespace espalier
