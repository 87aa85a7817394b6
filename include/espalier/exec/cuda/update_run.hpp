// SPDX-License-Identifier: Apache-2.0
// `CudaUpdateRun`: from a batch's gradients to updated parameters, on a GPU.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "espalier/exec/cuda/batch_run.hpp"
#include "espalier/exec/cuda/step_settings.hpp"
#include "espalier/exec/freeze_mask.hpp"
#include "espalier/exec/optimizer_state.hpp"
#include "espalier/optim/adam.hpp"
#include "espalier/optim/cuda/update.hpp"
#include "espalier/optim/optimizer.hpp"
#include "espalier/optim/parameter_group.hpp"

namespace espalier {

class CudaUpdateRun {
 public:
  ESPALIER_COLD explicit CudaUpdateRun(CudaBatchRun& run)
      : run_(run),
        scale_(1, "the clipping factor"),
        norm_(1, "the gradients' norm"),
        read_norm_(1, "the gradients' norm"),
        freeze_(run.plan(), {}) {}

  /// See CudaTrainExecutor.
  ESPALIER_COLD void prepare(const Optimizer& optimizer, std::span<const std::string> freeze,
                             std::span<const ParameterGroup> groups) {
    settings_ = cuda::StepSettings(run_.tasks, group_rules(optimizer, groups));
    freeze_ = FreezeMask(run_.plan(), freeze, groups);
    states_.clear();
    for (int s = 0; s < optimizer.states(); ++s) {
      const auto initial = static_cast<float>(optimizer.initial_state(s));
      State& state = states_.emplace_back();
      state.dense = filled(run_.gradients.size(), initial);
      for (std::size_t t = 0; t < run_.rows.count(); ++t)
        state.tables.push_back(filled(run_.rows.values(t).size(), initial));
    }
    run_.rows.learn_by(run_.stream.get(), [&](std::size_t t, cuda::TableRows& table) {
      table.group = freeze_.table_group(static_cast<int>(t));
      for (std::size_t s = 0; s < states_.size(); ++s)
        table.states[s] = states_[s].tables[t].data();
    });
    ++run_.version;
  }

  [[nodiscard]] const FreezeMask& freeze_mask() const { return freeze_; }
  [[nodiscard]] const cuda::StepSettings& settings() const { return settings_; }

  ESPALIER_COLD void set_state(const OptimizerState<float>& state) {
    each_state(state, [this](cuda::Memory<float>& memory, const Buffer<float>& from) {
      memory.set(run_.stream.get(), from.data(), from.size());
    });
  }
  ESPALIER_COLD void get_state(OptimizerState<float>& state) {
    each_state(state, [this](const cuda::Memory<float>& memory, Buffer<float>& to) {
      memory.get(run_.stream.get(), to.data(), to.size());
    });
  }

  /// Puts the copy of a step's settings on the stream. `max_norm` > 0 clips the global norm.
  void set(std::span<const double> weights, std::uint64_t key, const UpdateStep& step,
           double max_norm) {
    if (!settings_.made()) prepare(Adam{}, {}, {});
    if (max_norm != max_norm_) ++run_.version;
    max_norm_ = max_norm;
    settings_.copy(weights, key, step, run_.stream.get());
  }

  /// The same with the present limit, for work that does not update.
  void set(std::span<const double> weights, std::uint64_t key) { set(weights, key, {}, max_norm_); }

  /// Norm of the last update's gradients before clipping; 0 without clipping. After a wait.
  [[nodiscard]] double norm() const { return max_norm_ > 0 ? std::sqrt(read_norm_.data()[0]) : 0; }

  /// Puts an update on the stream, with the gradients of dense parameters and the sums of rows.
  void submit(Cuda device) {
    const bool clip = max_norm_ > 0;
    const float* const scale = clip ? scale_.data() : nullptr;
    const int tables = static_cast<int>(run_.rows.count());
    if (clip) {
      cuda::clear(device.stream, norm_.data(), sizeof(double));
      for_each_range([&](Index begin, Index end, int) {
        cuda::add_squared_norm(device, run_.gradients.data() + begin, end - begin, norm_.data());
      });
      if (run_.rows.any())
        cuda::add_squared_norm(device, run_.rows.tables(), tables, run_.rows.sorted(),
                               norm_.data());
      cuda::clip_scale(device, norm_.data(), max_norm_, scale_.data());
      cuda::copy_to_host(device.stream, read_norm_.data(), norm_.data(), sizeof(double));
    }
    for_each_range([&](Index begin, Index end, int group) {
      cuda::RangeUpdate u;
      u.formula = settings_.formula(static_cast<std::size_t>(group));
      u.scale = scale;
      u.parameters = run_.parameters.data() + begin;
      u.gradients = run_.gradients.data() + begin;
      u.count = end - begin;
      for (std::size_t s = 0; s < states_.size(); ++s)
        u.states[s] = states_[s].dense.data() + begin;
      settings_.kernels().update(device, u);
    });
    for (std::size_t group = 0; group < settings_.groups(); ++group) {
      if (!run_.rows.any() || !run_.rows.has_group(static_cast<int>(group))) continue;
      cuda::RowsUpdate u;
      u.formula = settings_.formula(group);
      u.scale = scale;
      u.tables = run_.rows.tables();
      u.table_count = tables;
      u.group = static_cast<int>(group);
      u.sorted = run_.rows.sorted();
      settings_.kernels().update_rows(device, u);
    }
  }

 private:
  /// One number per parameter that the optimiser keeps.
  struct State {
    cuda::Memory<float> dense;
    std::vector<cuda::Memory<float>> tables;
  };

  [[nodiscard]] ESPALIER_COLD cuda::Memory<float> filled(std::size_t size, float value) {
    cuda::Memory<float> made(size, "the optimiser's state");
    if (value != 0 && size > 0) {
      const std::vector<float> values(size, value);
      made.set(run_.stream.get(), values.data(), size);
    }
    return made;
  }

  /// Calls visit(memory, buffer) for each state's dense values and tables, here and in `state`.
  template <class HostState, class Visit>
  void each_state(HostState& state, Visit visit) {
    for (std::size_t s = 0; s < states_.size(); ++s) {
      visit(states_[s].dense, state.dense[s]);
      for (std::size_t t = 0; t < states_[s].tables.size(); ++t)
        visit(states_[s].tables[t], state.tables[s][t]);
    }
  }

  /// Calls work(begin, end, group) for ranges of dense parameters that learn by the same rule.
  template <class Work>
  void for_each_range(Work work) const {
    const auto chunks = freeze_.chunks();
    for (std::size_t i = 0; i < chunks.size();) {
      std::size_t last = i;
      while (last + 1 < chunks.size() && chunks[last + 1].group == chunks[i].group &&
             chunks[last + 1].begin == chunks[last].end)
        ++last;
      if (!chunks[i].is_frozen()) work(chunks[i].begin, chunks[last].end, chunks[i].group);
      i = last + 1;
    }
  }

  CudaBatchRun& run_;
  cuda::StepSettings settings_;
  cuda::Memory<float> scale_;
  cuda::Memory<double> norm_;
  cuda::Pinned<double> read_norm_;
  FreezeMask freeze_;
  std::vector<State> states_;
  double max_norm_ = 0;
};

}  // namespace espalier
