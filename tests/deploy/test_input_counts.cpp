// SPDX-License-Identifier: Apache-2.0
// A predictor counts how often its inputs differ from the training data.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "espalier/deploy/predictor.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

struct Served : esp::MultiTaskModel<esp::Inputs<esp::Numeric<"x">, esp::Categorical<"user", 4>>,
                                    esp::SharedBottom<esp::Mlp<8>>, Click> {};

/// x in [−2, 2], users u0 to u9.
const std::string& saved() {
  static const TemporaryFolder folder{TemporaryFolder::Where::in_memory};
  static const std::string path = [] {
    esp::Table table;
    std::vector<double> x, click;
    std::vector<std::string> user;
    for (int i = 0; i < 200; ++i) {
      x.push_back(-2 + 4.0 * i / 199);
      click.push_back(i % 2);
      user.push_back("u" + std::to_string(i % 10));
    }
    table.add("x", x);
    table.add("user", user);
    table.add("click", click);
    esp::Trainer<Served> trainer(quick_options());
    trainer.fit(esp::Dataset(std::move(table)));
    trainer.save(folder / "model.safetensors");
    return folder / "model.safetensors";
  }();
  return path;
}

std::string said(const esp::PlanPredictor& predictor) {
  std::string text;
  for (const esp::InputCounts& c : predictor.input_counts()) {
    text += c.input + " " + std::to_string(c.rows) + " " + std::to_string(c.missing) + " " +
            std::to_string(c.unknown) + " " + std::to_string(c.outside) + "; ";
  }
  return text;
}

}  // namespace

TEST_CASE(
    "predictor: a name and a text that are used again make the same predictions as given apart") {
  const esp::Predictor<Served> predictor(saved());
  const std::vector<float> expected = predictor.predict_row({{"x", 1.5}, {"user", "u3"}});
  std::vector<esp::NamedValue> row;
  std::string name = "user", value = "u3";
  row.push_back({name, value});
  name = "x";
  value = "u7";  // overwritten for the next value
  row.push_back({name, 1.5});
  CHECK(same_bits(predictor.predict_row(row), expected));
  row.clear();
  for (const auto& [key, text] :
       std::vector<std::pair<std::string, std::string>>{{"user", "u3"}, {"x", "1.5"}}) {
    name = key;
    value = text;
    if (name == "x") {
      row.push_back({name, std::stod(value)});
    } else {
      row.push_back({name, value});
    }
  }
  CHECK(same_bits(predictor.predict_row(row), expected));
  CHECK_FALSE(same_bits(predictor.predict_row({{"x", 1.5}, {"user", "u7"}}), expected));
}

TEST_CASE("input counts: by input, of rows and of tables") {
  const esp::Predictor<Served> predictor(saved());
  CHECK(said(predictor) == "x 0 0 0 0; user 0 0 0 0; ");
  static_cast<void>(predictor.predict_row({{"x", 1.0}, {"user", "u3"}}));
  CHECK(said(predictor) == "x 1 0 0 0; user 1 0 0 0; ");
  static_cast<void>(predictor.predict_row({{"user", "u99"}}));
  // Exactly one range width above the maximum is not counted.
  static_cast<void>(predictor.predict_row({{"x", 6.0}}));
  static_cast<void>(predictor.predict_row({{"x", 6.01}}));
  CHECK(said(predictor) == "x 4 1 0 1; user 4 2 1 0; ");
  esp::Table table;
  table.add("x", std::vector<double>{0, -100, std::nan(""), 1});
  table.add("user", std::vector<std::string>{"u1", "", "nobody", "u2"});
  static_cast<void>(predictor.predict(esp::Dataset(table)));
  CHECK(said(predictor) == "x 8 2 0 2; user 8 3 2 0; ");
  // A rejected row is not counted.
  CHECK(message_of([&] {
          static_cast<void>(predictor.predict_row({{"usr", "u1"}}));
        }) != "accepted");
  table.remove("user");
  CHECK(message_of([&] { static_cast<void>(predictor.predict(esp::Dataset(table))); }) !=
        "accepted");
  CHECK(said(predictor) == "x 8 2 0 2; user 8 3 2 0; ");
}

TEST_CASE("input counts: strict and clamped") {
  const esp::Predictor<Served> strict(saved(), {.strict = true}), clamped(saved(), {.clamp = true}),
      plain(saved());
  CHECK(message_of([&] {
          static_cast<void>(strict.predict_row({{"x", 1.0}, {"user", "u99"}}));
        }) ==
        "input 'user' is 'u99', expected what the vocabulary has, learnt from the training split");
  CHECK(message_of([&] {
          static_cast<void>(strict.predict_row({{"user", "u9"}}));
        }) == "input 'x' is missing, expected a value");
  esp::Table table;
  table.source = "new";
  table.add("x", std::vector<double>{0, 9});
  table.add("user", std::vector<std::string>{"u1", "u1"});
  CHECK(message_of([&] { static_cast<void>(strict.predict(esp::Dataset(table))); }) ==
        "new, row 2: column 'x' is 9, far outside of what the training split has: -2 to 2");
  CHECK(said(strict) == "x 0 0 0 0; user 0 0 0 0; ");
  CHECK(same_bits(strict.predict_row({{"x", 1.0}, {"user", "u9"}}),
                  plain.predict_row({{"x", 1.0}, {"user", "u9"}})));
  CHECK(same_bits(clamped.predict_row({{"x", 9.0}, {"user", "u9"}}),
                  plain.predict_row({{"x", 2.0}, {"user", "u9"}})));
  CHECK_FALSE(same_bits(plain.predict_row({{"x", 9.0}, {"user", "u9"}}),
                        plain.predict_row({{"x", 2.0}, {"user", "u9"}})));
  CHECK(said(clamped) == "x 1 0 0 1; user 1 0 0 0; ");
  const esp::Predictor<Served> narrow(saved(), esp::Precision::Bf16);
  const esp::Predictor<Served> both(saved(), {.precision = esp::Precision::Bf16, .strict = true});
  CHECK(both.parameter_bytes() == narrow.parameter_bytes());
  CHECK(both.parameter_bytes() < plain.parameter_bytes());
}

TEST_CASE("input counts: a line when more than a share of the last rows was not as in training") {
  std::vector<std::string> lines;
  const esp::Predictor<Served> predictor(
      saved(), {.warnings = {.warn = [&](const std::string& line) { lines.push_back(line); },
                             .share = 0.25,
                             .rows = 8}});
  const auto rows = [&](int count, const char* user, double x) {
    for (int i = 0; i < count; ++i)
      static_cast<void>(predictor.predict_row({{"user", user}, {"x", x}}));
  };
  rows(2, "u99", 0);
  rows(6, "u1", 0);  // 2 of 8 do not exceed the share of 0.25
  CHECK(lines.empty());
  rows(3, "u99", 0);
  rows(4, "u1", std::nan(""));
  CHECK(lines.empty());
  rows(1, "u1", 99);
  CHECK(lines == std::vector<std::string>{"input 'x': 4 of 8 rows missing",
                                          "input 'user': 3 of 8 rows not in the vocabulary"});
  rows(8, "u1", 0);
  CHECK(lines.size() == 2);
  esp::Table table;
  table.add("x", std::vector<double>(20, 50.0));
  table.add("user", std::vector<std::string>(20, "u1"));
  static_cast<void>(predictor.predict(esp::Dataset(table)));
  CHECK(lines.size() == 3);
  CHECK(lines.back() == "input 'x': 20 of 20 rows far outside of the training split's numbers");
  CHECK(message_of([&] { esp::Predictor<Served>(saved(), {.warnings = {.share = 1.5}}); }) ==
        "warnings.share is 1.5, expected 0 to 1");
  CHECK(message_of([&] { esp::Predictor<Served>(saved(), {.warnings = {.rows = 0}}); }) ==
        "warnings.rows is 0, expected 1 or more");
}

TEST_CASE("input counts: nothing is lost between threads") {
  std::atomic<std::int64_t> warned{0};
  const esp::Predictor<Served> predictor(
      saved(),
      {.warnings = {.warn = [&](const std::string&) { ++warned; }, .share = 0.01, .rows = 50}});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 250; ++i)
        static_cast<void>(
            predictor.predict_row({{"user", i % 5 == 0 ? "u99" : "u1"}, {"x", i % 2 ? 0 : 99}}));
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(said(predictor) == "x 1000 0 0 500; user 1000 0 200 0; ");
  CHECK(warned > 0);
  CHECK(warned <= 2 * 20);
}
