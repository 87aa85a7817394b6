// SPDX-License-Identifier: Apache-2.0
// `GradientProbe<T>`: measures norms and cosines of the tasks' gradients, layer by layer.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/exec/executor.hpp"
#include "espalier/exec/parameter_gradients.hpp"

namespace espalier {

/// The Gramian of the tasks' gradients with respect to one group of shared parameters.
struct GroupGradients {
  /// "shared/dense0", "expert/dense1" (all experts), "embedding/user"; or "all".
  std::string name;
  std::vector<double> gramian;  ///< tasks × tasks

  /// |g_k|; 0 for an absent task.
  [[nodiscard]] double norm(std::size_t k, std::size_t tasks) const {
    return std::sqrt((std::max)(gramian[k * tasks + k], 0.0));
  }
  /// Cosine of the angle between g_i and g_j; NaN if either is zero.
  [[nodiscard]] double cosine(std::size_t i, std::size_t j, std::size_t tasks) const {
    const double length = norm(i, tasks) * norm(j, tasks);
    if (!(length > 0)) return std::nan("");
    return (std::clamp)(gramian[i * tasks + j] / length, -1.0, 1.0);
  }
};

/// The group of a tensor: its layer, with all experts as one. "expert3/dense0/weight" belongs to
/// "expert/dense0".
[[nodiscard]] ESPALIER_COLD inline std::string layer_group(std::string_view tensor) {
  const std::string_view layer = tensor.substr(0, (std::min)(tensor.rfind('/'), tensor.size()));
  constexpr std::string_view expert = "expert";
  std::string group;
  for (std::size_t at = 0; at <= layer.size();) {
    const std::size_t end = (std::min)(layer.find('/', at), layer.size());
    const std::string_view part = layer.substr(at, end - at);
    const bool numbered =
        part.starts_with(expert) &&
        part.find_first_not_of("0123456789", expert.size()) == std::string_view::npos;
    (group += at == 0 ? "" : "/") += numbered ? expert : part;
    at = end + 1;
  }
  return group;
}

/// Computes the gradients of λ_k L_k over one batch, with one backward pass per task, as
/// ParameterGradients does. Restores the executor's state: measuring does not change training, bit
/// for bit.
template <class T>
class GradientProbe {
 public:
  /// Construct after TrainExecutor::prepare(): frozen tensors are left out.
  ESPALIER_COLD explicit GradientProbe(TrainExecutor<T>& executor)
      : e_(executor), gradients_(executor, find_groups()) {
    state_.resize(e_.parameters().dense.size());
  }

  /// Returns the groups in the order of the plan; the first is "all". `weights`: λ.
  [[nodiscard]] std::span<const GroupGradients> measure(const Batch<T>& batch,
                                                        std::span<const double> weights,
                                                        std::uint64_t key) {
    std::copy_n(e_.parameters().dense.data(), state_.size(), state_.data());
    const BatchRun<T>& run = e_.begin(batch, weights, key);
    const std::size_t tasks = weights.size(), square = tasks * tasks;
    std::vector<std::size_t> present;
    for (std::size_t k = 0; k < tasks; ++k) {
      if (run.totals[k] > 0 && weights[k] > 0) present.push_back(k);
    }
    gradients_.set_present(present);
    const std::size_t pieces = gradients_.run();
    for (GroupGradients& group : groups_) group.gramian.assign(square, 0.0);
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      const double* products = gradients_.products().data() + piece * square;
      for (const int to : {0, gradients_.group(piece)}) {
        std::vector<double>& sum = groups_[static_cast<std::size_t>(to)].gramian;
        for (std::size_t i = 0; i < tasks; ++i) {
          for (std::size_t j = 0; j <= i; ++j) sum[i * tasks + j] += products[i * tasks + j];
        }
      }
    }
    for (GroupGradients& group : groups_) {
      for (std::size_t i = 0; i < tasks; ++i) {
        for (std::size_t j = 0; j < i; ++j)
          group.gramian[j * tasks + i] = group.gramian[i * tasks + j];
      }
    }
    gradients_.discard();
    e_.clear_gradient();
    // Restore state such as running means, which the forward pass changed.
    for (const ParameterInfo& t : e_.plan().tensors) {
      if (!t.trainable)
        std::copy_n(state_.data() + t.offset, t.size(), e_.parameters().dense.data() + t.offset);
    }
    return groups_;
  }

 private:
  /// Fills groups_; returns the group of each tensor, then of each table.
  [[nodiscard]] ESPALIER_COLD std::vector<int> find_groups() {
    groups_.push_back({"all", {}});
    std::vector<int> of;
    const auto add = [&](std::string name, bool counts) {
      int at = 0;
      if (counts) {
        while (at < static_cast<int>(groups_.size()) &&
               groups_[static_cast<std::size_t>(at)].name != name)
          ++at;
        if (at == static_cast<int>(groups_.size())) groups_.push_back({std::move(name), {}});
      }
      of.push_back(at);
    };
    const FreezeMask& freeze_mask = e_.freeze_mask();
    for (const ParameterInfo& t : e_.plan().tensors)
      add(layer_group(t.name.view()),
          t.trainable && t.task == shared_by_tasks && !freeze_mask.tensor_frozen(t.offset));
    for (std::size_t i = 0; i < e_.plan().tables.size(); ++i) {
      const TableInfo& table = e_.plan().tables[i];
      add(std::string(table.name.view()),
          table.task == shared_by_tasks && !freeze_mask.table_frozen(static_cast<int>(i)));
    }
    return of;
  }

  TrainExecutor<T>& e_;
  std::vector<GroupGradients> groups_;
  ParameterGradients<T> gradients_;
  std::vector<T> state_;
};

}  // namespace espalier
