// SPDX-License-Identifier: Apache-2.0
// Definitions of freeze_mask.hpp.
#pragma once

#include "espalier/exec/freeze_mask.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/glob.hpp"
#include "espalier/optim/parameter_group.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

ESPALIER_COLD ESPALIER_INLINE FreezeMask::FreezeMask(const PlanView& plan,
                                                     std::span<const std::string> freeze,
                                                     std::span<const ParameterGroup> groups) {
  std::vector<bool> freezes(freeze.size(), false), fits(groups.size(), false),
      takes(groups.size(), false);
  const auto group_of = [&](std::string_view name) {
    int found = no_group;
    for (std::size_t i = groups.size(); i-- > 0;) {
      if (!matches(groups[i].pattern, name)) continue;
      fits[i] = true;
      found = static_cast<int>(i) + 1;
    }
    if (found != no_group) takes[static_cast<std::size_t>(found - 1)] = true;
    for (std::size_t i = 0; i < freeze.size(); ++i) {
      if (!matches(freeze[i], name)) continue;
      freezes[i] = true;
      found = frozen;
    }
    return found;
  };
  int group = no_group;  // of the open range
  Index open = 0;
  for (const ParameterInfo& t : plan.tensors) {
    if (!t.trainable) continue;
    const int now = group_of(t.name.view());
    if (now != group) {
      close(open, t.offset, group);
      open = t.offset;
      group = now;
    }
  }
  close(open, plan.sizes.parameters, group);
  for (const TableInfo& t : plan.tables) tables_.push_back(group_of(t.name.view()));
  for (std::size_t i = 0; i < freeze.size(); ++i) {
    if (!freezes[i]) fits_nothing("freeze", freeze[i], plan);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!fits[i]) fits_nothing("group", groups[i].pattern, plan);
    if (takes[i]) continue;
    throw_error<ConfigError>({"group pattern '", groups[i].pattern,
                              "' fits only what patterns before it fit, and the first one "
                              "counts; expected it before them"});
  }
}

ESPALIER_INLINE bool FreezeMask::any() const {
  return std::any_of(chunks_.begin(), chunks_.end(),
                     [](const Chunk& c) { return !c.is_frozen(); }) ||
         std::any_of(tables_.begin(), tables_.end(), [](int group) { return group != frozen; });
}

ESPALIER_INLINE bool FreezeMask::tensor_frozen(Index offset) const {
  for (const Chunk& chunk : chunks_) {
    if (chunk.begin <= offset && offset < chunk.end) return chunk.is_frozen();
  }
  return false;
}

ESPALIER_INLINE void FreezeMask::close(Index begin, Index end, int group) {
  for (; begin < end; begin += chunk_size) {
    chunks_.push_back({begin, (std::min)(begin + chunk_size, end), group});
  }
}

ESPALIER_COLD ESPALIER_INLINE void FreezeMask::fits_nothing(std::string_view what,
                                                            std::string_view pattern,
                                                            const PlanView& plan) {
  throw_error<ConfigError>(
      {what, " pattern '", pattern, "' fits no tensor; there are e.g. ", some_names(plan)});
}

ESPALIER_COLD ESPALIER_INLINE std::string FreezeMask::some_names(const PlanView& plan) {
  std::string names;
  for (std::size_t i = 0; i < plan.tensors.size() && i < 4; ++i) {
    names += (i == 0 ? "'" : ", '") + std::string(plan.tensors[i].name.view()) + "'";
  }
  if (!plan.tables.empty()) names += ", '" + std::string(plan.tables[0].name.view()) + "'";
  return names;
}

}  // namespace espalier
