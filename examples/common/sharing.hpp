// SPDX-License-Identifier: Apache-2.0
// The sharing methods that apply to any tasks: the list of --model.
#pragma once

#include <string>
#include <vector>

#include "common/experiment.hpp"
#include "espalier/describe/sharing/all.hpp"

namespace examples {

/// `Model<Sharing>` for every sharing method that needs no names. `Whole` is a single encoder,
/// `Expert` one of several; `Lower` and `Upper` are its halves, for methods that share in levels.
template <template <class> class Model, int Experts, class Whole, class Expert, class Lower,
          class Upper>
[[nodiscard]] std::vector<NamedModel> sharing_models() {
  return {
      named<Model<esp::SingleTask<Whole>>>("single"),
      named<Model<esp::SharedBottom<Whole>>>("shared"),
      named<Model<esp::OneGateMoe<Experts, Expert>>>("one_gate_moe"),
      named<Model<esp::Mmoe<Experts, Expert>>>("mmoe"),
      named<Model<esp::DselectK<Experts, 2, Expert>>>("dselect_k"),
      named<Model<esp::Cgc<1, 2, Expert>>>("cgc"),
      named<Model<esp::Ple<1, 2, Lower, Upper>>>("ple"),
      named<Model<esp::AdaTT<1, 1, Lower, Upper>>>("adatt"),
      named<Model<esp::Stem<1, 1, Expert>>>("stem"),
      named<Model<esp::CrossStitch<Lower, Upper>>>("cross_stitch"),
      named<Model<esp::Mtan<Lower, Upper>>>("mtan"),
      named<Model<esp::SubNetworkRouting<Experts, Lower, Upper>>>("snr"),
  };
}

/// `models`, followed by `own`.
[[nodiscard]] inline std::vector<NamedModel> joined(std::vector<NamedModel> models,
                                                    const std::vector<NamedModel>& own) {
  models.insert(models.end(), own.begin(), own.end());
  return models;
}

[[nodiscard]] inline std::vector<std::string> names_of(const std::vector<NamedModel>& models) {
  std::vector<std::string> names;
  for (const NamedModel& model : models) names.push_back(model.name);
  return names;
}

}  // namespace examples
