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

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"

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

[[nodiscard]] std::string to_string(const Shape& shape);

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
[[nodiscard]] bool byte_count(const Shape& shape, Dtype dtype, std::uint64_t& out);

}  // namespace safetensors_detail

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/model/safetensors_header_definitions.hpp"
#endif
