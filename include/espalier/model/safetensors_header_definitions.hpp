// SPDX-License-Identifier: Apache-2.0
// Definitions of safetensors_header.hpp.
#pragma once

#include "espalier/model/safetensors_header.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/sort.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

ESPALIER_INLINE std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (const std::int64_t length : shape) {
    if (out.size() > 1) out += ", ";
    out += std::to_string(length);
  }
  return out + "]";
}

namespace safetensors_detail {

ESPALIER_COLD ESPALIER_INLINE bool byte_count(const Shape& shape, Dtype dtype, std::uint64_t& out) {
  constexpr std::uint64_t most = 0x7FFF'FFFF'FFFF'FFFFULL;
  out = dtype_size(dtype);
  for (const std::int64_t length : shape) {
    if (length < 0 || length > (std::int64_t{1} << 53)) return false;
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) {
    out = 0;
    return true;
  }
  for (const std::int64_t length : shape) {
    if (out > most / static_cast<std::uint64_t>(length)) return false;
    out *= static_cast<std::uint64_t>(length);
  }
  return true;
}

/// Parses the header entry of one tensor and checks it on its own.
class EntryReader {
 public:
  EntryReader(const std::string& what, const std::string& name, const Json& entry)
      : where_(what + ": tensor '" + name + "': "), entry_(entry) {
    info_.name = name;
  }

  [[nodiscard]] ESPALIER_COLD TensorInfo read(std::uint64_t data_bytes) {
    if (!entry_.is_object()) fail("expected an object, found " + shown(&entry_));
    for (const std::string& key : entry_.keys()) {
      if (key != "dtype" && key != "shape" && key != "data_offsets") {
        fail("expected dtype, shape and data_offsets, found '" + key + "'");
      }
    }
    read_dtype();
    info_.shape = integers("shape");
    const std::vector<std::int64_t> offsets = integers("data_offsets");
    if (offsets.size() != 2)
      fail("data_offsets: expected [begin, end], found " + to_string(offsets));
    info_.begin = static_cast<std::uint64_t>(offsets[0]);
    info_.end = static_cast<std::uint64_t>(offsets[1]);
    if (info_.begin > info_.end)
      fail("data_offsets " + to_string(offsets) + ": expected begin ≤ end");
    std::uint64_t expected = 0;
    if (!byte_count(info_.shape, info_.dtype, expected)) {
      fail("shape " + to_string(info_.shape) + " is too large");
    }
    if (info_.bytes() != expected) {
      fail("data_offsets " + to_string(offsets) + " hold " + std::to_string(info_.bytes()) +
           " bytes, expected " + std::to_string(expected) + " for " +
           std::string(dtype_name(info_.dtype)) + " " + to_string(info_.shape));
    }
    if (info_.end > data_bytes) {
      fail("cut off: it ends at byte " + std::to_string(info_.end) +
           " of the data, the file at byte " + std::to_string(data_bytes));
    }
    return info_;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw_error<CheckpointError>({where_, message});
  }

  [[nodiscard]] static std::string shown(const Json* value) {
    if (value == nullptr) return "none";
    std::string text = value->dump();
    if (text.size() > 60) text = std::string(utf8_prefix(text, 57)) + "...";
    return text;
  }

  ESPALIER_COLD void read_dtype() {
    const Json* dtype = entry_.find("dtype");
    for (std::size_t i = 0; dtype != nullptr && dtype->is_string() && i < dtypes.size(); ++i) {
      if (dtypes[i].name != dtype->as_string()) continue;
      info_.dtype = static_cast<Dtype>(i);
      return;
    }
    std::string names;
    for (const DtypeInfo& known : dtypes) names += " " + std::string(known.name);
    fail("dtype: expected one of" + names + ", found " + shown(dtype));
  }

  [[nodiscard]] ESPALIER_COLD std::vector<std::int64_t> integers(std::string_view key) const {
    const Json* list = entry_.find(key);
    std::vector<std::int64_t> out;
    bool good = list != nullptr && list->is_array();
    for (std::size_t i = 0; good && i < list->size(); ++i) {
      const Json& item = list->items()[i];
      good = item.is_number() && item.as_number() >= 0 && item.as_number() <= Json::max_integer &&
             item.as_number() == std::floor(item.as_number());
      if (good) out.push_back(item.as_integer());
    }
    if (!good) {
      fail(std::string(key) + ": expected a list of integers from 0 to 2^53, found " + shown(list));
    }
    return out;
  }

  std::string where_;
  const Json& entry_;
  TensorInfo info_;
};

}  // namespace safetensors_detail

ESPALIER_INLINE SafetensorsHeader SafetensorsHeader::parse(std::string_view json,
                                                           std::uint64_t data_bytes,
                                                           const std::string& what) {
  Json root;
  try {
    if (json.empty() || json.front() != '{') throw DataError("expected '{' after the length");
    root = Json::parse(json, "header");
  } catch (const DataError& error) {
    throw_error<CheckpointError>({what, ": not a safetensors file: ", error.what()});
  }
  SafetensorsHeader header;
  std::vector<TensorInfo> read;  // in the order of the header
  for (std::size_t i = 0; i < root.size(); ++i) {
    const Json& entry = root.items()[i];
    if (root.keys()[i] != "__metadata__") {
      read.push_back(safetensors_detail::EntryReader(what, root.keys()[i], entry).read(data_bytes));
      continue;
    }
    for (std::size_t m = 0; m < entry.size() || !entry.is_object(); ++m) {
      if (!entry.is_object() || !entry.items()[m].is_string()) {
        throw_error<CheckpointError>({what, ": __metadata__: expected an object of strings"});
      }
      header.metadata.emplace_back(entry.keys()[m], entry.items()[m].as_string());
    }
  }
  std::vector<std::size_t> order(read.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  sort_indices(order, [&](std::size_t a, std::size_t b) {
    return read[a].begin != read[b].begin ? read[a].begin < read[b].begin
                                          : read[a].end < read[b].end;
  });
  std::uint64_t filled = 0;
  for (const std::size_t i : order) {
    header.tensors.push_back(std::move(read[i]));
    const TensorInfo& tensor = header.tensors.back();
    if (tensor.begin != filled) {
      throw_error<CheckpointError>({what, ": tensor '", tensor.name, "' begins at byte ",
                                    tensor.begin, " of the data, expected ", filled,
                                    ", where the one before ends"});
    }
    filled = tensor.end;
  }
  if (filled != data_bytes) {
    throw_error<CheckpointError>({what, ": the tensors end at byte ", filled,
                                  " of the data, expected ", data_bytes, ", the end of the file"});
  }
  return header;
}

ESPALIER_INLINE std::string SafetensorsHeader::dump() const {
  Json root = Json::object();
  if (!metadata.empty()) {
    Json texts = Json::object();
    for (const auto& [key, text] : metadata) texts.set(key, text);
    root.set("__metadata__", std::move(texts));
  }
  std::string json = root.dump();
  json.pop_back();  // append members as text: Json::set() would search for each name
  for (const TensorInfo& tensor : tensors) {
    Json entry = Json::object(), shape = Json::array();
    for (const std::int64_t length : tensor.shape) shape.push(length);
    entry.set("dtype", dtype_name(tensor.dtype)).set("shape", std::move(shape));
    entry.set("data_offsets", Json::array({tensor.begin, tensor.end}));
    if (json.size() > 1) json += ',';
    json += Json(tensor.name).dump() + ":" + entry.dump();
  }
  json += '}';
  json.append((64 - (8 + json.size()) % 64) % 64, ' ');
  std::string out;
  for (unsigned i = 0; i < 8; ++i) out += static_cast<char>((json.size() >> (8 * i)) & 0xFFU);
  return out + json;
}

}  // namespace espalier
