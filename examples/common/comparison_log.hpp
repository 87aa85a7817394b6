// SPDX-License-Identifier: Apache-2.0
// `ComparisonLog`: one line of JSON per run of a comparison; an interrupted comparison resumes from
// it.
#pragma once

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/comparison.hpp"
#include "espalier/core/atomic_file.hpp"
#include "espalier/core/error.hpp"

namespace examples {

/// NaN as null, because JSON has no NaN.
[[nodiscard]] inline nlohmann::ordered_json json_number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

[[nodiscard]] inline nlohmann::ordered_json to_json(const espalier::Report& report) {
  nlohmann::ordered_json tasks = nlohmann::ordered_json::object();
  for (const espalier::TaskReport& task : report.tasks) {
    nlohmann::ordered_json& row = tasks[task.task] = nlohmann::ordered_json::object();
    for (const espalier::MetricValue& m : task.metrics) {
      row[m.name] = json_number(m.value);
    }
  }
  return tasks;
}

[[nodiscard]] inline nlohmann::ordered_json to_json(const Comparison::Run& run,
                                                    const std::string& monitor) {
  return {{"model", run.model},
          {"balance", run.balance},
          {"seed", run.seed},
          {"epochs", run.fit.epochs},
          {"best_epoch", run.fit.best_epoch},
          {"monitor", monitor},
          {"validation", json_number(run.fit.best_value)},
          {"train_samples_per_second", run.fit.samples_per_second},
          {"tasks", to_json(run.report)}};
}

class ComparisonLog {
 public:
  /// `settings`: everything a run depends on besides model, balance and seed; `monitor`: what
  /// selected its epoch. Without `resume` the file starts empty.
  ComparisonLog(const std::filesystem::path& file, nlohmann::ordered_json settings,
                std::string monitor, bool resume)
      : file_(file.string()), settings_(std::move(settings)), monitor_(std::move(monitor)) {
    if (resume) read();
    std::string text;
    for (const std::string& line : kept_) text += line + '\n';
    espalier::write_file_atomically(file_, text);
  }

  /// The run that an earlier comparison with these settings made, if any.
  [[nodiscard]] std::optional<Comparison::Run> find(const std::string& model,
                                                    const std::string& balance,
                                                    std::uint64_t seed) const {
    for (const Comparison::Run& run : runs_) {
      if (run.model == model && run.balance == balance && run.seed == seed) return run;
    }
    return std::nullopt;
  }

  void add(const Comparison::Run& run) {
    nlohmann::ordered_json line = to_json(run, monitor_);
    line["settings"] = settings_;
    std::ofstream out(file_, std::ios::app);
    out << line.dump() << '\n';
    if (!out.flush()) throw espalier::DataError(file_ + ": cannot be written");
  }

 private:
  void read() {
    std::ifstream in(file_);
    std::string text;
    for (int number = 1; std::getline(in, text); ++number) {
      if (in.eof()) break;  // no newline: the run was interrupted while writing
      try {
        const auto line = nlohmann::ordered_json::parse(text);
        if (line.at("settings") == settings_ && line.value("monitor", "") == monitor_)
          runs_.push_back(run_of(line));
      } catch (const nlohmann::json::exception& error) {
        throw espalier::DataError(file_ + ":" + std::to_string(number) +
                                  ": not a run of a comparison: " + error.what());
      }
      kept_.push_back(text);
    }
  }

  static double number_of(const nlohmann::ordered_json& value) {
    return value.is_null() ? espalier::undefined : value.get<double>();
  }

  static Comparison::Run run_of(const nlohmann::ordered_json& line) {
    Comparison::Run run;
    run.model = line.at("model");
    run.balance = line.at("balance");
    run.seed = line.at("seed");
    run.fit.epochs = line.at("epochs");
    run.fit.best_epoch = line.at("best_epoch");
    run.fit.best_value = number_of(line.at("validation"));
    run.fit.samples_per_second = line.at("train_samples_per_second");
    for (const auto& [name, metrics] : line.at("tasks").items()) {
      espalier::TaskReport& task = run.report.tasks.emplace_back();
      task.task = name;
      for (const auto& [metric, value] : metrics.items()) {
        task.metrics.push_back({metric, number_of(value)});
      }
    }
    return run;
  }

  std::string file_;
  nlohmann::ordered_json settings_;
  std::string monitor_;
  std::vector<Comparison::Run> runs_;
  std::vector<std::string> kept_;
};

}  // namespace examples
