// SPDX-License-Identifier: Apache-2.0
// `Comparison`: candidates (a model and a balancing method) side by side over several seeds,
// differences paired by seed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "common/intervals.hpp"
#include "espalier/metrics/report.hpp"
#include "espalier/report/svg_chart.hpp"
#include "espalier/train/options.hpp"

namespace examples {

class Comparison {
 public:
  struct Run {
    std::string candidate, model, balance;
    std::uint64_t seed = 0;
    espalier::Report report;
    espalier::FitResult fit;
  };

  /// `monitor`: what selected the epochs (`TrainerOptions::monitor`).
  explicit Comparison(std::string monitor) : monitor_(std::move(monitor)) {}

  void add(Run run) {
    if (std::find(candidates_.begin(), candidates_.end(), run.candidate) == candidates_.end()) {
      candidates_.push_back(run.candidate);
    }
    runs_.push_back(std::move(run));
  }

  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }

  /// One row per task and candidate with the task's first metric: mean ± standard deviation, and
  /// the difference to the first candidate, paired by seed. A difference is called better or worse
  /// only if it exceeds its deviation.
  [[nodiscard]] std::string table() const {
    if (runs_.empty()) return {};
    std::size_t width = 14;
    for (const std::string& name : candidates_) width = (std::max)(width, name.size());
    const int columns = static_cast<int>(width);
    std::string text;
    char line[240];
    std::snprintf(line, sizeof line, "%-14s %-*s %-9s %20s   %s\n", "task", columns, "model",
                  "metric", "mean ± deviation", ("difference to " + candidates_[0]).c_str());
    text += line;
    for (const auto& [task, metric] : scores()) {
      const std::vector<double> first = values(candidates_[0], task, metric);
      for (const std::string& name : candidates_) {
        const std::vector<double> own = values(name, task, metric);
        const Moments m = moments(own);
        std::snprintf(line, sizeof line, "%-14s %-*s %-9s    %8.4f ± %.4f", task.c_str(), columns,
                      name.c_str(), metric.c_str(), m.mean, m.deviation);
        text += line;
        if (name != candidates_[0] && own.size() == first.size()) {
          std::vector<double> difference;
          for (std::size_t i = 0; i < own.size(); ++i) difference.push_back(own[i] - first[i]);
          const Moments d = moments(difference);
          const bool clear = difference.size() > 1 && std::abs(d.mean) > d.deviation;
          const bool better = espalier::better_is_higher(metric) ? d.mean > 0 : d.mean < 0;
          std::snprintf(line, sizeof line, "   %+.4f ± %.4f %s", d.mean, d.deviation,
                        !clear   ? ""
                        : better ? "better"
                                 : "worse");
          text += line;
        }
        text += '\n';
      }
    }
    return text;
  }

  /// The candidate with the best mean of the monitored value on the validation split: the only
  /// choice that does not use the test split.
  [[nodiscard]] std::string chosen() const {
    const double sign = espalier::better_is_higher(monitor_) ? 1 : -1;
    std::string best;
    double most = -std::numeric_limits<double>::infinity();
    for (const std::string& name : candidates_) {
      std::vector<double> monitored;
      for (const Run& run : runs_) {
        if (run.candidate == name) monitored.push_back(sign * run.fit.best_value);
      }
      if (const double mean = moments(monitored).mean; mean > most) {
        most = mean;
        best = name;
      }
    }
    return best;
  }

  /// Candidates that no other candidate beats in every task's first metric, by means.
  [[nodiscard]] std::vector<std::string> pareto_front() const { return front_of(scores()); }

  /// The first task against each other task: the candidates' means and the Pareto front of the two.
  [[nodiscard]] espalier::SvgChart picture(std::string title) const {
    espalier::SvgChart chart(std::move(title));
    const std::vector<Score> all = scores();
    for (std::size_t k = 1; k < all.size(); ++k) {
      espalier::ChartPanel panel;
      panel.title = all[0].first + " and " + all[k].first;
      panel.x_title = all[0].first + " " + all[0].second;
      panel.y_title = all[k].first + " " + all[k].second;
      const std::vector<std::string> front = front_of({all[0], all[k]});
      espalier::ChartSeries edge{"Pareto front", {}, {}, espalier::Mark::line, 0},
          rest{"others", {}, {}, espalier::Mark::points, 1};
      std::vector<espalier::ChartSeries> named;
      for (const std::string& name : candidates_) {
        const double x = mean(name, all[0]), y = mean(name, all[k]);
        const bool leads = std::find(front.begin(), front.end(), name) != front.end();
        espalier::ChartSeries& to =
            leads ? named.emplace_back(espalier::ChartSeries{
                        name, {}, {}, espalier::Mark::points, static_cast<int>(named.size()) + 2})
                  : rest;
        to.x.push_back(x);
        to.y.push_back(y);
        if (leads) edge.x.push_back(x);
      }
      std::sort(edge.x.begin(), edge.x.end());
      for (const double x : edge.x) {
        for (const espalier::ChartSeries& s : named) {
          if (s.x[0] == x && (edge.y.size() < edge.x.size())) {
            edge.y.push_back(s.y[0]);
            break;
          }
        }
      }
      panel.series.push_back(std::move(edge));
      if (!rest.x.empty()) panel.series.push_back(std::move(rest));
      for (espalier::ChartSeries& s : named) panel.series.push_back(std::move(s));
      chart.add(std::move(panel));
    }
    return chart;
  }

 private:
  using Score = std::pair<std::string, std::string>;  ///< task and metric

  /// Each task with its first metric.
  [[nodiscard]] std::vector<Score> scores() const {
    std::vector<Score> all;
    if (runs_.empty()) return all;
    for (const espalier::TaskReport& task : runs_[0].report.tasks)
      all.emplace_back(task.task, task.metrics[0].name);
    return all;
  }

  [[nodiscard]] std::vector<double> values(const std::string& candidate, const std::string& task,
                                           const std::string& metric) const {
    std::vector<double> v;
    for (const Run& run : runs_) {
      if (run.candidate == candidate) v.push_back(run.report.value(task, metric));
    }
    return v;
  }

  [[nodiscard]] double mean(const std::string& candidate, const Score& score) const {
    return moments(values(candidate, score.first, score.second)).mean;
  }

  [[nodiscard]] std::vector<std::string> front_of(const std::vector<Score>& over) const {
    const auto beats = [&](const std::string& a, const std::string& b) {
      bool anywhere = false;
      for (const Score& score : over) {
        const double sign = espalier::better_is_higher(score.second) ? 1 : -1;
        const double by = sign * (mean(a, score) - mean(b, score));
        if (!(by >= 0)) return false;
        anywhere = anywhere || by > 0;
      }
      return anywhere;
    };
    std::vector<std::string> front;
    for (const std::string& name : candidates_) {
      if (std::none_of(candidates_.begin(), candidates_.end(),
                       [&](const std::string& other) { return beats(other, name); })) {
        front.push_back(name);
      }
    }
    return front;
  }

  std::string monitor_;
  std::vector<std::string> candidates_;
  std::vector<Run> runs_;
};

}  // namespace examples
