// SPDX-License-Identifier: Apache-2.0
// tokenize <folder or "rule">: for a record of standard input, its token ids to standard output.
// For tests/golden/wordpiece.py, which compares them with the reference's. tokenize --speed
// <folder> <file>: prints the speed for a file's lines.
//
// A record is the options, the number of tokens, the number of texts and the texts, each with its
// number of bytes; the answer is the number of tokens, their ids and types. Numbers are of 4 bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "espalier/core/clock.hpp"
#include "espalier/core/file.hpp"
#include "espalier/text/tokenizer_file.hpp"
#include "espalier/text/word_piece.hpp"
#include "text/rule_vocabulary.hpp"

namespace {

bool read(void* to, std::size_t bytes) { return std::fread(to, 1, bytes, stdin) == bytes; }

std::uint32_t number() {
  std::uint32_t value = 0;
  static_cast<void>(read(&value, sizeof value));
  return value;
}

std::string text() {
  std::string value(number(), '\0');
  static_cast<void>(read(value.data(), value.size()));
  return value;
}

void write(const std::vector<std::int32_t>& values) {
  std::fwrite(values.data(), sizeof values[0], values.size(), stdout);
}

void answer(const espalier::WordPiece& base) {
  std::optional<espalier::WordPiece> tokenizer;
  std::optional<std::uint32_t> last;
  espalier::TokenIds out;
  for (std::uint32_t options = 0; read(&options, sizeof options);) {
    if (options != last) {
      tokenizer.emplace(base.vocabulary(), espalier_test::options_of_bits(options));
      last = options;
    }
    const std::size_t length = number(), texts = number();
    const std::string first = text();
    if (texts == 1) {
      tokenizer->encode(first, length, out);
    } else {
      tokenizer->encode(first, text(), length, out);
    }
    write({static_cast<std::int32_t>(out.ids.size())});
    write(out.ids);
    write(out.types);
  }
}

/// Prints MB/s of a file's lines, one thread, the median of five runs.
void print_speed(const espalier::WordPiece& tokenizer, const std::string& path) {
  const std::string text = espalier::read_file(path);
  std::vector<double> seconds;
  std::vector<std::int32_t> ids;
  std::size_t tokens = 0, bytes = 0;
  for (int run = 0; run < 5; ++run) {
    tokens = bytes = 0;
    const double start = espalier::steady_seconds();
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t end = (std::min)(text.find('\n', i), text.size());
      ids.clear();
      tokenizer.append({text.data() + i, end - i}, ids.max_size(), ids);
      bytes += end - i;
      tokens += end == i ? 0 : ids.size() + 2;
      i = end + 1;
    }
    seconds.push_back(espalier::steady_seconds() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf("espalier:   %.2f MB/s, %zu tokens, %.3f s\n",
              static_cast<double>(bytes) / seconds[2] / 1e6, tokens, seconds[2]);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 4 && std::string(argv[1]) == "--speed") {
      print_speed(espalier::load_word_piece(argv[2]), argv[3]);
      return 0;
    }
    const std::string path = argc > 1 ? argv[1] : "rule";
    answer(path == "rule" ? espalier::WordPiece(espalier_test::rule_vocabulary())
                          : espalier::load_word_piece(path));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
