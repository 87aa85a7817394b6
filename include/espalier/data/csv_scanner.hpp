// SPDX-License-Identifier: Apache-2.0
// `Scanner`: splits bytes into CSV fields (RFC 4180), block by block; malformed input is an error
// with file and line.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/data/csv_options.hpp"
#include "espalier/data/csv_values.hpp"
#include "espalier/data/csv_words.hpp"
#include "espalier/data/source.hpp"

namespace espalier::csv_detail {

/// What follows a field.
enum class End : std::uint8_t {
  separator,
  line,
  file,
  more,   ///< not known yet: the block ends inside the field; call retry_row()
  error,  ///< see error() for the message and error_line() for the line
};

class Scanner {
 public:
  static constexpr std::size_t longest_row = std::size_t{64} << 20U;  ///< in bytes
  /// Bytes readable beyond the end; the first of them is set to NUL.
  static constexpr std::size_t padding = 16;

  /// Throws DataError if the file is empty or UTF-16.
  ESPALIER_COLD Scanner(std::unique_ptr<ByteSource> source, std::string name,
                        const CsvOptions& options)
      : source_(std::move(source)),
        name_(std::move(name)),
        separator_(options.separator),
        quote_(options.quote),
        comment_(options.comment),
        trim_(options.trim),
        stops_(separator_, quote_) {
    const Index block = std::clamp(options.block_bytes, Index{16}, static_cast<Index>(longest_row));
    buffer_.resize(static_cast<std::size_t>(block) + padding);
    at_ = row_ = end_ = buffer_.data();
    load();
    const std::string_view start = rest();
    if (start.empty() || start == "\xEF\xBB\xBF") {
      throw_error<DataError>({name_, ": the file is empty, expected ",
                              (options.header ? "a line that names the columns" : "rows")});
    }
    if (start.starts_with("\xEF\xBB\xBF")) at_ += 3;
    if (start.starts_with("\xFF\xFE") || start.starts_with("\xFE\xFF")) {
      throw_error<DataError>({name_, ": the file is UTF-16, expected UTF-8"});
    }
  }

  /// Starts a row, after any comment lines. Returns false at the end of the file.
  [[nodiscard]] bool begin_row() {
    for (;;) {
      row_ = at_;
      row_line_ = line_;
      if (at_ == end_ && !whole_) load();
      if (at_ == end_) return false;
      if (*at_ != comment_ || comment_ == '\0') return true;
      skip_line();
    }
  }

  /// Returns to the start of the row and loads more of the file. Returns false and sets error() if
  /// the row is too long.
  [[nodiscard]] bool retry_row() {
    rewind_row();
    if (static_cast<std::size_t>(end_ - row_) > longest_row) {
      static_cast<void>(fail(
          row_line_, "a row longer than 64 MiB, expected a quote to be closed or a line to end"));
      return false;
    }
    load();
    return true;
  }

  /// Returns to the start of the row.
  void rewind_row() {
    at_ = row_;
    line_ = row_line_;
  }

  /// Skips `count` lines, whatever they contain.
  ESPALIER_COLD void skip_lines(Index count) {
    for (; count > 0 && !(at_ == end_ && whole_); --count) {
      row_ = at_;
      row_line_ = line_;
      skip_line();
    }
  }

  /// Abandons the row: continues at the line after the one where the row starts.
  ESPALIER_COLD void skip_line() {
    at_ = row_;
    line_ = row_line_ + 1;
    for (;;) {
      const void* found = std::memchr(at_, '\n', static_cast<std::size_t>(end_ - at_));
      if (found != nullptr) {
        at_ = static_cast<const char*>(found) + 1;
        return;
      }
      row_ = at_ = end_;
      if (whole_) return;
      load();
    }
  }

  /// Reads a field that is a plain number, the usual case. Returns false and reads nothing if the
  /// field is anything else.
  [[nodiscard]] bool number(double& value, End& end) {
    const char* q = trim_ ? skip_blanks(at_) : at_;
    const char* const begin = q;
    const bool negative = *q == '-';
    q += negative ? 1 : 0;
    ShortNumber number = has_words ? short_number(q) : ShortNumber();
    if (number.length == 0) number = longer_number(q);
    if (number.length == 0) return false;
    q += number.length;
    const char* const stop = q;
    if (*q == separator_) {
      end = End::separator;
    } else if (*q == '\n' || (*q == '\r' && q[1] == '\n')) {
      end = End::line;
      ++line_;
      q += *q == '\r' ? 1 : 0;
    } else {
      return false;
    }
    // Correctly rounded: an integer below 10^15 < 2^53, divided by a power of ten that is also
    // exact.
    static constexpr double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                        1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const double v =
        static_cast<double>(static_cast<std::int64_t>(number.digits)) / powers[number.decimals];
    value = negative ? -v : v;
    number_ = {begin, static_cast<std::size_t>(stop - begin)};
    at_ = q + 1;
    return true;
  }

  /// Reads the next field of the row. `quoted`: the field was quoted. The field is valid until the
  /// next row, and `padding` bytes from its start are readable; but if copied(field), it is valid
  /// only until the next field, without padding.
  [[nodiscard]] End field(std::string_view& field, bool& quoted) {
    const char* q = at_;
    if (trim_) q = skip_blanks(q);
    quoted = *q == quote_ && quote_ != '\0' && q != end_;
    if (quoted) {
      const End problem = quoted_value(q, field);
      if (problem != End::separator) return problem;
    } else {
      const char* const from = q;
      q = end_of_value(q);
      field = {from, static_cast<std::size_t>(q - from)};
      if (trim_) {
        while (!field.empty() && (field.back() == ' ' || field.back() == '\t'))
          field.remove_suffix(1);
      }
    }
    if (*q == separator_) {
      at_ = q + 1;
      return End::separator;
    }
    return end_of_field(q, field);
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] Index error_line() const { return error_line_; }
  [[nodiscard]] bool copied(std::string_view field) const {
    return field.data() == unquoted_.data();
  }
  [[nodiscard]] Index row_line() const { return row_line_; }
  /// The text of the field that number() has just read.
  [[nodiscard]] std::string_view number_text() const { return number_; }
  [[nodiscard]] ESPALIER_COLD std::string where(Index line) const {
    return name_ + ":" + std::to_string(line) + ": ";
  }

 private:
  static std::size_t byte(char c) { return static_cast<unsigned char>(c); }
  static unsigned digit(char c) {
    return static_cast<unsigned>(static_cast<unsigned char>(c)) - '0';
  }
  [[nodiscard]] std::string_view rest() const {
    return {at_, static_cast<std::size_t>(end_ - at_)};
  }

  /// A number of at most 15 digits, with or without a decimal point, without a sign.
  static ShortNumber longer_number(const char* q) {
    ShortNumber number;
    const char* const first = q;
    for (unsigned d = digit(*q); d <= 9; d = digit(*++q)) number.digits = 10 * number.digits + d;
    std::ptrdiff_t count = q - first, decimals = 0;
    if (*q == '.') {
      const char* const point = ++q;
      for (unsigned d = digit(*q); d <= 9; d = digit(*++q)) number.digits = 10 * number.digits + d;
      decimals = q - point;
      count += decimals;
    }
    if (count == 0 || count > 15) return {};
    number.decimals = static_cast<unsigned>(decimals);
    number.length = static_cast<unsigned>(q - first);
    return number;
  }

  [[nodiscard]] const char* end_of_value(const char* q) const {
    if constexpr (has_words) return stops_.find(q);
    while (*q != separator_ && *q != quote_ && *q != '\n' && *q != '\r' && *q != '\0') ++q;
    return q;
  }

  const char* skip_blanks(const char* q) const {
    while ((*q == ' ' || *q == '\t') && *q != separator_) ++q;
    return q;
  }

  End fail(Index line, const std::string& what) {
    error_ = what;
    error_line_ = line;
    return End::error;
  }

  /// Reads a quoted value. `q` starts at the opening quote and is after the closing one on success
  /// (End::separator).
  End quoted_value(const char*& q, std::string_view& field) {
    unquoted_.clear();
    bool copied = false;
    const Index started = line_;
    const char* from = ++q;
    for (;;) {
      const void* found = std::memchr(q, quote_, static_cast<std::size_t>(end_ - q));
      if (found == nullptr) {
        if (!whole_) return End::more;
        return fail(started,
                    "a quoted value without an end, expected a closing " + shown_separator(quote_));
      }
      const char* const close = static_cast<const char*>(found);
      if (const void* nul = std::memchr(q, '\0', static_cast<std::size_t>(close - q))) {
        line_ += std::count(q, static_cast<const char*>(nul), '\n');
        return nul_byte(static_cast<const char*>(nul));
      }
      line_ += std::count(q, close, '\n');
      q = close + 1;
      if (*q != quote_ || q == end_) {
        field = {from, static_cast<std::size_t>(close - from)};
        break;
      }
      unquoted_.append(from, q);
      copied = true;
      from = ++q;
    }
    if (copied) field = unquoted_.append(field);
    if (trim_) q = skip_blanks(q);
    if (*q == separator_ || *q == '\n' || *q == '\r' || *q == '\0') return End::separator;
    if (end_ - q < 4 && !whole_) return End::more;
    std::string_view after(q, 1);
    for (std::size_t n = 1; q + n < end_ && (byte(q[n]) & 0xC0U) == 0x80U && n < 4; ++n)
      after = {q, n + 1};
    return fail(line_, "'" + shown(after) + "' after a closing quote, expected " +
                           shown_separator(separator_) + " or the end of the line");
  }

  /// `*q` is not a separator.
  End end_of_field(const char* q, std::string_view field) {
    if (*q == '\r') {
      if (q + 1 == end_ && !whole_) return End::more;
      if (q + 1 == end_ || q[1] != '\n')
        return fail(line_,
                    "a carriage return without a line feed, expected lines to end in LF or CR LF");
      ++q;
    }
    if (*q == '\n') {
      at_ = q + 1;
      ++line_;
      return End::line;
    }
    if (q == end_) {
      if (!whole_) return End::more;
      at_ = q;
      return End::file;
    }
    if (*q == '\0') return nul_byte(q);
    return fail(line_, "a quote inside the unquoted value '" + shown(field) +
                           std::string(1, quote_) +
                           "', expected the whole value in quotes and those in it doubled");
  }

  ESPALIER_COLD End nul_byte(const char* at) {
    return fail(line_,
                "a NUL byte at byte " +
                    std::to_string(dropped_ + static_cast<std::uint64_t>(at - buffer_.data())) +
                    ", expected text");
  }

  /// Moves the bytes of the current row to the start of the buffer and reads more of the file after
  /// them.
  void load() {
    const auto used = static_cast<std::size_t>(row_ - buffer_.data());
    const auto kept = static_cast<std::size_t>(end_ - row_);
    const auto ahead = static_cast<std::size_t>(at_ - row_);
    dropped_ += used;
    if (used > 0 && kept > 0) std::memmove(buffer_.data(), row_, kept);
    if (kept + padding >= buffer_.size()) {
      buffer_.resize((std::min)(2 * buffer_.size(), longest_row + 1 + padding));
    }
    const std::size_t room = buffer_.size() - padding - kept;
    const std::size_t fresh = source_->read(std::span(buffer_).subspan(kept, room));
    whole_ = fresh < room;
    row_ = buffer_.data();
    at_ = row_ + ahead;
    end_ = row_ + kept + fresh;
    buffer_[kept + fresh] = '\0';  // ends every scanning loop
  }

  std::unique_ptr<ByteSource> source_;
  std::string name_;
  char separator_, quote_, comment_;
  bool trim_;
  Stops stops_;
  bool whole_ = false;  ///< the source has no more bytes
  std::vector<char> buffer_;
  const char *at_ = nullptr, *row_ = nullptr, *end_ = nullptr;
  Index line_ = 1, row_line_ = 1, error_line_ = 1;
  std::uint64_t dropped_ = 0;  ///< bytes of the file before the buffer
  std::string_view number_;
  std::string unquoted_, error_;
};

}  // namespace espalier::csv_detail
