// SPDX-License-Identifier: Apache-2.0
// Searches over a known function: the optimum is found, failures are reported, and the number of
// concurrent runs has no effect.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>

#include "espalier/core/file.hpp"
#include "search/made_up_search.hpp"
#include "support/captured_stderr.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

TEST_CASE("search: a grid finds the point of it that is best") {
  const search::Result result =
      search::run(made_up_space(), search::Grid{.points = 7}, {distance, 3}, quiet());
  CHECK(result.outcomes.size() == 7 * 7 * 4 * 3);
  CHECK(result.run == 7 * 7 * 4 * 3 * 3);
  const search::Outcome best = result.best();
  CHECK(best.trial.real("rate") == doctest::Approx(1e-2));
  CHECK(best.trial.real("weight") == doctest::Approx(1));
  CHECK(best.trial.integer("layers") == 2);
  CHECK(best.trial.text("balance") == "mgda");
  CHECK(best.mean == doctest::Approx(0.01));
  CHECK(best.deviation == doctest::Approx(0.01));
}

TEST_CASE("search: random trials are ranked by mean, the other way round when that is the goal") {
  const search::Objective least{distance}, most{distance, 1, search::Goal::maximize};
  const search::Random strategy{.trials = 50, .seed = 3};
  const auto down = search::run(made_up_space(), strategy, least, quiet()),
             up = search::run(made_up_space(), strategy, most, quiet());
  const auto a = down.ranking(), b = up.ranking();
  REQUIRE(a.size() == 50);
  for (std::size_t i = 0; i < 50; ++i) CHECK(a[i].trial.number == b[49 - i].trial.number);
  CHECK(std::is_sorted(a.begin(), a.end(),
                       [](const auto& x, const auto& y) { return x.mean < y.mean; }));
  CHECK(std::isnan(a[0].deviation));
  for (const auto& o : down.outcomes) CHECK(o.mean == distance(o.trial, {}));
}

TEST_CASE("search: successive halving spends the large budgets on the best of the small ones") {
  std::atomic<int> spent{0};
  const search::Objective objective{[&](const search::Trial& t, const search::FoldRun& f) {
    spent += f.budget;
    return distance(t, f);
  }};
  const search::SuccessiveHalving strategy{
      .trials = 27, .eta = 3, .min_budget = 1, .max_budget = 9, .seed = 5};
  const search::Result result = search::run(made_up_space(), strategy, objective, quiet());
  CHECK(spent == 27 * 1 + 9 * 3 + 3 * 9);
  CHECK(result.outcomes.size() == 27 + 9 + 3);
  const auto all =
      search::run(made_up_space(), search::Random{.trials = 27, .seed = 5}, {distance}, quiet())
          .ranking();
  const auto ranked = result.ranking();  // the order is the same for every budget
  REQUIRE(ranked.size() == 27);
  for (std::size_t i = 0; i < 27; ++i) {
    CHECK(ranked[i].trial.number == all[i].trial.number);
    CHECK(ranked[i].budget == (i < 3 ? 9 : i < 9 ? 3 : 1));
  }
}

TEST_CASE("search: the larger budget counts, though the score of the smaller was better") {
  const search::Objective objective{
      [](const search::Trial& t, const search::FoldRun& f) { return t.real("x") + f.budget; }};
  const auto result = search::run({search::uniform("x", 0, 1)},
                                  search::SuccessiveHalving{.trials = 4, .eta = 2, .max_budget = 2},
                                  objective, quiet());
  CHECK(result.best().budget == 2);
  CHECK(result.best().mean > 2);
}

TEST_CASE("search: any number at once gives the same, failures among it") {
  const search::Objective objective{
      [](const search::Trial& t, const search::FoldRun& f) {
        espalier::Random random(f.seed);
        if (t.number % 7 == 3) throw std::runtime_error("no luck with " + std::to_string(t.number));
        std::this_thread::sleep_for(std::chrono::microseconds(random.below(300)));
        return distance(t, f) + 0.1 * random.normal();
      },
      3};
  const search::SuccessiveHalving strategy{.trials = 20, .eta = 2, .max_budget = 4};
  std::string first;
  for (const int at_once : {1, 2, 3, 16}) {
    CAPTURE(at_once);
    search::Options o = quiet();
    o.at_once = at_once;
    const std::string text = all_of(search::run(made_up_space(), strategy, objective, o));
    if (first.empty()) first = text;
    CHECK(text == first);
  }
  search::Options other = quiet();
  other.seed = 2;
  CHECK(all_of(search::run(made_up_space(), strategy, objective, other)) != first);
}

TEST_CASE("search: seeds differ by trial and fold, not by budget; threads are shared out") {
  std::mutex mutex;
  std::map<std::pair<int, int>, std::set<std::uint64_t>> seeds;
  std::set<int> threads;
  const search::Objective objective{[&](const search::Trial& t, const search::FoldRun& f) {
                                      const std::lock_guard lock(mutex);
                                      seeds[{t.number, f.index}].insert(f.seed);
                                      threads.insert(f.threads);
                                      CHECK_FALSE(f.stopping());
                                      return distance(t, f);
                                    },
                                    2};
  search::Options o = quiet();
  o.threads = 6;
  o.at_once = 3;
  const search::SuccessiveHalving strategy{.trials = 4, .eta = 4, .max_budget = 4};
  static_cast<void>(search::run(made_up_space(), strategy, objective, o));
  std::set<std::uint64_t> all;
  for (const auto& [key, values] : seeds) {
    CHECK(values.size() == 1);
    all.insert(values.begin(), values.end());
  }
  CHECK(all.size() == 8);
  CHECK(threads == std::set<int>{2, 3});  // the last rung has two folds: three threads each
}

TEST_CASE("search: what fails is told and is not the best") {
  const search::Objective objective{[](const search::Trial& t, const search::FoldRun& f) {
                                      if (t.number == 0 && f.index == 1) return std::nan("");
                                      if (t.number == 1)
                                        return -std::numeric_limits<double>::infinity();
                                      if (t.number == 2) throw std::runtime_error("out of luck");
                                      if (t.number == 3 && f.index == 0) throw 5;
                                      return 1.0 + t.number;
                                    },
                                    2};
  const auto result =
      search::run({search::uniform("x", 0, 1)}, search::Random{.trials = 6}, objective, quiet());
  const auto ranked = result.ranking();
  REQUIRE(ranked.size() == 6);
  CHECK(ranked[0].trial.number == 4);
  CHECK(ranked[1].trial.number == 5);
  CHECK(ranked[2].error() == "fold 1: the score is nan");
  CHECK(ranked[3].error() == "fold 0: the score is -inf");
  CHECK(ranked[4].error() == "fold 0: out of luck");
  CHECK(ranked[5].error() == "fold 0: an exception that is no std::exception");
  CHECK(result.table().find("failed") != std::string::npos);
  CHECK(result.table().find("out of luck") != std::string::npos);

  const search::Objective never{[](const search::Trial&, const search::FoldRun&) -> double {
    throw std::runtime_error("never");
  }};
  const auto none = search::run({search::uniform("x", 0, 1)},
                                search::SuccessiveHalving{.trials = 3}, never, quiet());
  CHECK(none.outcomes.size() == 3);  // none is promoted
  CHECK(message_of([&] { static_cast<void>(none.best()); }) ==
        "search: all 3 trials failed; trial 0, fold 0: never");
  CHECK(none.picture().to_svg().find("<svg") == 0);
}

TEST_CASE("search: the table and the picture") {
  const search::Objective objective{
      [](const search::Trial& t, const search::FoldRun& f) { return t.number + 0.5 * f.index; }, 2,
      search::Goal::maximize};
  const search::Space space{search::log_uniform("rate", 1e-4, 1e-2),
                            search::choice("how", {"<plain>", "fancy"})};
  const TemporaryFolder folder;
  search::Options o = quiet();
  o.picture = folder / "search.svg";
  const auto result = search::run(space, search::Grid{.points = 3}, objective, o);
  CHECK(result.table(2) ==
        "trial  score (higher is better)  rate  how\n"
        "5      5.25 ± 0.35               0.01  fancy\n"
        "4      4.25 ± 0.35               0.01  <plain>\n"
        "and 4 more\n");
  const std::string svg = esp::read_file(o.picture);
  for (const char* text : {"log10 of rate", "&lt;plain&gt;", "best: trial 5", "<circle"})
    CHECK(svg.find(text) != std::string::npos);
  const auto panels = result.picture().panels();
  REQUIRE(panels.size() == 2);
  CHECK(panels[0].series[0].x[0] == doctest::Approx(-4));
  CHECK(panels[1].series[0].x == std::vector<double>{0, 1, 0, 1, 0, 1});
  CHECK(panels[1].series[0].y[5] == 5.25);
}

TEST_CASE("search: options that cannot be are refused") {
  const auto said = [](const search::Objective& objective, const search::Options& o) {
    return message_of(
        [&] { static_cast<void>(search::run(made_up_space(), search::Random{}, objective, o)); });
  };
  search::Options o = quiet();
  CHECK(said({}, o) == "search: the objective has no score function");
  CHECK(said({distance, 0}, o) == "search: folds is 0, expected 1 or more");
  o.at_once = -1;
  CHECK(said({distance}, o) == "search: at_once is -1, expected 0 or more");
  o = quiet();
  o.threads = 5000;
  CHECK(said({distance}, o) == "search: at_once and threads are at most 1024");
  o = quiet();
  o.picture = "search.png";
  CHECK(said({distance}, o) == "search: picture 'search.png', expected a name that ends in .svg");
}

TEST_CASE("search: progress is lines where there is no terminal") {
  const CapturedStderr captured;
  search::Options o;
  o.at_once = 1;
  const search::Objective objective{[](const search::Trial& t, const search::FoldRun&) {
    return t.number == 1 ? std::nan("") : 1.0 + t.number;
  }};
  static_cast<void>(
      search::run({search::choice("x", {7, 8})}, search::Grid{.budget = 2}, objective, o));
  const std::string text = captured.text();
  CHECK(
      text.starts_with("trial 0: 1, the best so far with a budget of 2 (x 7)\n"
                       "trial 1 failed, fold 0: the score is nan with a budget of 2 (x 8)\n"
                       "rung 1/1 100%"));
  CHECK(text.find("best 1\n") != std::string::npos);
}

TEST_CASE("search: of a small space every point is scored once, and the table says so") {
  std::atomic<int> scored = 0;
  const search::Objective objective{[&](const search::Trial& t, const search::FoldRun&) {
    ++scored;
    return t.real("c");
  }};
  const search::Result result = search::run({search::choice("c", {1, 2, 3})},
                                            search::Random{.trials = 40}, objective, quiet());
  CHECK(scored == 3);
  CHECK(result.outcomes.size() == 3);
  CHECK(result.table().ends_with(
      "\nthe space has 3 points: each is a trial, where 40 were asked for\n"));
}
