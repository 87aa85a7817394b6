// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "espalier/core/utf8.hpp"
#include "espalier/report/progress.hpp"

using namespace espalier;

namespace {

ProgressState example() {
  ProgressState state;
  state.epoch = 3;
  state.epochs = 20;
  state.done = 620;
  state.total = 1000;
  state.rate = 31.66;
  state.seconds = 20;
  state.losses = {{"click", 0.51234}, {"long_view", 0.083}, {"café", std::nan("")}};
  return state;
}

/// A temporary stream and the text written to it.
class Stream {
 public:
  [[nodiscard]] std::FILE* file() const { return file_.get(); }
  [[nodiscard]] std::string text() const {
    std::fflush(file());
    std::rewind(file());
    std::string out(static_cast<std::size_t>(65536), '\0');
    out.resize(std::fread(out.data(), 1, out.size(), file()));
    std::fseek(file(), 0, SEEK_END);
    return out;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{std::tmpfile(), &std::fclose};
};

std::size_t count(const std::string& text, char c) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), c));
}

}  // namespace

TEST_CASE("the progress line at some widths") {
  const ProgressState state = example();
  CHECK(format_progress(state, 100) ==
        "epoch 3/20  62% [================>         ]  0:12 left  32/s  click 0.5123  long_view "
        "0.083  "
        "café -");
  CHECK(format_progress(state, 60) ==
        "epoch 3/20  62% [===>  ]  0:12 left  32/s  click 0.5123  ...");
  CHECK(format_progress(state, 36) == "epoch 3/20  62% [===========>      ]");
  CHECK(format_progress(state, 25) == "epoch 3/20  62% [====>  ]");
  CHECK(format_progress(state, 20) == "epoch 3/20  62%");
  CHECK(format_progress(state, 5) == "epoch");
  CHECK(format_progress(state, 60, BarStyle::none) ==
        "epoch 3/20  62%  0:12 left  32/s  click 0.5123  ...");
  CHECK(format_progress(state, 40, BarStyle::unicode) ==
        "epoch 3/20  62% ━━━━╸───  0:12 left  ...");
}

TEST_CASE("the progress line fits any width and loses nothing that fits") {
  for (const BarStyle style : {BarStyle::none, BarStyle::ascii, BarStyle::unicode}) {
    for (const Index done : {0, 1, 500, 999, 1000, 1200}) {
      ProgressState state = example();
      state.done = done;
      std::size_t shown = 0;
      for (int width = 0; width <= 200; ++width) {
        const std::string line = format_progress(state, width, style);
        CHECK(utf8_count(line) <= static_cast<std::size_t>(width));
        CHECK(is_utf8(line));
        CHECK(line.find('\n') == std::string::npos);
        std::size_t words = 0;
        for (const char* word : {"epoch 3/20", "/s", "click", "long_view", "café"}) {
          words += line.find(word) != std::string::npos ? 1U : 0U;
        }
        CHECK(words >= shown);  // a wider line never shows less
        shown = words;
        if (words == 5) CHECK(line.find("...") == std::string::npos);
        if (words == 3) CHECK(line.ends_with("  ..."));  // some losses are left out: "..."
        if (words < 5) CHECK(width < 120);
      }
      CHECK(shown == 5);
    }
  }
}

TEST_CASE("progress at the ends: nothing done, all done, total unknown") {
  ProgressState state = example();
  state.done = 0;
  state.rate = 0;
  CHECK(format_progress(state, 40).starts_with("epoch 3/20   0% [ "));
  state.done = 1000;
  state.rate = 50;
  CHECK(format_progress(state, 60).starts_with("epoch 3/20 100% ["));
  CHECK(format_progress(state, 60).find("0:20  50/s") != std::string::npos);
  CHECK(format_progress(state, 60).find('>') == std::string::npos);
  state.done = 999;
  CHECK(format_progress(state, 60).starts_with("epoch 3/20  99% ["));
  state.total = 0;
  CHECK(format_progress(state, 60).starts_with("epoch 3/20 999  50/s"));
}

TEST_CASE("short numbers and times") {
  CHECK(short_number(0) == "0");
  CHECK(short_number(999.4) == "999");
  CHECK(short_number(999.6) == "1.00k");
  CHECK(short_number(1234) == "1.23k");
  CHECK(short_number(9996) == "10.0k");
  CHECK(short_number(184200) == "184k");
  CHECK(short_number(2.5e6) == "2.50M");
  CHECK(short_number(1e18).ends_with("T"));
  CHECK(short_number(std::nan("")) == "?");
  CHECK(short_time(0) == "0:00");
  CHECK(short_time(59.6) == "1:00");
  CHECK(short_time(754) == "12:34");
  CHECK(short_time(12300) == "3:25:00");
  CHECK(short_time(-1) == "?");
  CHECK(short_time(std::numeric_limits<double>::infinity()) == "?");
}

TEST_CASE("a bar is redrawn at most ten times a second, and at the end") {
  const Stream stream;
  ProgressOptions options;
  options.stream = stream.file();
  options.style = ProgressOptions::Style::bar;
  options.width = 60;
  Progress progress({"click"}, 2, options);
  CHECK(progress.is_bar());
  const double loss = 0.5;
  progress.start_epoch(1, 1000, 0, 100.0);
  for (int i = 1; i < 1000; ++i) progress.update(i, {&loss, 1}, 100.0 + i * 0.001);
  const std::string drawn = stream.text();
  CHECK(count(drawn, '\r') >= 8);
  CHECK(count(drawn, '\r') <= 10);
  CHECK(count(drawn, '\n') == 0);
  progress.finish_epoch(1000, {&loss, 1}, 101.0);
  const std::string done = stream.text().substr(drawn.size());
  CHECK(done.starts_with("\repoch 1/2 100% "));
  CHECK(done.ends_with("0:01  1.00k/s  click 0.5\x1b[K\n"));
}

TEST_CASE("lines instead of a bar come every few seconds, and at the end") {
  const Stream stream;
  ProgressOptions options;
  options.stream = stream.file();
  options.line_seconds = 5;
  Progress progress({"click"}, 2, options);  // a file is not a terminal
  CHECK_FALSE(progress.is_bar());
  const double loss = 0.5;
  // Resumed in the middle of an epoch: the rate counts the samples since then.
  progress.start_epoch(2, 1000, 500, 0.0);
  for (int i = 501; i < 1000; ++i) progress.update(i, {&loss, 1}, (i - 500) * 0.0201);
  progress.say("a word");
  progress.finish_epoch(1000, {&loss, 1}, 10.1);
  CHECK(stream.text() ==
        "epoch 2/2  74%  0:05 left  50/s  click 0.5\n"
        "epoch 2/2  99%  0:00 left  50/s  click 0.5\n"
        "a word\n"
        "epoch 2/2 100%  0:10  50/s  click 0.5\n");
}

TEST_CASE("words go above a bar, which is ended when the progress goes away") {
  const Stream stream;
  {
    ProgressOptions options;
    options.stream = stream.file();
    options.style = ProgressOptions::Style::bar;
    options.width = 40;
    Progress progress({}, 1, options);
    progress.say("before");
    progress.start_epoch(1, 10, 0, 0.0);
    progress.update(5, {}, 1.0);
    progress.say("between");
  }
  const std::string text = stream.text();
  CHECK(text.starts_with("before\n\repoch 1/1  50% "));
  CHECK(text.find("\r\x1b[Kbetween\nepoch 1/1  50% ") != std::string::npos);
  CHECK(text.ends_with("\n"));
  CHECK(count(text, '\n') == 3);
}
