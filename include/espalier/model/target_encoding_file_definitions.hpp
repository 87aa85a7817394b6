// SPDX-License-Identifier: Apache-2.0
// Definitions of target_encoding_file.hpp.
#pragma once

#include "espalier/model/target_encoding_file.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "espalier/core/config.hpp"
#include "espalier/core/error.hpp"
#include "espalier/core/json.hpp"
#include "espalier/data/key_groups.hpp"
#include "espalier/data/target_encoding.hpp"
#include "espalier/model/row_history_file.hpp"
#include "espalier/model/safetensors.hpp"

namespace espalier {

namespace target_detail {

inline constexpr std::int64_t version = 1;

[[nodiscard]] ESPALIER_COLD inline std::string about(const TargetEncoding& targets,
                                                     const TargetGroup& group) {
  return "by " + history_detail::join_names(targets.keys(), group.keys) + " in " +
         std::to_string(group.folds) + " folds: rows, " +
         history_detail::join_names(targets.labels(), group.labels);
}

[[nodiscard]] ESPALIER_COLD inline std::string tensor(std::size_t group) {
  return "targets/" + std::to_string(group);
}

}  // namespace target_detail

ESPALIER_COLD ESPALIER_INLINE void add_targets(SafetensorsWriter& writer,
                                               const TargetEncoding& targets) {
  std::vector<Json> groups;
  for (const TargetGroup& group : targets.groups()) {
    history_detail::add_totals(writer, target_detail::tensor(groups.size()), group.sums);
    groups.push_back(Json::object().set("about", target_detail::about(targets, group)));
  }
  writer.metadata("targets", Json::object()
                                 .set("version", target_detail::version)
                                 .set("groups", Json::array(std::move(groups)))
                                 .dump());
}

ESPALIER_COLD ESPALIER_INLINE void read_targets(const SafetensorsFile& file,
                                                TargetEncoding& targets) {
  const auto expect = [&](const std::string& found, const std::string& expected) {
    if (found == expected) return;
    throw_error<CheckpointError>(
        {file.path(), ": its means over the training split are ", found, ", expected ", expected});
  };
  try {
    const Json json = Json::parse(file.metadata("targets"));
    expect("of version " + json.at("version").dump(),
           "of version " + std::to_string(target_detail::version));
    const std::vector<Json>& saved = json.at("groups").items();
    expect(std::to_string(saved.size()) + " groups",
           std::to_string(targets.groups().size()) + " groups");
    for (std::size_t g = 0; g < saved.size(); ++g) {
      const TargetGroup& group = targets.groups()[g];
      expect(saved[g].at("about").as_string(), target_detail::about(targets, group));
      KeyTotals sums =
          history_detail::read_totals(file, target_detail::tensor(g), group.sums.width);
      const auto finite = [](double sum) { return std::isfinite(sum); };
      if (sums.find(history_detail::all_keys) == nullptr ||
          !std::all_of(sums.values.begin(), sums.values.end(), finite)) {
        throw_error<CheckpointError>({file.path(), ": tensors '", target_detail::tensor(g),
                                      "/…' lack the key 0 or have a sum that is not finite"});
      }
      targets.restore(g, std::move(sums));
    }
  } catch (const DataError& error) {
    throw_error<CheckpointError>({file.path(), ": metadata 'targets': ", error.what()});
  }
}

}  // namespace espalier
