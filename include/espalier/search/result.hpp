// SPDX-License-Identifier: Apache-2.0
// `Result`: the result of a search, as numbers, as a table and as an image.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/core/utf8.hpp"
#include "espalier/report/svg_chart.hpp"
#include "espalier/search/space.hpp"
#include "espalier/search/trial.hpp"

namespace espalier::search {

/// Score of one fold.
struct Score {
  double value = std::nan("");
  std::string error{};  ///< why there is no score; empty if there is one
};

/// Result of a trial with one budget.
struct Outcome {
  Trial trial;
  int budget = 0;
  std::vector<Score> folds;
  double mean = std::nan("");
  /// Sample standard deviation over the folds; NaN for a single fold.
  double deviation = std::nan("");

  /// A trial fails if one of its folds fails: a mean over the other folds would not be comparable.
  [[nodiscard]] bool failed() const { return !error().empty(); }
  /// "fold 2: the score is nan", or an empty string.
  [[nodiscard]] std::string error() const {
    for (std::size_t i = 0; i < folds.size(); ++i) {
      if (!folds[i].error.empty()) return "fold " + std::to_string(i) + ": " + folds[i].error;
    }
    return {};
  }

  ESPALIER_COLD void summarize() {
    if (failed() || folds.empty()) return;
    const auto n = static_cast<double>(folds.size());
    mean = 0;
    for (const Score& s : folds) mean += s.value / n;
    double squares = 0;
    for (const Score& s : folds) squares += (s.value - mean) * (s.value - mean);
    if (folds.size() > 1) deviation = std::sqrt(squares / (n - 1));
  }
};

/// Whether `a` ranks before `b`: successful trials first, then the larger budget, the better mean,
/// and the lower number.
[[nodiscard]] inline bool ranks_before(const Outcome& a, const Outcome& b, Goal goal) {
  if (a.failed() != b.failed()) return b.failed();
  if (a.budget != b.budget) return a.budget > b.budget;
  if (!a.failed() && a.mean != b.mean)
    return goal == Goal::minimize ? a.mean < b.mean : a.mean > b.mean;
  return a.trial.number < b.trial.number;
}

struct Result {
  std::vector<Parameter> parameters{};
  Goal goal = Goal::minimize;
  /// Every trial with every budget that it had, in the order of rungs and trial numbers.
  std::vector<Outcome> outcomes{};
  int run = 0;   ///< number of folds that this run scored
  int read = 0;  ///< number of folds whose scores were in the file
  /// By a signal: `outcomes` then has only the trials that were complete.
  bool interrupted = false;
  std::string note{};  ///< of the strategy: the space has fewer points than requested

  /// Every trial with the largest budget that it had, best first.
  [[nodiscard]] ESPALIER_COLD std::vector<Outcome> ranking() const {
    std::map<int, const Outcome*> last;
    for (const Outcome& o : outcomes) last[o.trial.number] = &o;
    std::vector<Outcome> ranked;
    for (const auto& [number, outcome] : last) ranked.push_back(*outcome);
    std::sort(ranked.begin(), ranked.end(),
              [&](const Outcome& a, const Outcome& b) { return ranks_before(a, b, goal); });
    return ranked;
  }

  /// The best trial. Throws ConfigError if no trial succeeded, with the reason of the first one.
  [[nodiscard]] ESPALIER_COLD Outcome best() const {
    std::vector<Outcome> ranked = ranking();
    if (ranked.empty()) throw ConfigError("search: no trial was finished");
    if (ranked[0].failed()) {
      throw_error<ConfigError>({"search: all ", ranked.size(), " trials failed; trial ",
                                ranked[0].trial.number, ", ", ranked[0].error()});
    }
    return std::move(ranked[0]);
  }

  /// The first `most` rows of the ranking, one row per trial; the note below.
  [[nodiscard]] std::string table(std::size_t most = 20) const;
  /// One panel per parameter: score over value, one color per budget, the best trial marked.
  /// Logarithmic parameters as log10.
  [[nodiscard]] SvgChart picture(const std::string& title = "Search") const;
};

ESPALIER_COLD inline std::string Result::table(std::size_t most) const {
  const std::vector<Outcome> ranked = ranking();
  const bool budgets =
      std::any_of(ranked.begin(), ranked.end(), [](const Outcome& o) { return o.budget > 0; });
  std::vector<std::vector<std::string>> rows(1);
  rows[0] = {"trial",
             goal == Goal::minimize ? "score (lower is better)" : "score (higher is better)"};
  if (budgets) rows[0].emplace_back("budget");
  for (const Parameter& p : parameters) rows[0].push_back(p.name);
  for (const Outcome& o : ranked) {
    if (rows.size() > most) break;
    char score[80];
    std::snprintf(score, sizeof score, o.folds.size() > 1 ? "%.5g ± %.2g" : "%.5g", o.mean,
                  o.deviation);
    std::vector<std::string> row{std::to_string(o.trial.number), o.failed() ? "failed" : score};
    if (budgets) row.push_back(std::to_string(o.budget));
    for (const Parameter& p : parameters)
      row.push_back(Trial::value_text(o.trial.values.at(p.name)));
    if (o.failed()) row.push_back(o.error());
    rows.push_back(std::move(row));
  }
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < widths.size(); ++c)
      widths[c] = (std::max)(widths[c], utf8_count(row[c]));
  }
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      text += (c == 0 ? "" : "  ") + row[c];
      if (c + 1 < row.size() && c < widths.size()) text.append(widths[c] - utf8_count(row[c]), ' ');
    }
    text += '\n';
  }
  if (ranked.size() + 1 > rows.size())
    text += "and " + std::to_string(ranked.size() + 1 - rows.size()) + " more\n";
  if (!note.empty()) text += note + '\n';
  return text;
}

ESPALIER_COLD inline SvgChart Result::picture(const std::string& title) const {
  std::vector<int> budgets;
  for (const Outcome& o : outcomes) {
    if (std::find(budgets.begin(), budgets.end(), o.budget) == budgets.end())
      budgets.push_back(o.budget);
  }
  const std::vector<Outcome> ranked = ranking();
  SvgChart chart(title);
  for (const Parameter& p : parameters) {
    const bool named = !p.is_numeric();
    const auto place = [&](const Trial& trial) {
      const Json& value = trial.values.at(p.name);
      if (named)
        return static_cast<double>(std::find(p.choices.begin(), p.choices.end(), value) -
                                   p.choices.begin());
      return p.log ? std::log10(value.as_number()) : value.as_number();
    };
    ChartPanel panel;
    panel.title = p.name;
    panel.x_title = p.log ? "log10 of " + p.name : p.name;
    panel.y_title = "score";
    panel.whole_x = named || (p.kind == Parameter::Kind::integer && !p.log);
    for (std::size_t i = 0; named && i < p.choices.size(); ++i) {
      panel.marks.emplace_back(static_cast<double>(i), Trial::value_text(p.choices[i]));
    }
    for (const int budget : budgets) {
      ChartSeries points{
          budget > 0 ? "budget " + std::to_string(budget) : "trials", {}, {}, Mark::points};
      for (const Outcome& o : outcomes) {
        if (o.budget != budget || o.failed()) continue;
        points.x.push_back(place(o.trial));
        points.y.push_back(o.mean);
      }
      panel.series.push_back(std::move(points));
    }
    if (!ranked.empty() && !ranked[0].failed()) {
      panel.series.push_back({"best: trial " + std::to_string(ranked[0].trial.number),
                              {place(ranked[0].trial)},
                              {ranked[0].mean},
                              Mark::points,
                              6});
    }
    chart.add(std::move(panel));
  }
  return chart;
}

}  // namespace espalier::search
