// SPDX-License-Identifier: Apache-2.0
// Definitions of the functions that importance.hpp declares.
#pragma once

#include "espalier/report/importance.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/random.hpp"
#include "espalier/data/dictionary.hpp"
#include "espalier/data/schema_columns.hpp"
#include "espalier/exec/predict.hpp"
#include "espalier/metrics/report_text.hpp"
#include "espalier/metrics/student_t.hpp"
#include "espalier/report/svg_canvas.hpp"

namespace espalier {

namespace importance_detail {

/// Inputs that are shuffled together: one field, or several fields that share a column. Holds the
/// indices of their values in EncodedData.
struct Source {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::size_t> numeric, single, several;
};

[[nodiscard]] ESPALIER_COLD inline std::vector<Source> sources_of(const Schema& schema) {
  std::vector<Source> sources;
  std::size_t numeric = 0, single = 0, categorical = 0;
  for (const FieldInfo& f : schema.fields) {
    Source next{std::string(f.name), {}, {}, {}, {}};
    for (int i = 0; i < column_count(f); ++i) {
      next.columns.push_back(column_name(f, i));
      if (f.is_numeric()) next.numeric.push_back(numeric++);
    }
    if (!f.is_numeric()) {
      if (f.pool == Pool::none) next.single.push_back(single++);
      next.several.push_back(categorical++);
    }
    std::size_t place = sources.size();
    // A field may share columns with several sources: all of them are joined.
    for (std::size_t s = 0; s < sources.size();) {
      Source& known = sources[s];
      if (std::find_first_of(known.columns.begin(), known.columns.end(), next.columns.begin(),
                             next.columns.end()) == known.columns.end()) {
        ++s;
        continue;
      }
      known.name += " + " + next.name;
      const auto join = [](auto& to, const auto& more) {
        to.insert(to.end(), more.begin(), more.end());
      };
      join(known.columns, next.columns);
      join(known.numeric, next.numeric);
      join(known.single, next.single);
      join(known.several, next.several);
      next = std::move(known);
      place = (std::min)(place, s);
      sources.erase(sources.begin() + static_cast<std::ptrdiff_t>(s));
    }
    sources.insert(sources.begin() + static_cast<std::ptrdiff_t>(place), std::move(next));
  }
  return sources;
}

/// Copies the values of the source from row order[j] of `from` to row j of `to`, for every j.
ESPALIER_COLD inline void take_rows(const Source& source, const EncodedData& from,
                                    const std::vector<std::int32_t>& order, EncodedData& to) {
  const auto rows = static_cast<std::size_t>(from.numeric_rows),
             singles = static_cast<std::size_t>(from.single_fields);
  for (std::size_t j = 0; j < order.size(); ++j) {
    const auto at = static_cast<std::size_t>(order[j]);
    for (const std::size_t i : source.numeric)
      to.numeric[j * rows + i] = from.numeric[at * rows + i];
    for (const std::size_t i : source.single)
      to.single_ids[j * singles + i] = from.single_ids[at * singles + i];
  }
  for (const std::size_t field : source.several) {
    const EncodedData::Ids& before = from.ids[field];
    if (before.offsets.empty()) continue;  // stored in single_ids
    EncodedData::Ids& after = to.ids[field];
    after.ids.clear();
    after.offsets.assign(1, 0);
    for (const std::int32_t row : order) {
      const auto* const offset = before.offsets.data() + row;
      after.ids.insert(after.ids.end(), before.ids.begin() + offset[0],
                       before.ids.begin() + offset[1]);
      after.offsets.push_back(static_cast<std::int32_t>(after.ids.size()));
    }
  }
}

/// Computes the metrics of all rows, and of parts of the rows: the spread over the parts gives the
/// intervals. `plan` and `data` must outlive it.
class Evaluation {
 public:
  ESPALIER_COLD Evaluation(const PlanView& plan, const EncodedData& data,
                           const ImportanceOptions& options)
      : plan_(plan), data_(data), options_(options.evaluate) {
    options_.resamples = {};
    if (options_.weights.empty() && !data.weights.empty()) options_.weights = data.weights;
    if (options_.groups.view.empty() && !data.groups.empty()) options_.groups = data.groups;
    const auto n = static_cast<std::size_t>(data.size());
    metrics_detail::require_size("importance", "weights",
                                 options_.weights.empty() ? n : options_.weights.size(), n);
    metrics_detail::require_size("importance", "groups",
                                 options_.groups.view.empty() ? n : options_.groups.view.size(), n);
    // The groups, or the rows if there are no groups: a unit is never divided between parts.
    std::map<std::int64_t, std::size_t> units;
    std::vector<std::size_t> unit_of(n);
    for (std::size_t i = 0; i < n; ++i) {
      const std::int64_t unit =
          options_.groups.view.empty() ? static_cast<std::int64_t>(i) : options_.groups.view[i];
      unit_of[i] = units.emplace(unit, units.size()).first->second;
    }
    std::vector<std::size_t> place(units.size());
    std::iota(place.begin(), place.end(), std::size_t{0});
    Random(options.seed).shuffle(place);
    parts_.resize((std::clamp)(units.size() / 10, std::size_t{2}, std::size_t{20}));
    for (std::size_t i = 0; i < n; ++i)
      add(i, parts_[place[unit_of[i]] * parts_.size() / units.size()]);
    // Some are empty if there are fewer groups than parts.
    std::erase_if(parts_, [](const Part& part) { return part.rows.empty(); });
    for (Part& part : parts_) {
      part.data.samples = static_cast<Index>(part.rows.size());
      part.data.tasks = data.tasks;
      part.data.label_scales = data.label_scales;
      for (std::size_t k = 0; k < plan.tasks.size(); ++k) {
        for (const std::size_t row : part.rows) part.data.labels.push_back(data.label(k)[row]);
      }
      part.options = options_;
      part.options.weights = part.weights;
      if (!part.groups.empty()) part.options.groups = part.groups;
    }
  }

  /// The report of all rows first, then one per part.
  [[nodiscard]] std::vector<Report> reports(const Predictions& predictions) const {
    std::vector<Report> made{report_of(plan_, data_, predictions, options_, true)};
    for (const Part& part : parts_) {
      Predictions of_part(plan_, part.data.samples);
      for (std::size_t k = 0; k < plan_.tasks.size(); ++k) {
        const std::size_t width = predictions.width(k);
        float* to = of_part.values[k].data();
        for (const std::size_t row : part.rows)
          to = std::copy_n(predictions.values[k].data() + row * width, width, to);
        if (k >= predictions.ranks.size() || predictions.ranks[k].empty()) continue;
        of_part.ranks.resize(plan_.tasks.size());
        for (const std::size_t row : part.rows)
          of_part.ranks[k].push_back(predictions.ranks[k][row]);
      }
      made.push_back(report_of(plan_, part.data, of_part, part.options, true));
    }
    return made;
  }

 private:
  struct Part {
    std::vector<std::size_t> rows;
    EncodedData data;  ///< labels only
    std::vector<double> weights;
    std::vector<std::int64_t> groups;
    EvaluateOptions options;
  };

  void add(std::size_t row, Part& part) const {
    part.rows.push_back(row);
    if (!options_.weights.empty()) part.weights.push_back(options_.weights[row]);
    if (!options_.groups.view.empty()) part.groups.push_back(options_.groups.view[row]);
  }

  const PlanView& plan_;
  const EncodedData& data_;
  EvaluateOptions options_;
  std::vector<Part> parts_;
};

/// The index of the metric to use, per task. Throws ConfigError if no task has the metric `wanted`,
/// or if neither direction of a metric is better.
[[nodiscard]] ESPALIER_COLD inline std::vector<std::size_t> chosen_metrics(
    const Report& report, const std::string& wanted) {
  std::vector<std::size_t> chosen;
  std::string known;
  bool found = wanted.empty();
  for (const TaskReport& task : report.tasks) {
    chosen.push_back(0);
    for (std::size_t m = 0; m < task.metrics.size(); ++m) {
      const std::string& name = task.metrics[m].name;
      if (name == wanted) chosen.back() = m;
      found = found || name == wanted;
      if (known.find("'" + name + "'") == std::string::npos)
        known += (known.empty() ? "'" : ", '") + name + "'";
    }
    static_cast<void>(better_is_higher(task.metrics[chosen.back()].name));
  }
  if (!found)
    throw_error<ConfigError>(
        {"importance: no task has the metric '", wanted, "', expected one of ", known});
  return chosen;
}

/// before − after; after − before if lower is better.
[[nodiscard]] inline double loss_of(const MetricValue& before, const MetricValue& after) {
  return better_is_higher(before.name) ? before.value - after.value : after.value - before.value;
}

}  // namespace importance_detail

ESPALIER_COLD ESPALIER_INLINE Importance importance_of(
    const PlanView& plan, const EncodedData& data,
    FunctionRef<Predictions(const EncodedData&)> predict, const ImportanceOptions& options) {
  using namespace importance_detail;
  if (options.repeats < 1)
    throw_error<ConfigError>({"importance: repeats is ", options.repeats, ", expected 1 or more"});
  const double confidence = options.evaluate.confidence;
  if (!(confidence > 0 && confidence < 1))
    throw_error<ConfigError>({"importance: confidence is ", decimal(confidence, 9),
                              ", expected a number between 0 and 1"});
  if (data.size() == 0) throw ConfigError("importance: the data has no rows, expected some");
  const Evaluation evaluation(plan, data, options);
  const std::vector<Report> before = evaluation.reports(predict(data));
  const std::vector<std::size_t> metric = chosen_metrics(before[0], options.metric);
  const std::vector<Source> sources = sources_of(plan.schema);
  Importance made;
  made.confidence = confidence;
  for (std::size_t k = 0; k < metric.size(); ++k) {
    const MetricValue& main = before[0].tasks[k].metrics[metric[k]];
    made.tasks.push_back({before[0].tasks[k].task, main.name, main.value, {}});
  }
  EncodedData shuffled = data;
  std::vector<std::int32_t> in_order(static_cast<std::size_t>(data.size()));
  std::iota(in_order.begin(), in_order.end(), 0);
  Index done = 0;
  for (const Source& source : sources) {
    // Per task: the mean loss of all rows first, then of each part.
    std::vector<std::vector<double>> losses(metric.size(), std::vector<double>(before.size(), 0.0));
    for (Index repeat = 0; repeat < options.repeats; ++repeat) {
      std::vector<std::int32_t> order = in_order;
      // Seeded by the name, so that the other inputs of the model change nothing.
      Random(mix(options.seed, hash_text(source.name)), static_cast<std::uint64_t>(repeat))
          .shuffle(order);
      take_rows(source, data, order, shuffled);
      const std::vector<Report> after = evaluation.reports(predict(shuffled));
      for (std::size_t k = 0; k < metric.size(); ++k) {
        for (std::size_t p = 0; p < before.size(); ++p) {
          losses[k][p] +=
              loss_of(before[p].tasks[k].metrics[metric[k]], after[p].tasks[k].metrics[metric[k]]) /
              static_cast<double>(options.repeats);
        }
      }
      if (options.progress)
        options.progress(++done, static_cast<Index>(sources.size()) * options.repeats);
    }
    take_rows(source, data, in_order, shuffled);
    for (std::size_t k = 0; k < metric.size(); ++k) {
      const double mean = losses[k][0];
      std::vector<double> of_parts;
      std::copy_if(losses[k].begin() + 1, losses[k].end(), std::back_inserter(of_parts),
                   [](double x) { return std::isfinite(x); });
      made.tasks[k].inputs.push_back(
          {source.name, mean,
           std::isnan(mean) ? Interval{} : student_interval(mean, of_parts, confidence)});
    }
  }
  for (TaskImportance& task : made.tasks) {
    std::stable_sort(task.inputs.begin(), task.inputs.end(),
                     [](const InputImportance& a, const InputImportance& b) {
                       return std::isnan(b.loss) ? !std::isnan(a.loss) : a.loss > b.loss;
                     });
  }
  return made;
}

ESPALIER_COLD ESPALIER_INLINE const InputImportance& Importance::at(std::string_view task,
                                                                    std::string_view input) const {
  std::string known;
  const auto add = [&](const std::string& name) {
    known += (known.empty() ? "'" : ", '") + name + "'";
  };
  for (const TaskImportance& t : tasks) {
    if (t.task != task) {
      add(t.task);
      continue;
    }
    known.clear();
    for (const InputImportance& i : t.inputs) {
      if (i.input == input) return i;
      add(i.input);
    }
    throw_error<ConfigError>({"importance: no input '", input, "', expected one of ", known});
  }
  throw_error<ConfigError>({"importance: no task '", task, "', expected one of ", known});
}

ESPALIER_COLD ESPALIER_INLINE std::string Importance::to_string() const {
  std::string text;
  for (const TaskImportance& task : tasks) {
    std::vector<std::vector<std::string>> cells{
        {task.task + ": " + task.metric + " " + report_detail::format(task.value), "worse by",
         decimal(100 * confidence, 4) + " % interval"}};
    for (const InputImportance& i : task.inputs) {
      cells.push_back({i.input, report_detail::format(i.loss),
                       "[" + report_detail::format(i.interval.low) + ", " +
                           report_detail::format(i.interval.high) + "]"});
    }
    text += (text.empty() ? "" : "\n") + report_detail::align(cells);
  }
  return text;
}

namespace importance_detail {

/// One row per input: its name, a dot at the loss, a line over the interval.
[[nodiscard]] ESPALIER_COLD inline SvgPanel panel_of(const TaskImportance& task,
                                                     double confidence) {
  using namespace chart_detail;
  constexpr double plot = 320, line_height = 20, top = 40, bottom = 54, right = 24,
                   before_names = 24;
  double names = 60, low = 0, high = 0;
  for (const InputImportance& i : task.inputs) {
    names = (std::max)(names, width_of(shortened(i.input)));
    for (const double x : {i.loss, i.interval.low, i.interval.high}) {
      if (!std::isfinite(x)) continue;
      low = (std::min)(low, x);
      high = (std::max)(high, x);
    }
  }
  const double left = before_names + names + 12,
               height = line_height * static_cast<double>(task.inputs.size());
  const Axis axis = Axis::over(low, high, 5, 0.04, false);
  const auto draw = [&task, axis, left, height, confidence](SvgCanvas& out, double x, double y,
                                                            double) {
    const double x0 = x + left, y0 = y + top;
    const auto to_x = [&](double v) {
      return x0 + plot * ((v - axis.low) / (axis.high - axis.low));
    };
    out.text(x + before_names, y0 - 16, heading,
             shortened(task.task) + ": " + metric_title(task.metric) + " " +
                 report_detail::format(task.value));
    for (const double tick : axis.ticks()) {
      const bool zero = std::abs(tick) < axis.step * 1e-6;
      out.line(to_x(tick), y0, to_x(tick), y0 + height + 5, zero ? axis_line : grid_line);
      out.text(to_x(tick), y0 + height + 19, "font-size=\"11\" text-anchor=\"middle\"",
               axis.label(tick));
    }
    out.text(x0 + plot / 2, y0 + height + 40, "text-anchor=\"middle\" fill=\"#475569\"",
             "worse by, " + decimal(100 * confidence, 4) + " % interval");
    for (std::size_t row = 0; row < task.inputs.size(); ++row) {
      const InputImportance& i = task.inputs[row];
      const double middle = y0 + line_height * (static_cast<double>(row) + 0.5);
      out.text(x0 - 12, middle + 4, "text-anchor=\"end\"", shortened(i.input));
      if (std::isfinite(i.interval.low) && std::isfinite(i.interval.high)) {
        out.line(to_x(i.interval.low), middle, to_x(i.interval.high), middle,
                 "stroke=\"#2563eb\" stroke-width=\"1.8\"");
      }
      if (std::isfinite(i.loss)) out.dot(to_x(i.loss), middle, 3.5, "fill=\"#2563eb\"");
    }
  };
  return {left + plot + right, top + height + bottom, draw};
}

}  // namespace importance_detail

ESPALIER_COLD ESPALIER_INLINE std::string Importance::to_svg(const std::string& title) const {
  std::vector<SvgPanel> panels;
  for (const TaskImportance& task : tasks)
    panels.push_back(importance_detail::panel_of(task, confidence));
  return chart_detail::image_of(title, 24, panels);
}

}  // namespace espalier
