// SPDX-License-Identifier: Apache-2.0
// Definitions of history.hpp.
#pragma once

#include "espalier/report/history.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"

namespace espalier {

ESPALIER_INLINE double HistoryRow::value(std::string_view name) const noexcept {
  for (const auto& [known, number] : values) {
    if (known == name) return number;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

ESPALIER_INLINE void History::truncate(int last_epoch) {
  std::erase_if(rows_, [=](const HistoryRow& row) { return row.epoch > last_epoch; });
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::string> History::columns() const {
  std::vector<std::string> names;
  for (const HistoryRow& row : rows_) {
    for (const auto& value : row.values) {
      if (std::find(names.begin(), names.end(), value.first) == names.end()) {
        names.push_back(value.first);
      }
    }
  }
  return names;
}

ESPALIER_COLD ESPALIER_INLINE std::string History::to_jsonl() const {
  std::string out;
  for (const HistoryRow& row : rows_) {
    Json line = Json::object();
    line.set("epoch", row.epoch).set("step", row.step);
    for (const auto& [name, value] : row.values) line.set(name, value);
    out += line.dump() + "\n";
  }
  return out;
}

ESPALIER_COLD ESPALIER_INLINE std::string History::to_csv() const {
  const std::vector<std::string> names = columns();
  std::string out = "epoch,step";
  for (const std::string& name : names) out += "," + quoted(name);
  out += "\n";
  for (const HistoryRow& row : rows_) {
    out += std::to_string(row.epoch) + "," + std::to_string(row.step);
    for (const std::string& name : names) {
      const double value = row.value(name);
      out += ",";
      if (std::isfinite(value)) out += Json(value).dump();
    }
    out += "\n";
  }
  return out;
}

ESPALIER_INLINE void History::write(const std::string& path) const {
  check_name(path);
  write_file_atomically(path, path.ends_with(".csv") ? to_csv() : to_jsonl());
}

ESPALIER_INLINE History History::read(const std::string& path) {
  check_name(path);
  const std::string text = read_file(path);
  return path.ends_with(".csv") ? parse_csv(text, path) : parse_jsonl(text, path);
}

ESPALIER_COLD ESPALIER_INLINE History History::parse_jsonl(std::string_view text,
                                                           const std::string& what) {
  History history;
  for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
    const std::size_t end = (std::min)(text.find('\n', at), text.size());
    const std::string where = what + ": line " + std::to_string(number);
    const Json line = Json::parse(text.substr(at, end - at), where);
    HistoryRow row;
    bool numbers = line.is_object();
    for (std::size_t i = 0; numbers && i < line.size(); ++i) {
      const Json& item = line.items()[i];
      numbers = item.is_number() || item.is_null();
      if (numbers) {
        place(row, line.keys()[i], item.is_null() ? std::nan("") : item.as_number(), where);
      }
    }
    if (!numbers)
      throw_error<DataError>({where, ": expected an object of numbers, found something else"});
    history.add(std::move(row));
    at = end + 1;
  }
  return history;
}

ESPALIER_COLD ESPALIER_INLINE History History::parse_csv(std::string_view text,
                                                         const std::string& what) {
  History history;
  std::vector<std::string> names;
  for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
    const std::string where = what + ": line " + std::to_string(number);
    const std::vector<std::string> cells = take_cells(text, at, where);
    if (number == 1) {
      names = cells;
      continue;
    }
    if (cells.size() != names.size()) {
      throw_error<DataError>({where, ": ", cells.size(), " values, expected ", names.size()});
    }
    HistoryRow row;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const double value = cells[i].empty()
                               ? std::nan("")
                               : Json::parse(cells[i], where + ": " + names[i]).as_number();
      place(row, names[i], value, where);
    }
    history.add(std::move(row));
  }
  return history;
}

ESPALIER_INLINE void History::check_name(const std::string& path) {
  if (!path.ends_with(".csv") && !path.ends_with(".jsonl")) {
    throw_error<ConfigError>(
        {"history file '", path, "': expected a name that ends in .csv or .jsonl"});
  }
}

ESPALIER_COLD ESPALIER_INLINE void History::place(HistoryRow& row, const std::string& name,
                                                  double value, const std::string& where) {
  if (name != "epoch" && name != "step") {
    row.values.emplace_back(name, value);
    return;
  }
  const double most = name == "epoch" ? (std::numeric_limits<int>::max)() : Json::max_integer;
  if (!(value >= 0 && value <= most && value == std::floor(value))) {
    throw_error<DataError>(
        {where, ": ", name, ": expected a whole number, found ", Json(value).dump()});
  }
  if (name == "epoch") {
    row.epoch = static_cast<int>(value);
  } else {
    row.step = static_cast<std::int64_t>(value);
  }
}

ESPALIER_INLINE std::string History::quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string out = "\"";
  for (const char c : cell) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

ESPALIER_COLD ESPALIER_INLINE std::vector<std::string> History::take_cells(
    std::string_view text, std::size_t& at, const std::string& where) {
  std::vector<std::string> cells(1);
  bool inside = false;
  for (; at < text.size() && (inside || text[at] != '\n'); ++at) {
    const char c = text[at];
    if (c == '"' && inside && at + 1 < text.size() && text[at + 1] == '"') {
      cells.back() += c;
      ++at;
    } else if (c == '"') {
      inside = !inside;
    } else if (c == ',' && !inside) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  if (inside) throw_error<DataError>({where, ": a quote is not closed"});
  // The CR of CR LF is not part of the cell; a CR within quotes is.
  if (at < text.size() && at > 0 && text[at - 1] == '\r') cells.back().pop_back();
  ++at;
  return cells;
}

}  // namespace espalier
