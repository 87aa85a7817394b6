// SPDX-License-Identifier: Apache-2.0
// Search spaces and the schedules that strategies make of them.
#include <doctest/doctest.h>

#include <limits>
#include <map>
#include <set>

#include "search/made_up_search.hpp"

using namespace espalier_test;

TEST_CASE("space: what cannot be searched is refused with a sentence") {
  const auto said = [](std::vector<search::Parameter> parameters) {
    return message_of([&] { search::Space{std::move(parameters)}; });
  };
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(said({}) == "search space: it has no parameter, expected at least one");
  CHECK(said({search::uniform("", 0, 1)}) == "search space: a parameter has no name");
  CHECK(said({search::uniform("x", 3, 3)}) ==
        "search space: parameter 'x' goes from 3 to 3, expected low below high");
  CHECK(said({search::integer("n", 5, 4)}) ==
        "search space: parameter 'n' goes from 5 to 4, expected low below high");
  CHECK(said({search::log_uniform("x", 0, 1)}) ==
        "search space: parameter 'x' goes from 0 to 1 by logarithm, expected low above 0");
  CHECK(said({search::log_integer("x", -1, 1)}) ==
        "search space: parameter 'x' goes from -1 to 1 by logarithm, expected low above 0");
  CHECK(said({search::uniform("x", 0, infinity)}) ==
        "search space: parameter 'x' goes from 0 to inf, expected finite numbers");
  CHECK(said({search::uniform("x", std::nan(""), 1)}).find("expected finite numbers") !=
        std::string::npos);
  CHECK(said({search::uniform("x", -1.7e308, 1.7e308)}).find("expected finite numbers") !=
        std::string::npos);
  CHECK(said({search::integer("x", 0, std::int64_t{1} << 60)})
            .ends_with("expected integers within 2^52"));
  CHECK(said({search::choice("c", {})}) ==
        "search space: parameter 'c' has nothing to choose from");
  CHECK(said({search::choice("c", {1, "a", 1})}) ==
        "search space: parameter 'c' has the choice 1 twice");
  CHECK(
      said({search::choice("c", {true})}) ==
      "search space: parameter 'c' has the choice true, expected finite numbers or texts in UTF-8");
  CHECK(said({search::choice("c", {std::nan("")})}).find("has the choice null") !=
        std::string::npos);
  CHECK(said({search::choice("c", {"\xff"})}).find("texts in UTF-8") != std::string::npos);
  CHECK(said({search::uniform("x", 0, 1), search::integer("y", 0, 1), search::choice("x", {1})}) ==
        "search space: parameter 'x' is there twice");
}

TEST_CASE("space: samples lie in their ranges and cover them evenly") {
  const search::Space space{search::uniform("u", -2, 6), search::log_uniform("l", 1e-4, 1),
                            search::integer("i", -1, 2), search::log_integer("s", 1, 8),
                            search::choice("c", {0.5, "a", "b"})};
  constexpr int n = 4000;
  std::map<double, int> integers, sizes;
  std::map<std::string, int> choices;
  int low_u = 0, low_l = 0;
  for (int t = 0; t < n; ++t) {
    const search::Trial trial{t, space.sample(7, t)};
    CHECK((trial.real("u") >= -2 && trial.real("u") < 6));
    CHECK((trial.real("l") >= 1e-4 && trial.real("l") <= 1));
    low_u += trial.real("u") < 2 ? 1 : 0;
    low_l += trial.real("l") < 1e-2 ? 1 : 0;
    ++integers[trial.integer("i")];
    ++sizes[trial.integer("s")];
    ++choices[trial.values.at("c").dump()];
  }
  CHECK(low_u == doctest::Approx(n / 2).epsilon(0.07));
  CHECK(low_l == doctest::Approx(n / 2).epsilon(0.07));
  REQUIRE(integers.size() == 4);
  for (const auto& [value, count] : integers) CHECK(count == doctest::Approx(n / 4).epsilon(0.12));
  REQUIRE(sizes.size() == 8);  // log scale: the probability of 1 is proportional to log(1.5 / 0.5)
  CHECK(sizes[1] == doctest::Approx(n * std::log(3) / std::log(17)).epsilon(0.12));
  CHECK(sizes[8] == doctest::Approx(n * std::log(8.5 / 7.5) / std::log(17)).epsilon(0.3));
  REQUIRE(choices.size() == 3);
  for (const auto& [value, count] : choices) CHECK(count == doctest::Approx(n / 3).epsilon(0.1));
}

TEST_CASE("space: whole numbers around zero are never −0") {
  const search::Space space{search::integer("i", -1, 3)};
  for (int t = 0; t < 200; ++t) CHECK(space.sample(1, t).at("i").dump() != "-0");
  const search::Parameter around = search::integer("i", -1, 1);
  for (const int points : {3, 5, 7, 8}) {
    for (const esp::Json& value : around.grid(points)) CHECK(value.dump() != "-0");
  }
}

TEST_CASE("space: a value depends on seed, number and its own name alone") {
  const search::Space one{search::uniform("x", 0, 1)},
      two{search::uniform("y", 0, 1), search::uniform("x", 0, 1)};
  std::set<double> seen;
  for (int t = 0; t < 20; ++t) {
    CHECK(one.sample(3, t).at("x") == two.sample(3, t).at("x"));
    CHECK(two.sample(3, t).at("x") != two.sample(3, t).at("y"));
    CHECK(one.sample(3, t) != one.sample(4, t));
    seen.insert(one.sample(3, t).at("x").as_number());
  }
  CHECK(seen.size() == 20);
  const auto shorter = search::Random{.trials = 5, .seed = 9}.schedule(two),
             longer = search::Random{.trials = 8, .seed = 9}.schedule(two);
  CHECK(std::equal(shorter.values.begin(), shorter.values.end(), longer.values.begin()));
}

TEST_CASE("strategies: no point is a trial twice, and a small space ends with all of them") {
  const search::Space small{search::choice("c", {"a", "b"}), search::integer("n", 1, 3)};
  CHECK(small.points() == 6);
  CHECK(small.all_points().size() == 6);
  const auto texts = [](const search::Schedule& made) {
    std::vector<std::string> found;
    for (const esp::Json& v : made.values) found.push_back(v.dump());
    return found;
  };
  const search::Schedule all = search::Random{.trials = 40}.schedule(small);
  CHECK(all.values.size() == 6);
  REQUIRE(all.rungs.size() == 1);
  CHECK(all.rungs[0].trials == 6);
  CHECK(all.note == "the space has 6 points: each is a trial, where 40 were asked for");
  const std::vector<std::string> found = texts(all);
  CHECK(std::set<std::string>(found.begin(), found.end()).size() == 6);
  for (int trials = 1; trials <= 6; ++trials) {  // a longer search starts like a shorter one
    const search::Schedule made = search::Random{.trials = trials}.schedule(small);
    CHECK(made.note.empty());
    CHECK(texts(made) == std::vector<std::string>(found.begin(), found.begin() + trials));
  }
  // The ends of a wide log range are drawn once in thousands of draws; all are found nevertheless.
  const search::Space rare{search::log_integer("n", 1, 3000)};
  const std::vector<std::string> many = texts(search::Random{.trials = 3000}.schedule(rare));
  CHECK(many.size() == 3000);
  CHECK(std::set<std::string>(many.begin(), many.end()).size() == 3000);
  const std::vector<std::string> fewer = texts(search::Random{.trials = 2990}.schedule(rare));
  CHECK(std::equal(fewer.begin(), fewer.end(), many.begin()));
  const search::Schedule halved = search::SuccessiveHalving{.trials = 27}.schedule(small);
  CHECK(halved.rungs[0].trials == 6);
  CHECK(halved.rungs[1].trials == 2);
  CHECK(halved.note.starts_with("the space has 6 points"));
  CHECK(search::Space{search::uniform("x", 0, 1)}.points() ==
        std::numeric_limits<double>::infinity());
  CHECK(search::Random{.trials = 500}
            .schedule(search::Space{search::uniform("x", 0, 1)})
            .values.size() == 500);
}

TEST_CASE("trial: a value is had by name and kind") {
  const search::Trial trial{0, esp::Json::parse(R"({"rate":0.001,"layers":3,"balance":"mgda"})")};
  CHECK(trial.real("rate") == 0.001);
  CHECK(trial.integer("layers") == 3);
  CHECK(trial.text("balance") == "mgda");
  CHECK(trial.describe() == "rate 0.001, layers 3, balance mgda");
  CHECK(message_of([&] { static_cast<void>(trial.real("lr")); }) ==
        "trial: no parameter 'lr', expected one of 'rate', 'layers', 'balance'");
  CHECK(message_of([&] { static_cast<void>(trial.real("balance")); }) ==
        "trial: parameter 'balance' is \"mgda\", expected a number");
  CHECK(message_of([&] { static_cast<void>(trial.text("rate")); }) ==
        "trial: parameter 'rate' is 0.001, expected a text");
  CHECK(message_of([&] { static_cast<void>(trial.integer("rate")); }) ==
        "trial: parameter 'rate' is 0.001, expected a whole number within an int");
}

TEST_CASE("grid: every combination once, the last parameter fastest") {
  const search::Space space{search::log_uniform("l", 1e-3, 1e-1), search::integer("i", 1, 2),
                            search::choice("c", {"a", "b"})};
  const search::Schedule made = search::Grid{.points = 3, .budget = 4}.schedule(space);
  REQUIRE(made.values.size() == 3 * 2 * 2);
  CHECK(made.values[0].dump() == R"({"l":0.001,"i":1,"c":"a"})");
  CHECK(made.values[1].dump() == R"({"l":0.001,"i":1,"c":"b"})");
  CHECK(made.values[2].dump() == R"({"l":0.001,"i":2,"c":"a"})");
  CHECK(made.values[4].at("l").as_number() == doctest::Approx(0.01));
  CHECK(made.values[11].dump() == R"({"l":0.1,"i":2,"c":"b"})");
  REQUIRE(made.rungs.size() == 1);
  CHECK(made.rungs[0].budget == 4);
  const auto middle = search::Grid{.points = 1}.schedule(search::Space{search::uniform("u", 2, 4)});
  REQUIRE(middle.values.size() == 1);
  CHECK(middle.values[0].at("u").as_number() == 3);
}

TEST_CASE("successive halving: budgets and numbers of trials, rung by rung") {
  const search::Space space{search::uniform("x", 0, 1)};
  const auto rungs = [&](const search::SuccessiveHalving& strategy) {
    std::string text;
    for (const search::Rung& r : strategy.schedule(space).rungs)
      text += std::to_string(r.trials) + "x" + std::to_string(r.budget) + " ";
    return text;
  };
  CHECK(rungs({.trials = 27, .eta = 3, .min_budget = 1, .max_budget = 9}) == "27x1 9x3 3x9 ");
  CHECK(rungs({.trials = 81, .eta = 3, .min_budget = 1, .max_budget = 81}) ==
        "81x1 27x3 9x9 3x27 1x81 ");
  CHECK(rungs({.trials = 10, .eta = 2, .min_budget = 2, .max_budget = 20}) ==
        "10x3 5x5 2x10 1x20 ");
  CHECK(rungs({.trials = 2, .eta = 4, .min_budget = 1, .max_budget = 16}) == "2x1 1x4 1x16 ");
  CHECK(rungs({.trials = 5, .eta = 2, .min_budget = 7, .max_budget = 7}) == "5x7 ");
}

TEST_CASE("strategies: settings that cannot be are refused") {
  const search::Space space = made_up_space();
  const auto said = [&](const auto& strategy) {
    return message_of([&] { static_cast<void>(strategy.schedule(space)); });
  };
  CHECK(said(search::Grid{.points = 0}) == "grid search: points is 0, expected 1 or more");
  CHECK(said(search::Grid{.points = 1000}) ==
        "grid search: there are more than a million combinations, expected fewer");
  CHECK(said(search::Grid{.points = 2000000000}) ==
        "grid search: there are more than a million combinations, expected fewer");
  CHECK(said(search::Grid{.budget = -1}) == "grid search: budget is -1, expected 0 or more");
  CHECK(said(search::Random{.trials = 0}) == "random search: trials is 0, expected 1 or more");
  CHECK(said(search::SuccessiveHalving{.eta = 1}) ==
        "successive halving: eta is 1, expected 2 or more");
  CHECK(said(search::SuccessiveHalving{.min_budget = 0}) ==
        "successive halving: min_budget is 0, expected 1 or more");
  CHECK(said(search::SuccessiveHalving{.min_budget = 5, .max_budget = 4}) ==
        "successive halving: max_budget is 4, expected 5 or more");
}
