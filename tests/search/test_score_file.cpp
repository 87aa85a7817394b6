// SPDX-License-Identifier: Apache-2.0
// The score file: a search resumes from it and rejects the file of another search.
#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <stdexcept>

#include "espalier/core/file.hpp"
#include "search/made_up_search.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier_test;

namespace {

constexpr search::SuccessiveHalving strategy{.trials = 9, .eta = 3, .max_budget = 3};

/// One trial fails; calls are counted.
struct Counted {
  std::atomic<int> calls{0};
  search::Objective objective{[this](const search::Trial& t, const search::FoldRun& f) {
                                ++calls;
                                if (t.number == 4) throw std::runtime_error("not this\none");
                                return distance(t, f);
                              },
                              2, search::Goal::minimize, "made-up data"};
};

search::Options with_file(const std::string& file) {
  search::Options o = quiet();
  o.file = file;
  return o;
}

void write(const std::string& path, const std::string& text) {
  esp::write_file_atomically(path, text);
}

}  // namespace

TEST_CASE(
    "score file: a search goes on from any whole or torn place, with the same result and nothing "
    "scored twice") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string file = folder / "deep/search.jsonl";
  Counted whole;
  const auto complete = search::run(made_up_space(), strategy, whole.objective, with_file(file));
  const int folds = (9 + 3) * 2;
  CHECK(whole.calls == folds);
  CHECK(complete.run == folds);
  const std::string text = esp::read_file(file);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1 + folds);
  const std::size_t head = text.find('\n') + 1;

  for (std::size_t cut = head; cut <= text.size(); cut += cut + 37 < text.size() ? 37U : 1U) {
    CAPTURE(cut);
    write(file, text.substr(0, cut));
    const auto kept = static_cast<int>(std::count(
                          text.begin(), text.begin() + static_cast<std::ptrdiff_t>(cut), '\n')) -
                      1;
    Counted again;
    const auto result = search::run(made_up_space(), strategy, again.objective, with_file(file));
    CHECK(again.calls == folds - kept);
    CHECK(result.read == kept);
    CHECK(all_of(result) == all_of(complete));
    std::string now = esp::read_file(file);
    CHECK(now.size() == text.size());
    CHECK(std::count(now.begin(), now.end(), '\n') == 1 + folds);
  }
}

TEST_CASE("score file: a longer search goes on from a shorter one, and the other way round") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const search::Options o = with_file(folder / "search.jsonl");
  Counted short_one, long_one, third;
  static_cast<void>(
      search::run(made_up_space(), search::Random{.trials = 3}, short_one.objective, o));
  static_cast<void>(
      search::run(made_up_space(), search::Random{.trials = 6}, long_one.objective, o));
  CHECK(long_one.calls == 6);  // three trials with two folds each
  const auto result = search::run(made_up_space(), search::Random{.trials = 4}, third.objective, o);
  CHECK(third.calls == 0);
  CHECK(result.outcomes.size() == 4);
}

TEST_CASE("score file: an interrupted search stops, says so, and goes on later") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  search::Options o = with_file(folder / "search.jsonl");
  o.handle_interrupts = true;
  o.at_once = 1;
  o.picture = folder / "search.svg";
  Counted counted;
  search::Objective interrupting = counted.objective;
  int calls = 0;
  interrupting.score = [&](const search::Trial& t, const search::FoldRun& f) {
    if (++calls == 6) std::raise(SIGTERM);
    return counted.objective.score(t, f);
  };
  const auto part = search::run(made_up_space(), strategy, interrupting, o);
  CHECK(part.interrupted);
  CHECK(calls == 6);
  CHECK(part.run == 5);  // the sixth is discarded
  CHECK(part.outcomes.size() == 2);
  const auto rest = search::run(made_up_space(), strategy, counted.objective, o);
  CHECK_FALSE(rest.interrupted);
  CHECK(rest.read == 5);
  CHECK(all_of(rest) == all_of(search::run(made_up_space(), strategy, counted.objective, quiet())));
}

TEST_CASE("score file: the file of another search is refused with what differs, and not touched") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string file = folder / "search.jsonl";
  Counted counted;
  static_cast<void>(search::run(made_up_space(), strategy, counted.objective, with_file(file)));
  const std::string before = esp::read_file(file);
  const auto said = [&](const search::Space& space, const auto& how,
                        const search::Objective& objective, std::uint64_t seed = 1) {
    search::Options o = with_file(file);
    o.seed = seed;
    const std::string text =
        message_of([&] { static_cast<void>(search::run(space, how, objective, o)); });
    CHECK(esp::read_file(file) == before);
    const std::string begin = file + ": line ";
    return text.starts_with(begin) ? text.substr(begin.size()) : text;
  };
  const std::string other = "1: the file is of another search: ";
  search::Objective objective = counted.objective;
  std::vector<search::Parameter> p = made_up_space().parameters();
  p[0].high = 1;
  CHECK(said(search::Space(p), strategy, objective) ==
        other +
            "parameter 'rate' is 'log_uniform 1e-04 to 0.1', expected 'log_uniform 1e-04 to 1'");
  p = made_up_space().parameters();
  p.pop_back();
  CHECK(said(search::Space(p), strategy, objective) ==
        other + "its space has a parameter 'balance', expected none");
  p = made_up_space().parameters();
  p.push_back(search::uniform("more", 0, 1));
  CHECK(said(search::Space(p), strategy, objective) ==
        other + "parameter 'more' is missing, expected 'uniform 0 to 1'");
  objective.about = "other data";
  CHECK(said(made_up_space(), strategy, objective) ==
        other + "about is 'made-up data', expected 'other data'");
  objective = counted.objective;
  objective.folds = 3;
  CHECK(said(made_up_space(), strategy, objective) == other + "folds is 2, expected 3");
  CHECK(said(made_up_space(), strategy, counted.objective, 2) ==
        other + "seed is '1', expected '2'");
  search::SuccessiveHalving reseeded = strategy;
  reseeded.seed = 2;
  CHECK(said(made_up_space(), reseeded, counted.objective)
            .ends_with(": the file is of another strategy"));
}

TEST_CASE("score file: hostile files are refused with a line, and not touched") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string file = folder / "search.jsonl";
  Counted counted;
  static_cast<void>(search::run(made_up_space(), search::Random{.trials = 2}, counted.objective,
                                with_file(file)));
  const std::string text = esp::read_file(file);
  const std::string head = text.substr(0, text.find('\n') + 1);
  const std::string values = R"("values":)" + made_up_space().sample(1, 0).dump();
  const auto said = [&](const std::string& content) {
    write(file, content);
    const std::string out = message_of([&] {
      static_cast<void>(search::run(made_up_space(), search::Random{.trials = 2}, counted.objective,
                                    with_file(file)));
    });
    CHECK(esp::read_file(file) == content);
    CHECK(out.find('\n') == std::string::npos);
    CHECK(out.starts_with(file + ": line "));
    return out.substr((std::min)(out.size(), file.size() + 7));
  };
  const std::string no_search = ": expected the first line of a search, found something else";
  CHECK(said("not ours") == "1" + no_search);
  CHECK(said("epoch,loss\n1,2\n").starts_with("1: "));
  CHECK(said("{}\n") == "1" + no_search);
  CHECK(said("[1]\n") == "1: expected an object, found [1]");
  CHECK(said(R"({"search":2})"
             "\n") == "1" + no_search);
  CHECK(said(R"({"search":1,"space":3})"
             "\n") == "1: expected a search's space, found none");
  CHECK(said(std::string("\0\0\0\n", 4)).starts_with("1: "));
  CHECK(said(head + "\n").starts_with("2: "));
  CHECK(said(head + "7\n") == "2: expected an object, found 7");
  CHECK(said(head + head).starts_with("2: trial is missing"));
  CHECK(said(head + R"({"trial":-1,"fold":0,"budget":0,"score":1})"
                    "\n") == "2: trial is -1, expected a whole number from 0");
  CHECK(said(head + R"({"trial":0,"fold":0.5,"budget":0,"score":1})"
                    "\n") == "2: fold is 0.5, expected a whole number from 0");
  CHECK(said(head + R"({"trial":0,"fold":0,"budget":"x","score":1})"
                    "\n") == "2: budget is \"x\", expected a whole number from 0");
  CHECK(said(head + R"({"trial":0,"fold":0,"budget":1e300,"score":1})"
                    "\n")
            .starts_with("2: budget is 1e+300"));
  CHECK(said(head + R"({"trial":0,"fold":2,"budget":0,"score":1})"
                    "\n") == "2: fold is 2, expected at most 1");
  const std::string either = "2: expected either a score, a number, or an error, a text";
  CHECK(said(head + R"({"trial":0,"fold":0,"budget":0})"
                    "\n") == either);
  CHECK(said(head + R"({"trial":0,"fold":0,"budget":0,"score":null})"
                    "\n") == either);
  CHECK(said(head + R"({"trial":0,"fold":0,"budget":0,"score":1,"error":"x"})"
                    "\n") == either);
  CHECK(said(head + R"({"trial":0,"fold":0,"budget":0,"error":""})"
                    "\n") == either);
  CHECK(said(head + R"({"trial":0,"fold":0,"budget":0,"score":1})"
                    "\n")
            .find("has the values missing, expected {") != std::string::npos);
  CHECK(said(head + R"({"trial":0,"fold":0,"budget":0,"score":1,"values":{}})"
                    "\n")
            .ends_with("of another strategy"));
  const std::string good = R"({"trial":0,"fold":0,"budget":0,"score":1,)" + values + "}\n";
  CHECK(said(head + good + good) == "3: trial 0, fold 0, budget 0 is there twice");
  CHECK(said(head +
             R"({"trial":0,"fold":0,"budget":0,"score":1)"
             "\n" +
             good)
            .starts_with("2: "));
}

TEST_CASE("score file: a place that cannot be written ends the search with the reason") {
  Counted counted;
  const std::string said = message_of([&] {
    static_cast<void>(search::run(made_up_space(), strategy, counted.objective,
                                  with_file("/proc/nowhere/search.jsonl")));
  });
  CHECK(said.find("/proc/nowhere") != std::string::npos);
  CHECK(counted.calls == 0);
}
