// SPDX-License-Identifier: Apache-2.0
// Definitions of resume.hpp.
#pragma once

#include "espalier/model/resume.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/exec/parameter_average.hpp"
#include "espalier/model/checkpoint.hpp"
#include "espalier/model/description.hpp"
#include "espalier/model/loop_state.hpp"
#include "espalier/model/safetensors.hpp"

namespace espalier {

namespace resume_detail {

/// Calls visit(name, steps) for every table, if an average is kept.
template <class Visit>
void for_each_average_step(const PlanView& plan, ParameterAverage<float>& average, Visit visit) {
  for (std::size_t t = 0; t < average.steps().size(); ++t) {
    visit("average_step/" + std::string(plan.tables[t].name.view()), average.steps()[t].span());
  }
}

[[nodiscard]] inline Shape vector_shape(std::size_t size) {
  return {static_cast<std::int64_t>(size)};
}

[[nodiscard]] ESPALIER_COLD inline Json to_json(const LoopState& loop) {
  Json json = Json::object();
  json.set("epoch", loop.epoch);
  json.set("position", loop.position);
  json.set("step", loop.step);
  json.set("best_epoch", loop.best_epoch);
  if (loop.reductions > 0) {
    json.set("reductions", loop.reductions);
    json.set("reduced_epoch", loop.reduced_epoch);
  }
  json.set("stopped", loop.stopped);
  json.set("out_of_patience", loop.out_of_patience);
  return json;
}

[[nodiscard]] ESPALIER_COLD inline LoopState loop_from_json(const Json& json) {
  const auto count = [&](std::string_view key, std::int64_t most) {
    const std::int64_t value = json.at(key).as_integer();
    if (value >= 0 && value <= most) return value;
    throw_error<DataError>({key, " is ", value, ", expected 0 to ", most});
  };
  constexpr std::int64_t most = std::int64_t{1} << 53U;
  LoopState loop;
  loop.epoch = static_cast<int>(count("epoch", (std::numeric_limits<int>::max)() - 1));
  loop.position = static_cast<Index>(count("position", most));
  loop.step = count("step", most);
  loop.best_epoch = static_cast<int>(count("best_epoch", loop.epoch));
  if (json.find("reductions") != nullptr) {
    loop.reductions = static_cast<int>(count("reductions", loop.epoch));
    loop.reduced_epoch = static_cast<int>(count("reduced_epoch", loop.epoch));
  }
  loop.stopped = json.at("stopped").as_bool();
  loop.out_of_patience = json.at("out_of_patience").as_bool();
  return loop;
}

}  // namespace resume_detail

ESPALIER_COLD ESPALIER_INLINE void save_resume(const std::string& checkpoint, const PlanView& plan,
                                               const FeaturesState& features,
                                               const ResumeView& view, const LoopState& loop) {
  SafetensorsWriter writer;
  checkpoint_detail::add_description(writer, plan, features);
  writer.metadata("settings", join_lines(view.settings));
  writer.metadata("loop", resume_detail::to_json(loop).dump());
  checkpoint_detail::add_metrics(writer, loop.best_metrics);
  checkpoint_detail::add_parameters(writer, plan, view.parameters, "");
  if (loop.best_epoch > 0) checkpoint_detail::add_parameters(writer, plan, view.best, "best/");
  resume_detail::for_each_state(
      plan, view.optimizer, [&](std::string name, std::span<const float> values) {
        writer.add(std::move(name), resume_detail::vector_shape(values.size()), values);
      });
  if (view.average != nullptr && view.average->kept()) {
    checkpoint_detail::add_parameters(writer, plan, view.average->values(), "average/");
    resume_detail::for_each_average_step(
        plan, *view.average, [&](std::string name, std::span<const std::int64_t> steps) {
          writer.add(std::move(name), resume_detail::vector_shape(steps.size()), steps);
        });
  }
  std::vector<double> numbers{loop.best_value};
  numbers.insert(numbers.end(), loop.loss_sums.begin(), loop.loss_sums.end());
  numbers.insert(numbers.end(), loop.sample_sums.begin(), loop.sample_sums.end());
  writer.add("loop", resume_detail::vector_shape(numbers.size()), std::span<const double>(numbers));
  writer.add("balance", resume_detail::vector_shape(view.balance.size()),
             std::span<const double>(view.balance));
  writer.write(resume_path(checkpoint));
}

ESPALIER_COLD ESPALIER_INLINE LoopState load_resume(const SafetensorsFile& file,
                                                    const PlanView& plan, ResumeView& view) {
  checkpoint_detail::check_description(file, plan);
  const std::string settings = join_lines(view.settings);
  if (const std::string& found = file.metadata("settings"); found != settings) {
    const auto [before, now] = first_difference(found, settings);
    throw_error<CheckpointError>(
        {file.path(), ": the run was started with ", before, ", now it is ", now,
         "; resume with the same settings, or remove the file to start anew"});
  }
  LoopState loop = checkpoint_detail::read_json(file, "loop", resume_detail::loop_from_json);
  loop.best_metrics = load_metrics(file);
  checkpoint_detail::read_parameters(file, plan, view.parameters, "");
  if (loop.best_epoch > 0) {
    checkpoint_detail::read_parameters(file, plan, view.best, "best/");
  } else {
    view.best.copy_from(view.parameters);
  }
  resume_detail::for_each_state(
      plan, view.optimizer, [&](const std::string& name, std::span<float> values) {
        file.read(name, resume_detail::vector_shape(values.size()), values);
      });
  if (view.average != nullptr && view.average->kept()) {
    checkpoint_detail::read_parameters(file, plan, view.average->values(), "average/");
    resume_detail::for_each_average_step(
        plan, *view.average, [&](const std::string& name, std::span<std::int64_t> steps) {
          file.read(name, resume_detail::vector_shape(steps.size()), steps);
          const auto wrong = std::find_if(steps.begin(), steps.end(),
                                          [&](std::int64_t s) { return s < 0 || s > loop.step; });
          if (wrong != steps.end()) {
            throw_error<CheckpointError>(
                {file.path(), ": tensor '", name, "' has ", *wrong, ", expected 0 to ", loop.step});
          }
        });
  }
  view.balance = file.values<double>("balance");
  const std::vector<double> numbers = file.values<double>("loop");
  const std::size_t tasks = plan.tasks.size();
  if (numbers.size() != 1 && numbers.size() != 1 + 2 * tasks) {
    throw_error<CheckpointError>({file.path(), ": tensor 'loop' has ", numbers.size(),
                                  " values, expected 1 or ", 1 + 2 * tasks});
  }
  loop.best_value = numbers[0];
  if (numbers.size() == 1) return loop;
  const auto half = numbers.begin() + 1 + static_cast<std::ptrdiff_t>(tasks);
  loop.loss_sums.assign(numbers.begin() + 1, half);
  loop.sample_sums.assign(half, numbers.end());
  return loop;
}

ESPALIER_INLINE LoopState load_resume(const std::string& checkpoint, const PlanView& plan,
                                      ResumeView& view) {
  return load_resume(SafetensorsFile(resume_path(checkpoint)), plan, view);
}

}  // namespace espalier
