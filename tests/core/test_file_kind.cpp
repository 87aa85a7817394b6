// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>

#include "espalier/core/file_kind.hpp"

using namespace espalier;
using namespace std::string_literals;

TEST_CASE("what a file seems to be") {
  CHECK(file_kind("PK\x03\x04\x14"s) ==
        "a zip archive (as PyTorch's .pt and .bin files and NumPy's .npz are)");
  CHECK(file_kind("\x80\x02}q"s) == "a Python pickle");
  CHECK(file_kind("\x93NUMPY\x01"s) == "a NumPy array");
  CHECK(file_kind("\x89HDF\r\n"s) == "an HDF5 file");
  CHECK(file_kind("\x1f\x8b\x08"s) == "a gzip file");
  CHECK(file_kind("version https://git-lfs.github.com/spec/v1\noid") ==
        "a Git LFS pointer (git lfs pull fetches the file itself)");
  CHECK(file_kind("user,click\r\nu1,0\r\n") == "a CSV file: 'user,click'");
  CHECK(file_kind("user\tclick") == "a CSV file: 'user\tclick'");
  CHECK(file_kind("<!DOCTYPE html>\n") == "a text: '<!DOCTYPE html>'");
  CHECK(file_kind("{\"a\":1,\"b\":2}") == "a text: '{\"a\":1,\"b\":2}'");
  CHECK(file_kind(std::string(64, 'x')) == "a text: '" + std::string(40, 'x') + "'");
  CHECK(file_kind("prix;caf\xC3") == "a CSV file: 'prix;caf'");  // cut within a UTF-8 character
  CHECK(file_kind("caf\xE9;prix\n") == "the bytes 63 61 66 e9 3b 70 72 69");  // not UTF-8
  CHECK(file_kind("\x08\x07\x12"s) == "the bytes 08 07 12");
  CHECK(file_kind("\n") == "the bytes 0a");
}
