// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli): the checksum of record files.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "espalier/core/config.hpp"

namespace espalier {

namespace crc32c_detail {

/// tables[k][b]: the contribution of byte b at k bytes before the end of a block of eight.
[[nodiscard]] constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
    tables[0][i] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t before = tables[k - 1][i];
      tables[k][i] = (before >> 8U) ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}
inline constexpr auto tables = make_tables();

}  // namespace crc32c_detail

/// CRC-32C: polynomial 0x1EDC6F41, reflected, complemented at the start and the end (RFC 3720,
/// appendix B.4). Processes eight bytes at a time: Kounavis and Berry, "Novel table lookup-based
/// algorithms for high-performance CRC generation", 2008.
[[nodiscard]] constexpr std::uint32_t crc32c(std::string_view bytes) noexcept {
  const auto& tables = crc32c_detail::tables;
  std::uint32_t crc = 0xFFFFFFFFU;
  std::size_t at = 0;
  const auto byte = [&](std::size_t k) {
    return std::uint32_t{static_cast<unsigned char>(bytes[at + k])};
  };
  for (; bytes.size() - at >= 8; at += 8) {
    crc ^= byte(0) | byte(1) << 8U | byte(2) << 16U | byte(3) << 24U;
    crc = tables[7][crc & 0xFFU] ^ tables[6][(crc >> 8U) & 0xFFU] ^
          tables[5][(crc >> 16U) & 0xFFU] ^ tables[4][crc >> 24U] ^ tables[3][byte(4)] ^
          tables[2][byte(5)] ^ tables[1][byte(6)] ^ tables[0][byte(7)];
  }
  for (; at < bytes.size(); ++at) crc = (crc >> 8U) ^ tables[0][(crc ^ byte(0)) & 0xFFU];
  return ~crc;
}

}  // namespace espalier
