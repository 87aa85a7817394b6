// SPDX-License-Identifier: Apache-2.0
// `Diagnosis`: measures during training how the tasks' gradients agree, and what the gates do.
#pragma once

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/file.hpp"
#include "espalier/exec/executor_interface.hpp"
#include "espalier/exec/gradient_probe.hpp"
#include "espalier/report/diagnosis_chart.hpp"
#include "espalier/report/gate_usage.hpp"
#include "espalier/report/history.hpp"

namespace espalier {

/// Measurements at single steps, as rows of a history:
///
///     gradient_norm/<group>/<task>           |g_k|: norm of the gradient of λ_k L_k
///     gradient_cosine/<group>/<task>~<task>
///     gate/<where>/load/<expert>             mean weight; the weights of a gate sum to 1
///     gate/<where>/entropy, …/load_entropy   see GateReport
///
/// Gradients are taken with respect to the shared parameters of <group>: a layer (all experts
/// together), a table, or "all". A value is missing if a task is absent from the batch.
template <class T>
class Diagnosis {
 public:
  /// `file`: .jsonl or .csv; the image is written next to it. `last_step`: the last step of a
  /// resumed run; earlier rows and that row are kept. 0 starts a new file. `executor` must outlive
  /// it.
  ESPALIER_COLD Diagnosis(const Program<T, Cpu>& program, ExecutorInterface& executor,
                          std::string file, std::int64_t last_step)
      : plan_(program.plan),
        file_(std::move(file)),
        executor_(executor),
        probe_(executor.on_cpu()),
        gates_(program, executor.on_cpu().parameters()) {
    if (last_step == 0 || !file_exists(file_)) return;
    const History before = History::read(file_);
    for (const HistoryRow& row : before.rows()) {
      if (row.step <= last_step) history_.add(row);
    }
  }

  /// Measures a step before it is executed, with the key of that step. Does not change what the
  /// model learns.
  ESPALIER_COLD const HistoryRow& measure(const Batch<T>& batch, std::span<const double> weights,
                                          std::uint64_t key, int epoch, std::int64_t step) {
    static_cast<void>(executor_.on_cpu());  // up to date
    HistoryRow row;
    row.epoch = epoch;
    row.step = step;
    const auto add = [&](std::string name, double value) {
      if (std::isfinite(value)) row.values.emplace_back(std::move(name), value);
    };
    const std::size_t tasks = weights.size();
    const auto task = [&](std::size_t k) { return std::string(plan_.tasks[k].name); };
    for (const GroupGradients& group : probe_.measure(batch, weights, key)) {
      const std::string norm = "gradient_norm/" + group.name + "/",
                        cosine = "gradient_cosine/" + group.name + "/";
      for (std::size_t i = 0; i < tasks; ++i) {
        if (group.norm(i, tasks) > 0) add(norm + task(i), group.norm(i, tasks));
      }
      for (std::size_t i = 0; i < tasks; ++i) {
        for (std::size_t j = i + 1; j < tasks; ++j)
          add(cosine + task(i) + "~" + task(j), group.cosine(i, j, tasks));
      }
    }
    gates_.clear();
    if (gates_.any()) gates_.add(batch);
    for (const GateReport& gate : gates_.reports()) {
      const std::string where = "gate/" + gate.where + "/";
      add(where + "entropy", gate.entropy);
      add(where + "load_entropy", gate.load_entropy);
      for (std::size_t e = 0; e < gate.load.size(); ++e)
        add(where + "load/" + std::to_string(e), gate.load[e]);
    }
    history_.add(std::move(row));
    return history_.rows().back();
  }

  /// Writes the file and the image. Throws IoError.
  ESPALIER_COLD void save() const {
    if (history_.rows().empty()) return;
    history_.write(file_);
    write_file_atomically(with_ending(file_, ".svg"), diagnosis_chart(history_).to_svg());
  }

  [[nodiscard]] const History& history() const { return history_; }

 private:
  PlanView plan_;
  std::string file_;
  ExecutorInterface& executor_;
  GradientProbe<T> probe_;
  GateUsage<T> gates_;
  History history_;
};

/// The functions that the option `diagnose` of a trainer refers to once it is set.
template <class T>
struct DiagnoseFunctions {
  static std::shared_ptr<Diagnosis<T>> make_one(const Program<T, Cpu>& program,
                                                ExecutorInterface& executor,
                                                const std::string& file, std::int64_t last_step) {
    return std::make_shared<Diagnosis<T>>(program, executor, file, last_step);
  }
  static const HistoryRow& measure_one(Diagnosis<T>& diagnosis, const Batch<T>& batch,
                                       std::span<const double> weights, std::uint64_t key,
                                       int epoch, std::int64_t step) {
    return diagnosis.measure(batch, weights, key, epoch, step);
  }
  static void save_one(const Diagnosis<T>& diagnosis) { diagnosis.save(); }

  decltype(&make_one) make;
  decltype(&measure_one) measure;
  decltype(&save_one) save;

  [[nodiscard]] static const DiagnoseFunctions& all() {
    static constexpr DiagnoseFunctions functions{&make_one, &measure_one, &save_one};
    return functions;
  }
};

}  // namespace espalier
