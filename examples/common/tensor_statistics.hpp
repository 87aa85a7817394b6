// SPDX-License-Identifier: Apache-2.0
// Minimum, mean and maximum of a tensor in a file, for any type.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "espalier/model/safetensors.hpp"

namespace examples {

/// A number of type `dtype` from its bytes.
inline double number_at(const std::byte* bytes, espalier::Dtype dtype) {
  const auto as = [&]<class T>(T value) {
    std::memcpy(&value, bytes, sizeof value);
    return value;
  };
  switch (dtype) {
    case espalier::Dtype::boolean:
    case espalier::Dtype::u8:
      return as(std::uint8_t{});
    case espalier::Dtype::i8:
      return as(std::int8_t{});
    case espalier::Dtype::u16:
      return as(std::uint16_t{});
    case espalier::Dtype::i16:
      return as(std::int16_t{});
    case espalier::Dtype::bf16:
      return static_cast<double>(std::bit_cast<float>(std::uint32_t{as(std::uint16_t{})} << 16U));
    case espalier::Dtype::u32:
      return as(std::uint32_t{});
    case espalier::Dtype::i32:
      return as(std::int32_t{});
    case espalier::Dtype::f32:
      return static_cast<double>(as(float{}));
    case espalier::Dtype::u64:
      return static_cast<double>(as(std::uint64_t{}));
    case espalier::Dtype::i64:
      return static_cast<double>(as(std::int64_t{}));
    case espalier::Dtype::f64:
      return as(double{});
    case espalier::Dtype::f16:
      break;
  }
  const std::uint16_t half = as(std::uint16_t{});
  const int exponent = (half >> 10U) & 31U, sign = half >> 15U;
  const double fraction = static_cast<double>(half & 1023U) / 1024;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double size = exponent == 31 ? (fraction > 0 ? std::nan("") : infinity)
                                     : std::ldexp(exponent == 0 ? fraction : 1 + fraction,
                                                  exponent == 0 ? -14 : exponent - 15);
  return sign == 1 ? -size : size;
}

struct Statistics {
  /// Minimum, mean and maximum of the finite values.
  double least = std::numeric_limits<double>::infinity(), mean = 0, most = -least;
  std::uint64_t count = 0, not_finite = 0;

  [[nodiscard]] bool any() const { return not_finite < count; }
};

inline Statistics statistics_of(const espalier::SafetensorsFile& file,
                                const espalier::TensorInfo& tensor) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(tensor.bytes()));
  file.read_bytes(tensor, bytes);
  Statistics s;
  s.count = tensor.elements();
  const std::size_t size = espalier::dtype_size(tensor.dtype);
  double sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    const double value = number_at(bytes.data() + at, tensor.dtype);
    if (!std::isfinite(value)) {
      ++s.not_finite;
      continue;
    }
    s.least = (std::min)(s.least, value);
    s.most = (std::max)(s.most, value);
    sum += value;
  }
  if (s.any()) s.mean = sum / static_cast<double>(s.count - s.not_finite);
  return s;
}

}  // namespace examples
