// SPDX-License-Identifier: Apache-2.0
// `Trainable`: which parts of the parameters learn, cut into chunks for threads.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "espalier/core/error.hpp"
#include "espalier/core/glob.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Tensors and tables whose name fits a pattern are frozen: `shared/*`, `embedding/user*`, `*/bias`.
class Trainable {
 public:
  struct Chunk {
    Index begin = 0;
    Index end = 0;
    bool frozen = false;
  };

  /// Throws ConfigError for a pattern that fits nothing, naming a few names that there are.
  ESPALIER_COLD Trainable(const PlanView& plan, std::span<const std::string> freeze) {
    std::vector<bool> used(freeze.size(), false);
    const auto frozen = [&](std::string_view name) {
      bool any = false;
      for (std::size_t i = 0; i < freeze.size(); ++i) {
        if (!matches(freeze[i], name)) continue;
        used[i] = true;
        any = true;
      }
      return any;
    };
    bool state = false;  // of the range that is open
    Index open = 0;
    for (const ParameterInfo& t : plan.tensors) {
      if (!t.trainable) continue;
      const bool now = frozen(t.name.view());
      if (now != state) {
        close(open, t.offset, state);
        open = t.offset;
        state = now;
      }
    }
    close(open, plan.sizes.parameters, state);
    for (const TableInfo& t : plan.tables) tables_.push_back(frozen(t.name.view()));
    for (std::size_t i = 0; i < freeze.size(); ++i) {
      if (!used[i]) {
        throw_error<ConfigError>({"freeze pattern '", freeze[i], "' fits no tensor; there are e.g. ",
                                  some_names(plan)});
      }
    }
  }

  [[nodiscard]] std::span<const Chunk> chunks() const { return chunks_; }
  /// Whether anything learns.
  [[nodiscard]] bool any() const {
    return std::any_of(chunks_.begin(), chunks_.end(), [](const Chunk& c) { return !c.frozen; }) ||
           std::find(tables_.begin(), tables_.end(), false) != tables_.end();
  }
  [[nodiscard]] bool table_frozen(int table) const { return tables_[static_cast<std::size_t>(table)]; }

 private:
  static constexpr Index chunk_size = 8192;

  void close(Index begin, Index end, bool frozen) {
    for (; begin < end; begin += chunk_size) {
      chunks_.push_back({begin, (std::min)(begin + chunk_size, end), frozen});
    }
  }

  ESPALIER_COLD static std::string some_names(const PlanView& plan) {
    std::string names;
    for (std::size_t i = 0; i < plan.tensors.size() && i < 4; ++i) {
      names += (i == 0 ? "'" : ", '") + std::string(plan.tensors[i].name.view()) + "'";
    }
    if (!plan.tables.empty()) names += ", '" + std::string(plan.tables[0].name.view()) + "'";
    return names;
  }

  std::vector<Chunk> chunks_;
  std::vector<bool> tables_;
};

}  // namespace espalier
