// SPDX-License-Identifier: Apache-2.0
// `ScoreFile`: the scores of a search as JSON lines, so that an interrupted search can be resumed.
#pragma once

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/search/result.hpp"
#include "espalier/search/strategy.hpp"
#include "espalier/search/trial.hpp"

namespace espalier::search {

/// The first line describes the search; every other line is one fold of one trial with one budget.
/// A line is written as a whole when its fold is done. An incomplete last line (the program was
/// killed, the disk was full) is removed. Not thread-safe; not for two programs at the same time.
class ScoreFile {
 public:
  using Key = std::tuple<int, int, int>;  ///< trial, fold, budget

  ScoreFile() = default;

  /// Creates the file with its folders, or reads it. Throws IoError; DataError, naming the line, if
  /// the file belongs to another search or is not a score file. Such a file is never overwritten.
  ESPALIER_COLD ScoreFile(const std::string& path, const Space& space, const Objective& objective,
                          std::uint64_t seed, const std::vector<Json>& trials)
      : path_(path) {
    std::string folder = file_detail::split(path).folder;
    if (folder.size() > 1) folder.pop_back();
    if (!folder.empty()) make_folders(folder);
    const Json head = header(space, objective, seed);
    std::string text = file_exists(path) ? read_file(path) : std::string();
    if (text.empty()) {
      write_file_atomically(path, head.dump() + "\n");
    } else {
      const std::size_t whole = text.rfind('\n') + 1;  // 0 if there is no complete line
      if (whole == 0) refuse(1, "expected the first line of a search, found something else");
      read(std::string_view(text).substr(0, whole), head, objective.folds, trials);
      if (whole < text.size()) write_file_atomically(path, std::string_view(text).substr(0, whole));
    }
    file_ = file_detail::open_file(path, file_detail::Open::append);
    if (!file_) file_detail::fail("write", path_);
  }

  [[nodiscard]] const std::map<Key, Score>& scores() const { return scores_; }

  /// Appends a line. Throws IoError.
  ESPALIER_COLD void add(const Trial& trial, int fold, int budget, const Score& score) {
    if (!file_) return;
    Json line = Json::object();
    line.set("trial", trial.number)
        .set("fold", fold)
        .set("budget", budget)
        .set("values", trial.values);
    if (score.error.empty()) {
      line.set("score", score.value);
    } else {
      line.set("error", score.error);
    }
    const std::string text = line.dump() + "\n";
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() ||
        std::fflush(file_.get()) != 0) {
      file_detail::fail("write", path_);
    }
  }

 private:
  [[noreturn]] ESPALIER_COLD void refuse(std::size_t line, std::string_view what) const {
    throw_error<DataError>({path_, ": line ", line, ": ", what});
  }

  [[nodiscard]] ESPALIER_COLD static Json header(const Space& space, const Objective& objective,
                                                 std::uint64_t seed) {
    Json parameters = Json::object();
    for (const Parameter& p : space.parameters()) parameters.set(p.name, p.describe());
    Json head = Json::object();
    head.set("search", 1).set("about", objective.about).set("folds", objective.folds);
    head.set("seed", std::to_string(seed)).set("space", std::move(parameters));
    return Json::parse(head.dump());  // as it is read from a file: invalid UTF-8 is replaced
  }

  /// Throws DataError for the first difference.
  ESPALIER_COLD void compare(const Json& found, const Json& expected) const {
    const Json* version = found.find("search");
    if (version == nullptr || *version != Json(1))
      refuse(1, "expected the first line of a search, found something else");
    const Json* space = found.find("space");
    if (space == nullptr || !space->is_object()) refuse(1, "expected a search's space, found none");
    for (const std::string& name : space->keys()) {
      if (expected.at("space").find(name) == nullptr) {
        refuse(1, "the file is of another search: its space has a parameter '" + name +
                      "', expected none");
      }
    }
    for (const std::string& name : expected.at("space").keys()) {
      differ("parameter '" + name + "'", space->find(name), expected.at("space").at(name));
    }
    for (const char* what : {"about", "folds", "seed"})
      differ(what, found.find(what), expected.at(what));
  }

  ESPALIER_COLD void differ(const std::string& what, const Json* found,
                            const Json& expected) const {
    if (found != nullptr && *found == expected) return;
    const auto text = [](const Json& v) {
      return v.is_string() ? "'" + v.as_string() + "'" : v.dump();
    };
    refuse(1, "the file is of another search: " + what + " is " +
                  (found == nullptr ? "missing" : text(*found)) + ", expected " + text(expected));
  }

  ESPALIER_COLD void read(std::string_view text, const Json& head, int folds,
                          const std::vector<Json>& trials) {
    for (std::size_t at = 0, number = 1; at < text.size(); ++number) {
      const std::size_t end = text.find('\n', at);
      const Json line =
          Json::parse(text.substr(at, end - at), path_ + ": line " + std::to_string(number));
      if (!line.is_object()) refuse(number, "expected an object, found " + line.dump());
      if (number == 1) {
        compare(line, head);
      } else {
        take(line, number, folds, trials);
      }
      at = end + 1;
    }
  }

  [[nodiscard]] ESPALIER_COLD int whole(const Json& line, const char* name,
                                        std::size_t number) const {
    const Json* value = line.find(name);
    const double v = value != nullptr && value->is_number() ? value->as_number() : -1;
    if (!(v >= 0 && v <= 2147483647.0 && v == std::floor(v))) {
      refuse(number, std::string(name) + " is " + (value == nullptr ? "missing" : value->dump()) +
                         ", expected a whole number from 0");
    }
    return static_cast<int>(v);
  }

  /// Stores the score of a line. Ignores a line of a trial that this search does not have, because
  /// the file may be of a longer search; a score for a budget that this search does not use is
  /// never read. Throws DataError for a fold out of range, other values of a trial, and a score
  /// that is there twice.
  ESPALIER_COLD void take(const Json& line, std::size_t number, int folds,
                          const std::vector<Json>& trials) {
    const Key key{whole(line, "trial", number), whole(line, "fold", number),
                  whole(line, "budget", number)};
    const auto& [trial, fold, budget] = key;
    if (fold >= folds)
      refuse(number,
             "fold is " + std::to_string(fold) + ", expected at most " + std::to_string(folds - 1));
    const Json* value = line.find("score");
    const Json* error = line.find("error");
    Score score;
    if (error != nullptr && error->is_string() && !error->as_string().empty() && value == nullptr) {
      score.error = error->as_string();
    } else if (value != nullptr && value->is_number() && error == nullptr) {
      score.value = value->as_number();
    } else {
      refuse(number, "expected either a score, a number, or an error, a text");
    }
    if (static_cast<std::size_t>(trial) >= trials.size()) return;
    const Json* values = line.find("values");
    const Json& expected = trials[static_cast<std::size_t>(trial)];
    if (values == nullptr || !same(*values, expected)) {
      refuse(number, "trial " + std::to_string(trial) + " has the values " +
                         (values == nullptr ? "missing" : values->dump()) + ", expected " +
                         expected.dump() + ": the file is of another strategy");
    }
    if (!scores_.emplace(key, std::move(score)).second) {
      refuse(number, "trial " + std::to_string(trial) + ", fold " + std::to_string(fold) +
                         ", budget " + std::to_string(budget) + " is there twice");
    }
  }

  /// Compares numbers with a relative tolerance of 1e-12: logarithms of different machines may
  /// differ in the last bits.
  [[nodiscard]] ESPALIER_COLD static bool same(const Json& found, const Json& expected) {
    if (!found.is_object() || found.size() != expected.size()) return false;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Json* value = found.find(expected.keys()[i]);
      const Json& other = expected.items()[i];
      if (value == nullptr || value->kind() != other.kind()) return false;
      if (!other.is_number()) {
        if (*value != other) return false;
      } else if (!(std::abs(value->as_number() - other.as_number()) <=
                   1e-12 * std::abs(other.as_number()))) {
        return false;
      }
    }
    return true;
  }

  std::string path_;
  file_detail::Handle file_;
  std::map<Key, Score> scores_;
};

}  // namespace espalier::search
