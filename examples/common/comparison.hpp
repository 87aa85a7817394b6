// SPDX-License-Identifier: Apache-2.0
// `Comparison`: models side by side over several seeds, differences paired by seed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "espalier/metrics/report.hpp"
#include "espalier/train/options.hpp"

namespace examples {

class Comparison {
 public:
  struct Run {
    std::string model;
    std::uint64_t seed = 0;
    espalier::Report report;
    espalier::FitResult fit;
  };

  void add(const std::string& model, std::uint64_t seed, espalier::Report report, const espalier::FitResult& fit) {
    if (std::find(models_.begin(), models_.end(), model) == models_.end()) models_.push_back(model);
    runs_.push_back({model, seed, std::move(report), fit});
  }

  [[nodiscard]] const std::vector<Run>& runs() const { return runs_; }

  /// A row per task and model with its first metric and log-loss or MAE: mean ± deviation, and the difference to the
  /// first model, seed by seed. A difference is named only where it exceeds its deviation.
  [[nodiscard]] std::string table() const {
    if (runs_.empty()) return {};
    std::string text;
    char line[200];
    std::snprintf(line, sizeof line, "%-14s %-14s %-9s %20s   %s\n", "task", "model", "metric", "mean ± deviation",
                  ("difference to " + models_[0]).c_str());
    text += line;
    for (const espalier::TaskReport& task : runs_[0].report.tasks) {
      const std::string& metric = task.metrics[0].name;
      for (const std::string& model : models_) {
        const std::vector<double> own = values(model, task.task, metric), first = values(models_[0], task.task, metric);
        const Moments m = moments(own);
        std::snprintf(line, sizeof line, "%-14s %-14s %-9s    %8.4f ± %.4f", task.task.c_str(), model.c_str(), metric.c_str(),
                      m.mean, m.deviation);
        text += line;
        if (model != models_[0] && own.size() == first.size()) {
          std::vector<double> difference;
          for (std::size_t i = 0; i < own.size(); ++i) difference.push_back(own[i] - first[i]);
          const Moments d = moments(difference);
          const bool clear = difference.size() > 1 && std::abs(d.mean) > d.deviation;
          const bool better = espalier::better_is_higher(metric) ? d.mean > 0 : d.mean < 0;
          std::snprintf(line, sizeof line, "   %+.4f ± %.4f %s", d.mean, d.deviation,
                        !clear ? "" : better ? "better" : "worse");
          text += line;
        }
        text += '\n';
      }
    }
    return text;
  }

 private:
  struct Moments {
    double mean = 0, deviation = 0;
  };

  static Moments moments(const std::vector<double>& x) {
    Moments m;
    for (const double v : x) m.mean += v / static_cast<double>(x.size());
    for (const double v : x) m.deviation += (v - m.mean) * (v - m.mean);
    m.deviation = x.size() > 1 ? std::sqrt(m.deviation / static_cast<double>(x.size() - 1)) : 0;
    return m;
  }

  [[nodiscard]] std::vector<double> values(const std::string& model, const std::string& task, const std::string& metric) const {
    std::vector<double> v;
    for (const Run& run : runs_) {
      if (run.model == model) v.push_back(run.report.value(task, metric));
    }
    return v;
  }

  std::vector<std::string> models_;
  std::vector<Run> runs_;
};

}  // namespace examples
