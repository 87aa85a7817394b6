// SPDX-License-Identifier: Apache-2.0
// Gains of the candidates of a comparison over single-task models: a table, a log, TensorBoard
// events, a chart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/comparison.hpp"
#include "common/comparison_log.hpp"
#include "common/intervals.hpp"
#include "espalier/core/atomic_file.hpp"
#include "espalier/metrics/transfer_gain.hpp"
#include "espalier/report/event_file.hpp"
#include "espalier/report/svg_chart.hpp"

namespace examples {

/// Gains of every run whose seed also has a single-task model; if there are several (balancing
/// methods), the first of that seed.
class Transfer {
 public:
  explicit Transfer(const Comparison& comparison) {
    for (const Comparison::Run& run : comparison.runs()) {
      if (run.model == "single") continue;
      for (const Comparison::Run& single : comparison.runs()) {
        if (single.model != "single" || single.seed != run.seed) continue;
        gains_.push_back(
            {run.candidate, run.seed, espalier::transfer_gain(run.report, single.report)});
        break;
      }
    }
    for (const Gain& gain : gains_) {
      if (std::find(candidates_.begin(), candidates_.end(), gain.candidate) == candidates_.end())
        candidates_.push_back(gain.candidate);
    }
  }

  [[nodiscard]] bool empty() const { return gains_.empty(); }

  /// One row per candidate: the mean over the tasks in per cent, its standard deviation over the
  /// seeds, and the mean of each task.
  [[nodiscard]] std::string table() const {
    std::string text =
        "transfer gain against single, %: mean of tasks ± deviation over seeds; each task\n";
    char cell[160];
    int row = 0;
    for (const std::string& name : candidates_) {
      const Moments all = moments_of(name, {});
      std::snprintf(cell, sizeof cell, "%2d %-26s %7s ± %.2f  ", ++row, name.c_str(),
                    percent(all.mean).c_str(), 100 * all.deviation);
      text += cell;
      for (const auto& [task, unused] : gains_[0].gain.tasks) {
        text += "  " + task + ' ' + percent(moments_of(name, task).mean);
      }
      text += '\n';
    }
    return text;
  }

  /// Writes transfer.jsonl, one line per run; transfer.svg; and TensorBoard events in one folder
  /// per candidate, with seeds as steps.
  void write(const std::filesystem::path& folder, const std::string& title) const {
    std::string log;
    for (const Gain& gain : gains_) {
      nlohmann::ordered_json line = {{"candidate", gain.candidate},
                                     {"seed", gain.seed},
                                     {"tasks", nlohmann::ordered_json::object()}};
      for (const auto& [task, delta] : gain.gain.tasks) line["tasks"][task] = json_number(delta);
      line["mean"] = json_number(gain.gain.mean);
      log += line.dump() + '\n';
    }
    espalier::write_file_atomically((folder / "transfer.jsonl").string(), log);
    espalier::write_file_atomically((folder / "transfer.svg").string(), picture(title).to_svg());
    for (const std::string& name : candidates_) {
      const std::filesystem::path own = folder / "transfer" / name;
      remove_events(own);
      espalier::EventFile events(own.string());
      for (const Gain& gain : gains_) {
        if (gain.candidate != name) continue;
        const auto step = static_cast<std::int64_t>(gain.seed);
        for (const auto& [task, delta] : gain.gain.tasks)
          events.scalar("transfer_gain/" + task, delta, step);
        events.scalar("transfer_gain/mean", gain.gain.mean, step);
      }
    }
  }

 private:
  struct Gain {
    std::string candidate;
    std::uint64_t seed = 0;
    espalier::TransferGain gain;
  };

  /// Otherwise TensorBoard would also show the events of an earlier comparison.
  static void remove_events(const std::filesystem::path& folder) {
    if (!std::filesystem::is_directory(folder)) return;
    std::vector<std::filesystem::path> old;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with("events.out.tfevents.") && name.find(".espalier.") != std::string::npos)
        old.push_back(entry.path());
    }
    for (const std::filesystem::path& file : old) std::filesystem::remove(file);
  }

  static std::string percent(double share) {
    if (!std::isfinite(share)) return "n/a";
    char text[32];
    std::snprintf(text, sizeof text, "%+.2f", 100 * share);
    return text;
  }

  /// The moments of the mean over tasks if `task` is empty. Undefined values are skipped.
  [[nodiscard]] Moments moments_of(const std::string& candidate, const std::string& task) const {
    std::vector<double> values;
    for (const Gain& gain : gains_) {
      if (gain.candidate != candidate) continue;
      double value = gain.gain.mean;
      for (const auto& [name, delta] : gain.gain.tasks) {
        if (name == task) value = delta;
      }
      if (value == value) values.push_back(value);
    }
    if (values.empty()) return {espalier::undefined, 0};
    return moments(values);
  }

  /// For each candidate the mean gain in per cent of each task and of all tasks.
  [[nodiscard]] espalier::SvgChart picture(const std::string& title) const {
    espalier::ChartPanel panel;
    panel.title = "Transfer gain against single-task models";
    panel.x_title = "row of the table";
    panel.y_title = "%";
    panel.whole_x = true;
    // Names are placed side by side; the numbers are the rows of the table.
    for (std::size_t i = 0; i < candidates_.size() && candidates_.size() <= 6; ++i) {
      panel.marks.emplace_back(static_cast<double>(i + 1), candidates_[i]);
    }
    std::vector<std::string> names;
    for (const auto& [task, unused] : gains_[0].gain.tasks) names.push_back(task);
    names.emplace_back();
    for (const std::string& task : names) {
      espalier::ChartSeries series{task.empty() ? "mean" : task, {}, {}, espalier::Mark::points};
      for (std::size_t i = 0; i < candidates_.size(); ++i) {
        series.x.push_back(static_cast<double>(i + 1));
        series.y.push_back(100 * moments_of(candidates_[i], task).mean);
      }
      panel.series.push_back(std::move(series));
    }
    espalier::SvgChart chart(title);
    chart.add(std::move(panel));
    return chart;
  }

  std::vector<std::string> candidates_;  ///< in the order of the comparison
  std::vector<Gain> gains_;
};

}  // namespace examples
