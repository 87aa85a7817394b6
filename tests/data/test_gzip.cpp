// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "espalier/core/file.hpp"
#include "espalier/data/source.hpp"

#if __has_include(<zlib.h>)
#include <string>
#include <utility>
#include <vector>

#include "data/helpers.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/gzip.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::cells;
using espalier_test::failure;
using espalier_test::TemporaryFolder;

namespace {

std::string compressed(std::string_view text, int level = 6) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())) + 64, '\0');
  std::string in(text);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

/// The unpacked bytes, read `step` bytes at a time.
std::string unpacked(std::string_view bytes, std::size_t step = 1000) {
  GzipSource source(std::make_unique<TextSource>(bytes), "f.gz");
  std::string out;
  std::vector<char> part(step);
  for (;;) {
    const std::size_t n = source.read(part);
    out.append(part.data(), n);
    if (n < part.size()) return out;
  }
}

std::string refusal(std::string_view bytes) {
  return failure<DataError>([&] { static_cast<void>(unpacked(bytes)); });
}

std::string random_text(std::size_t size) {
  Random random(6);
  std::string text;
  while (text.size() < size)
    text += std::to_string(random.below(1000)) + (random.bernoulli(0.1) ? "\n" : ",");
  return text;
}

}  // namespace

TEST_CASE("gzip: what was compressed is read, in parts of any size") {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{999}, std::size_t{1000}, std::size_t{300000}}) {
    const std::string text = size == 0 ? "" : random_text(size);
    for (const int level : {0, 1, 9}) {
      const std::string bytes = compressed(text, level);
      CHECK(unpacked(bytes) == text);
      CHECK(unpacked(bytes, 1 << 20) == text);
      if (size <= 1000) CHECK(unpacked(bytes, 1) == text);
    }
  }
}

TEST_CASE("gzip: several members, empty ones too, are one text") {
  const std::string bytes = compressed("a,b\n") + compressed("") + compressed("1,2\n") +
                            compressed("3,4\n") + compressed("");
  for (const std::size_t step :
       {std::size_t{1}, std::size_t{4}, std::size_t{8}, std::size_t{1000}}) {
    CHECK(unpacked(bytes, step) == "a,b\n1,2\n3,4\n");
  }
  const TemporaryFolder folder;
  write_file_atomically(folder / "f.csv.gz", bytes);
  CHECK(cells(read_csv(folder / "f.csv.gz"), "b") == "2 4");
}

TEST_CASE("gzip: zeros behind a member are padding") {
  for (const std::size_t zeros : {1U, 7U, 512U, 65535U, 65536U, 200000U}) {
    const std::string padding(zeros, '\0'), bytes = compressed("a,b\n") + padding;
    CHECK(unpacked(bytes) == "a,b\n");
    CHECK(unpacked(bytes + compressed("1,2\n") + padding, 3) == "a,b\n1,2\n");
    CHECK(refusal(bytes + "garbage") ==
          "f.gz: corrupt gzip data after 4 bytes of content (incorrect header check)");
  }
  CHECK(refusal(std::string(10, '\0')) ==
        "f.gz: corrupt gzip data after 0 bytes of content (incorrect header check)");
}

TEST_CASE("gzip: data cut off anywhere is an error") {
  const std::string bytes = compressed(random_text(5000));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string message = refusal(std::string_view(bytes).substr(0, size));
    CHECK(message.starts_with("f.gz: gzip data cut off after "));
  }
  CHECK(refusal("") == "f.gz: gzip data cut off after 0 bytes of content");
}

TEST_CASE("gzip: a changed bit is an error, or changes nothing") {
  const std::string text = random_text(3000);
  const std::string bytes = compressed(text);
  int errors = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (unsigned bit = 0; bit < 8; bit += 3) {
      std::string damaged = bytes;
      damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1U << bit));
      try {
        // Accepted only if the change is in the header's time or system.
        const std::string read = unpacked(damaged);
        CHECK(read == text);
      } catch (const DataError& error) {
        CHECK(std::string(error.what()).find("gzip data") != std::string::npos);
        ++errors;
      }
    }
  }
  CHECK(errors > static_cast<int>(2 * bytes.size()));
}

TEST_CASE("gzip: what is none, and what follows one, is said to be corrupt") {
  CHECK(refusal("a,b\n1,2\n") ==
        "f.gz: corrupt gzip data after 0 bytes of content (incorrect header check)");
  CHECK(refusal(compressed("a,b\n") + "garbage") ==
        "f.gz: corrupt gzip data after 4 bytes of content (incorrect header check)");
}

TEST_CASE("a file is told by its first bytes, not by its name alone") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "packed.csv", compressed("a\n1\n"));
  CHECK(cells(read_csv(folder / "packed.csv"), "a") == "1");
  write_file_atomically(folder / "plain.csv.gz", "a\n1\n");
  CHECK(failure<DataError>([&] { static_cast<void>(read_csv(folder / "plain.csv.gz")); }) ==
        (folder / "plain.csv.gz") +
            ": corrupt gzip data after 0 bytes of content (incorrect header check)");
  write_file_atomically(folder / "empty.csv.gz", "");
  CHECK(failure<DataError>([&] { static_cast<void>(read_csv(folder / "empty.csv.gz")); }) ==
        (folder / "empty.csv.gz") + ": gzip data cut off after 0 bytes of content");
}

TEST_CASE(
    "compressed files in between plain ones, longer than a block, read twice when a column turns "
    "out to be text") {
  std::string csv = "a,b\n";
  for (int i = 0; i < 20000; ++i)
    csv += std::to_string(i) + "," + (i == 19999 ? "x" : std::to_string(i % 7)) + "\n";
  const TemporaryFolder folder;
  write_file_atomically(folder / "1.csv", "a,b\n-1,0\n");
  write_file_atomically(folder / "2.csv.gz", compressed(csv));
  CsvOptions options;
  options.block_bytes = 4096;
  const Table table = read_csv({folder / "1.csv", folder / "2.csv.gz"}, options);
  CHECK(table.rows() == 20001);
  CHECK(table.numbers("a")[20000] == 19999);
  CHECK(table.column("b").at(20000) == "x");
  CHECK(table.where(20000) == (folder / "2.csv.gz") + ":20001");
}

TEST_CASE("without the gzip header, a compressed file is refused with what to do") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "f.csv.gz", compressed("a\n1\n"));
  const GzipOpener kept = gzip_opener.exchange(nullptr);
  const std::string message =
      failure<IoError>([&] { static_cast<void>(read_csv(folder / "f.csv.gz")); });
  gzip_opener = kept;
  CHECK(message ==
        (folder / "f.csv.gz") +
            ": compressed; include <espalier/data/gzip.hpp> and link zlib (target espalier::gzip)");
}
#endif
