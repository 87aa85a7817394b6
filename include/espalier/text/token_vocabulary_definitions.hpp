// SPDX-License-Identifier: Apache-2.0
// Definitions of token_vocabulary.hpp.
#pragma once

#include "espalier/text/token_vocabulary.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/utf8.hpp"
#include "espalier/text/json_member.hpp"
#include "espalier/text/unicode.hpp"

namespace espalier {

namespace vocabulary_detail {

/// `text` without white space at its end.
[[nodiscard]] inline std::string_view trimmed(std::string_view text) {
  const UnicodePages& pages = unicode_pages();
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 &&
           (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) {
      --start;
    }
    std::size_t i = start;
    const std::uint32_t last = next_code_point(text, i);
    if (i != text.size() || !pages[last].white_space) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

}  // namespace vocabulary_detail

ESPALIER_COLD ESPALIER_INLINE
TokenVocabulary::TokenVocabulary(const std::vector<std::string>& tokens, std::string_view what)
    : what_(what) {
  for (const std::string& token : tokens) add(token, false);
  if (tokens.empty()) throw_error<DataError>({what_, ": expected tokens, found none"});
}

ESPALIER_COLD ESPALIER_INLINE TokenVocabulary TokenVocabulary::parse(std::string_view text,
                                                                     std::string_view what) {
  TokenVocabulary made;
  made.what_ = what;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = (std::min)(text.find('\n'), text.size());
    made.add(vocabulary_detail::trimmed(text.substr(0, end)), true);
    text.remove_prefix((std::min)(end + 1, text.size()));
  }
  if (made.size() == 0) throw_error<DataError>({what, ": expected a token a line, found none"});
  return made;
}

ESPALIER_COLD ESPALIER_INLINE TokenVocabulary TokenVocabulary::read(const std::string& path) {
  const InputFile file(path);
  if (file.size() > max_file_bytes) {
    throw_error<DataError>(
        {path, ": a vocabulary of ", file.size(), " bytes, expected at most ", max_file_bytes});
  }
  return parse(read_file(path), path);
}

ESPALIER_COLD ESPALIER_INLINE void TokenVocabulary::add(std::string_view token, bool lines) {
  const std::size_t id = size();
  const auto fail = [&](const std::string& problem) {
    if (lines) throw_error<DataError>({what_, ":", id + 1, ": ", problem});
    throw_error<DataError>({what_, ": token ", id, ": ", problem});
  };
  if (id == max_tokens) fail(message({"expected at most ", max_tokens, " tokens"}));
  if (token.empty()) fail("expected a token, found none");
  if (token.size() > max_token_bytes) {
    fail(message({"a token of ", token.size(), " bytes, expected at most ", max_token_bytes}));
  }
  if (!is_utf8(token)) fail("expected UTF-8");
  const auto known = static_cast<std::size_t>(tokens_.code(token));
  if (known != id) {
    const std::size_t first = lines ? known + 1 : known;
    fail(message({"the token ", in_quotes(token), " is there already, ",
                  lines ? "in line " : "as token ", first}));
  }
  longest_ = (std::max)(longest_, token.size());
}

}  // namespace espalier
