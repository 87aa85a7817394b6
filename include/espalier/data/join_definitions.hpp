// SPDX-License-Identifier: Apache-2.0
// Definitions of join.hpp.
#pragma once

#include "espalier/data/join.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/data/dictionary.hpp"

namespace espalier {

ESPALIER_INLINE std::string JoinReport::message(const std::string& key,
                                                const std::string& right) const {
  std::string text = std::to_string(unmatched) + " of " + std::to_string(matched + unmatched) +
                     " rows have a '" + key + "' that " + right + " does not have";
  if (without > 0) text += " (" + std::to_string(without) + " of them have none)";
  return text;
}

ESPALIER_INLINE JoinReport join(Table& left, const Table& right, const std::string& key,
                                const JoinOptions& options) {
  if (&left == &right) return join(left, Table(right), key, options);
  Column left_made, right_made;
  const Column& left_key = left.as_keys(key, left_made);
  const Column& right_key = right.as_keys(key, right_made);
  for (const Column& c : right.columns()) {
    if (c.name != key && left.has(options.prefix + c.name)) {
      throw_error<DataError>({right.source, ": column '", options.prefix, c.name, "' is in ",
                              left.source, " too, expected another name (a prefix makes one)"});
    }
  }
  std::vector<Index> place(right_key.dictionary.size(), -1);  // indexed by code in `right`
  for (Index row = 0; row < right.rows(); ++row) {
    const std::int32_t code = right_key.codes[static_cast<std::size_t>(row)];
    if (code < 0) continue;
    Index& at = place[static_cast<std::size_t>(code)];
    if (at >= 0) {
      throw_error<DataError>({right.where(row), ": '", key, "' is '", right_key.at(row), "' as in ",
                              right.where(at), ", expected each value once"});
    }
    at = row;
  }
  Dictionary known;
  for (const std::string& value : right_key.dictionary) static_cast<void>(known.code(value));
  std::vector<Index> by_code;  // indexed by code in `left`
  for (const std::string& value : left_key.dictionary) {
    const std::int32_t code = known.find(value);
    by_code.push_back(code < 0 ? -1 : place[static_cast<std::size_t>(code)]);
  }
  std::vector<Index> partner(static_cast<std::size_t>(left.rows()), -1);
  JoinReport report;
  for (std::size_t i = 0; i < partner.size(); ++i) {
    const std::int32_t code = left_key.codes[i];
    if (code >= 0) partner[i] = by_code[static_cast<std::size_t>(code)];
    report.without += code < 0 ? 1 : 0;
    ++(partner[i] < 0 ? report.unmatched : report.matched);
  }
  const auto gather = [&](const auto& from, auto missing) {
    std::vector<decltype(missing)> to(partner.size());
    for (std::size_t i = 0; i < to.size(); ++i) {
      to[i] = partner[i] < 0 ? missing : from[static_cast<std::size_t>(partner[i])];
    }
    return to;
  };
  for (const Column& from : right.columns()) {
    if (from.name == key) continue;
    Column made = from.without_rows();
    made.name = options.prefix + from.name;
    if (from.kind == ColumnKind::number) {
      made.numbers = gather(from.numbers, std::numeric_limits<double>::quiet_NaN());
    } else {
      made.codes = gather(from.codes, std::int32_t{-1});
    }
    left.add(std::move(made));
  }
  if (report.unmatched > 0)
    left.notes.push_back(left.source + ": " + report.message(key, right.source));
  left.notes.insert(left.notes.end(), right.notes.begin(), right.notes.end());
  return report;
}

}  // namespace espalier
