// SPDX-License-Identifier: Apache-2.0
// The parts of which records of event files consist, for event_file.hpp and event_reader.hpp.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/crc32c.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier::event_detail {

template <class T>
void put_fixed(std::string& out, T value) {
  const auto bits = std::bit_cast<std::array<unsigned char, sizeof(T)>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t at = std::endian::native == std::endian::little ? i : sizeof(T) - 1 - i;
    out += static_cast<char>(bits[at]);
  }
}

template <class T>
[[nodiscard]] T get_fixed(std::string_view bytes) {
  std::array<unsigned char, sizeof(T)> bits{};
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t at = std::endian::native == std::endian::little ? i : sizeof(T) - 1 - i;
    bits[at] = static_cast<unsigned char>(bytes[i]);
  }
  return std::bit_cast<T>(bits);
}

inline void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>((value & 0x7FU) | 0x80U);
  out += static_cast<char>(value);
}

/// The wire types of protocol buffers that are used here.
enum class Wire : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

inline void put_key(std::string& out, unsigned field, Wire wire) {
  put_varint(out, (std::uint64_t{field} << 3U) | static_cast<std::uint64_t>(wire));
}

inline void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  put_key(out, field, Wire::bytes);
  put_varint(out, bytes.size());
  out += bytes;
}

/// CRC-32C, rotated and offset by a constant, so that the checksum stays useful for data that
/// contains checksums.
[[nodiscard]] inline std::uint32_t masked_crc(std::string_view bytes) noexcept {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U;
}

/// Replaces invalid UTF-8 by U+FFFD: protocol buffers reject a record that contains it.
[[nodiscard]] ESPALIER_COLD inline std::string valid_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      append_utf8(out, 0xFFFD);
    } else {
      out.append(text, i, length);
    }
    i += length == 0 ? 1 : length;
  }
  return out;
}

}  // namespace espalier::event_detail
