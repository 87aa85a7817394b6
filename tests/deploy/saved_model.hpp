// SPDX-License-Identifier: Apache-2.0
// A trained model in a file, and the comparison of single rows with a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "espalier/data/load.hpp"
#include "espalier/deploy/serving_state.hpp"
#include "espalier/train/trainer.hpp"
#include "support/made_up.hpp"
#include "support/temporary_folder.hpp"

namespace espalier_test {

/// Adds histories to a table, trains on its days before `valid`, validates before `rest`, saves.
template <class Model>
struct SavedModel {
  TemporaryFolder folder{TemporaryFolder::Where::in_memory};
  std::string path = folder / "model.safetensors";
  espalier::Table table;

  SavedModel(espalier::Table rows, double valid_from, double rest_from) : table(std::move(rows)) {
    espalier::add_history<Model>(table);
    const auto [train, valid, rest] =
        espalier::Dataset(table).split_by_time("day", valid_from, rest_from);
    espalier::Trainer<Model> trainer(quick_options());
    trainer.fit(train, valid);
    trainer.save(path);
  }
};

/// Whether `row` is encoded to the same bits as row `i` of `data`.
inline bool same_bits(const espalier::Features& features,
                      const std::vector<espalier::NamedValue>& row,
                      const espalier::ServingState& state, const espalier::EncodedData& data,
                      std::size_t i) {
  const espalier::EncodedData one = features.encode(row, {}, &state.history());
  const auto numbers = static_cast<std::size_t>(data.numeric_rows),
             ids = static_cast<std::size_t>(data.single_fields);
  bool same = one.ids.size() == data.ids.size();
  for (std::size_t k = 0; k < numbers; ++k)
    same = same && one.numeric[k] == data.numeric[i * numbers + k];
  for (std::size_t k = 0; k < ids; ++k)
    same = same && one.single_ids[k] == data.single_ids[i * ids + k];
  for (std::size_t k = 0; same && k < data.ids.size(); ++k) {
    if (data.ids[k].offsets.empty()) continue;
    const auto begin = data.ids[k].ids.begin() + data.ids[k].offsets[i],
               end = data.ids[k].ids.begin() + data.ids[k].offsets[i + 1];
    same = std::vector<std::int32_t>(begin, end) == one.ids[k].ids;
  }
  return same;
}

}  // namespace espalier_test
