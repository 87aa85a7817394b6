// SPDX-License-Identifier: Apache-2.0
// `file_kind`: what an unexpected file seems to be, for error messages.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "espalier/core/config.hpp"
#include "espalier/core/utf8.hpp"

namespace espalier {

namespace file_kind_detail {

struct Signature {
  std::string_view bytes, kind;
};
/// Formats in which models or data are often stored.
inline constexpr std::array<Signature, 11> signatures{{
    {"PK\x03\x04", "a zip archive (as PyTorch's .pt and .bin files and NumPy's .npz are)"},
    {"\x80\x02", "a Python pickle"},
    {"\x80\x03", "a Python pickle"},
    {"\x80\x04", "a Python pickle"},
    {"\x80\x05", "a Python pickle"},
    {"\x93NUMPY", "a NumPy array"},
    {"\x89HDF", "an HDF5 file"},
    {"\x1f\x8b", "a gzip file"},
    {"GGUF", "a GGUF file"},
    {"PAR1", "a Parquet file"},
    {"version https://git-lfs", "a Git LFS pointer (git lfs pull fetches the file itself)"},
}};

/// Returns the first line if it is printable text, else an empty string.
[[nodiscard]] ESPALIER_COLD inline std::string_view text_line(std::string_view head) {
  const std::string_view line = head.substr(0, head.find_first_of("\r\n"));
  for (std::size_t i = 0; i < line.size();) {
    const std::size_t length = utf8_length(line, i);
    const auto c = static_cast<unsigned char>(line[i]);
    // A character that is cut off at the end of `head`.
    const bool cut = length == 0 && line.size() == head.size() && line.size() - i < 4;
    if (cut) return line.substr(0, i);
    if (length == 0 || (c < 0x20 && c != '\t') || c == 0x7F) return {};
    i += length;
  }
  return line;
}

}  // namespace file_kind_detail

/// Describes a file by its first bytes, `head` (preferably 64): "a gzip file", "a CSV file:
/// 'user,click'", "a text: 'hello'", "the bytes 08 07".
[[nodiscard]] ESPALIER_COLD inline std::string file_kind(std::string_view head) {
  for (const file_kind_detail::Signature& known : file_kind_detail::signatures) {
    if (head.starts_with(known.bytes)) return std::string(known.kind);
  }
  if (const std::string_view line = file_kind_detail::text_line(head); !line.empty()) {
    const bool rows =
        line.find_first_of(",;\t") != std::string_view::npos && line.find_first_of("{<") != 0;
    return std::string(rows ? "a CSV file: '" : "a text: '")
        .append(utf8_prefix(line, 40))
        .append("'");
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "the bytes";
  for (const char c : head.substr(0, 8)) {
    const auto byte = static_cast<unsigned char>(c);
    text.append({' ', digits[byte >> 4U], digits[byte & 15U]});
  }
  return text;
}

}  // namespace espalier
