// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file: names, types, shapes and offsets of the tensors. Parsing checks
// everything; writing follows the format exactly.
//
//   8 bytes   n, little-endian
//   n bytes   {"__metadata__": {key: text, …},
//              name: {"dtype": …, "shape": […], "data_offsets": [begin, end]}, …}, then spaces
//   data      the tensors one after the other, without gaps; offsets count from here
//
// Format: https://huggingface.co/docs/safetensors.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/sort.hpp"

namespace espalier {

/// Element types of tensors.
enum class Dtype : std::uint8_t {
  boolean,
  u8,
  i8,
  u16,
  i16,
  f16,
  bf16,
  u32,
  i32,
  f32,
  u64,
  i64,
  f64
};

namespace safetensors_detail {

struct DtypeInfo {
  std::string_view name;
  std::size_t size;
};
inline constexpr std::array<DtypeInfo, 13> dtypes{{{"BOOL", 1},
                                                   {"U8", 1},
                                                   {"I8", 1},
                                                   {"U16", 2},
                                                   {"I16", 2},
                                                   {"F16", 2},
                                                   {"BF16", 2},
                                                   {"U32", 4},
                                                   {"I32", 4},
                                                   {"F32", 4},
                                                   {"U64", 8},
                                                   {"I64", 8},
                                                   {"F64", 8}}};

template <class T>
struct DtypeOf;
template <>
struct DtypeOf<std::uint8_t> : std::integral_constant<Dtype, Dtype::u8> {};
template <>
struct DtypeOf<std::int8_t> : std::integral_constant<Dtype, Dtype::i8> {};
template <>
struct DtypeOf<std::uint16_t> : std::integral_constant<Dtype, Dtype::u16> {};
template <>
struct DtypeOf<std::int16_t> : std::integral_constant<Dtype, Dtype::i16> {};
template <>
struct DtypeOf<std::uint32_t> : std::integral_constant<Dtype, Dtype::u32> {};
template <>
struct DtypeOf<std::int32_t> : std::integral_constant<Dtype, Dtype::i32> {};
template <>
struct DtypeOf<float> : std::integral_constant<Dtype, Dtype::f32> {};
template <>
struct DtypeOf<std::uint64_t> : std::integral_constant<Dtype, Dtype::u64> {};
template <>
struct DtypeOf<std::int64_t> : std::integral_constant<Dtype, Dtype::i64> {};
template <>
struct DtypeOf<double> : std::integral_constant<Dtype, Dtype::f64> {};

}  // namespace safetensors_detail

/// The element type of a C++ type.
template <class T>
inline constexpr Dtype dtype_of = safetensors_detail::DtypeOf<std::remove_cv_t<T>>::value;

/// The name in the file, such as "F32".
[[nodiscard]] constexpr std::string_view dtype_name(Dtype dtype) {
  return safetensors_detail::dtypes[static_cast<std::size_t>(dtype)].name;
}
/// Bytes per element.
[[nodiscard]] constexpr std::size_t dtype_size(Dtype dtype) {
  return safetensors_detail::dtypes[static_cast<std::size_t>(dtype)].size;
}

/// Lengths of the axes of a tensor, row-major; empty for a scalar.
using Shape = std::vector<std::int64_t>;

[[nodiscard]] inline std::string to_string(const Shape& shape) {
  std::string out = "[";
  for (const std::int64_t length : shape) {
    if (out.size() > 1) out += ", ";
    out += std::to_string(length);
  }
  return out + "]";
}

/// One tensor of a file.
struct TensorInfo {
  std::string name;
  Dtype dtype = Dtype::f32;
  Shape shape;
  std::uint64_t begin = 0;  ///< byte offset from the start of the data
  std::uint64_t end = 0;

  [[nodiscard]] std::uint64_t bytes() const noexcept { return end - begin; }
  [[nodiscard]] std::uint64_t elements() const noexcept { return bytes() / dtype_size(dtype); }
};

/// The content of the header. Tensors are in the order of their data.
struct SafetensorsHeader {
  /// Maximum size of the JSON, as in the Python package.
  static constexpr std::uint64_t max_bytes = 100'000'000;

  std::vector<TensorInfo> tensors;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::uint64_t data_start = 0;  ///< byte offset from the start of the file

  /// Parses the JSON of a file with `data_bytes` bytes of data. `what` (the file's name) begins
  /// every message. Throws CheckpointError, naming the tensor and what was expected, unless the
  /// size of every tensor matches its shape and type, and the tensors together fill the data
  /// exactly: no overlap, no gap, nothing beyond the end.
  [[nodiscard]] static SafetensorsHeader parse(std::string_view json, std::uint64_t data_bytes,
                                               const std::string& what);

  /// Returns the 8 length bytes and the JSON, padded with spaces so that the data begins at a
  /// multiple of 64 bytes.
  [[nodiscard]] std::string dump() const;
};

namespace safetensors_detail {

/// Writes the product of the lengths and the element size to `out`. Returns false if it does not
/// fit into 63 bits, or a length is negative or above 2^53.
[[nodiscard]] ESPALIER_COLD inline bool byte_count(const Shape& shape, Dtype dtype,
                                                   std::uint64_t& out) {
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

inline SafetensorsHeader SafetensorsHeader::parse(std::string_view json, std::uint64_t data_bytes,
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

inline std::string SafetensorsHeader::dump() const {
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
