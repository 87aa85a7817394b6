// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli): the checksum of record files.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace espalier {

namespace crc32c_detail {

[[nodiscard]] constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
    table[i] = crc;
  }
  return table;
}
inline constexpr std::array<std::uint32_t, 256> table = make_table();

}  // namespace crc32c_detail

/// Polynomial 0x1EDC6F41, reflected, started and ended by a complement (RFC 3720, appendix B.4).
[[nodiscard]] constexpr std::uint32_t crc32c(std::string_view bytes) noexcept {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) {
    crc = (crc >> 8U) ^ crc32c_detail::table[(crc ^ static_cast<unsigned char>(c)) & 0xFFU];
  }
  return ~crc;
}

}  // namespace espalier
