// SPDX-License-Identifier: Apache-2.0
// tokenize <file or folder>: for a record of standard input, its token ids to standard output. For
// tests/golden/wordpiece.py, which compares them with the reference's.
//
// A record is the options, the number of tokens, the number of texts and the texts, each with its
// number of bytes; the answer is the number of tokens, their ids and types. Numbers are of 4 bytes.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "espalier/text/tokenizer_file.hpp"
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

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string path = argc > 1 ? argv[1] : "rule";
    answer(path == "rule" ? espalier::WordPiece(espalier_test::rule_vocabulary())
                          : espalier::load_word_piece(path));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
