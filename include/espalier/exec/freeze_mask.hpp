// SPDX-License-Identifier: Apache-2.0
// `FreezeMask`: the parameter group of each tensor, or that it is frozen; cuts parameters into
// chunks for threads.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/optim/parameter_group.hpp"
#include "espalier/plan/plan.hpp"

namespace espalier {

/// Selects tensors and tables by patterns for their names: `shared/*`, `embedding/user*`, `*/bias`.
/// A tensor that matches a pattern of `freeze` is frozen; any other belongs to the first group
/// whose pattern matches, or to none.
class FreezeMask {
 public:
  static constexpr int frozen = -1, no_group = 0;  ///< groups are numbered from 1

  struct Chunk {
    Index begin = 0;
    Index end = 0;
    int group = no_group;

    [[nodiscard]] bool is_frozen() const { return group == frozen; }
  };

  /// Throws ConfigError for a pattern that matches nothing (the message lists some existing names),
  /// and for a group all of whose tensors belong to earlier groups.
  FreezeMask(const PlanView& plan, std::span<const std::string> freeze,
             std::span<const ParameterGroup> groups = {});

  [[nodiscard]] std::span<const Chunk> chunks() const { return chunks_; }
  /// Whether any parameter is not frozen.
  [[nodiscard]] bool any() const;
  [[nodiscard]] int table_group(int table) const {
    return tables_[static_cast<std::size_t>(table)];
  }
  [[nodiscard]] bool table_frozen(int table) const { return table_group(table) == frozen; }
  /// Whether the tensor that starts at `offset` is frozen.
  [[nodiscard]] bool tensor_frozen(Index offset) const;

 private:
  static constexpr Index chunk_size = 8192;

  void close(Index begin, Index end, int group);

  [[noreturn]] static void fits_nothing(std::string_view what, std::string_view pattern,
                                        const PlanView& plan);

  static std::string some_names(const PlanView& plan);

  std::vector<Chunk> chunks_;
  std::vector<int> tables_;
};

}  // namespace espalier

#if ESPALIER_DEFINE
#include "espalier/exec/freeze_mask_definitions.hpp"
#endif
