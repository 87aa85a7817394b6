// SPDX-License-Identifier: Apache-2.0
// Reading a file whole, plain or compressed.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"

namespace espalier {

/// Turns the bytes of a .gz file into what they hold; throws DataError naming `path`.
using Decompress = std::string (*)(std::string_view bytes, const std::string& path);

/// Set by including espalier/data/gzip.hpp anywhere in the program, so that the library itself does not need zlib.
inline std::atomic<Decompress> gzip_decompress{nullptr};

/// The content of `path`; of a .gz file what it holds. Throws IoError.
[[nodiscard]] inline std::string read_text(const std::string& path) {
  std::string bytes = read_file(path);
  if (!path.ends_with(".gz")) return bytes;
  const Decompress decompress = gzip_decompress;
  if (decompress == nullptr) {
    throw IoError(path + ": compressed, but this program cannot decompress: include <espalier/data/gzip.hpp> and link zlib "
                         "(CMake target espalier::gzip)");
  }
  return decompress(bytes, path);
}

}  // namespace espalier
