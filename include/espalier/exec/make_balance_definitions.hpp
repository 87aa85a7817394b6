// SPDX-License-Identifier: Apache-2.0
// Definitions of make_balance.hpp: the list of named balancing methods.
#pragma once

#include "espalier/exec/make_balance.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "espalier/balance/balance.hpp"
#include "espalier/core/error.hpp"
#include "espalier/exec/task_gradients.hpp"

namespace espalier {

namespace detail {
template <class M>
[[nodiscard]] BalanceOption make_default() {
  return M{};
}
}  // namespace detail

ESPALIER_COLD ESPALIER_INLINE std::span<const NamedBalance> named_balances() {
  static constexpr auto all = std::to_array<NamedBalance>({
      {"equal", &detail::make_default<Equal>},
      {"uncertainty", &detail::make_default<Uncertainty>},
      {"uncertainty_revised", +[]() -> BalanceOption { return Uncertainty{.revised = true}; }},
      {"dynamic_weight_average", &detail::make_default<DynamicWeightAverage>},
      {"random_loss", &detail::make_default<RandomLoss>},
      {"geometric_mean", &detail::make_default<GeometricMean>},
      {"imtl_l", &detail::make_default<ImtlL>},
      {"famo", &detail::make_default<Famo>},
      {"smooth_tchebycheff", &detail::make_default<SmoothTchebycheff>},
      {"dynamic_task_priority", &detail::make_default<DynamicTaskPriority>},
      {"mean_gradient", &detail::make_default<MeanGradient>},
      {"mgda", &detail::make_default<Mgda>},
      {"pc_grad", &detail::make_default<PcGrad>},
      {"grad_vac", &detail::make_default<GradVac>},
      {"ca_grad", &detail::make_default<CaGrad>},
      {"grad_norm", &detail::make_default<GradNorm>},
      {"imtl_g", &detail::make_default<ImtlG>},
      {"nash_mtl", &detail::make_default<NashMtl>},
      {"aligned_mtl", &detail::make_default<AlignedMtl>},
      {"fair_grad", &detail::make_default<FairGrad>},
      {"up_grad", &detail::make_default<UpGrad>},
      {"dual_proj", &detail::make_default<DualProj>},
      {"con_fig", &detail::make_default<ConFig>},
      {"sdm_grad", &detail::make_default<SdmGrad>},
      {"mo_do", &detail::make_default<MoDo>},
      {"db_mtl", &detail::make_default<DbMtl>},
      {"cr_mogm", &detail::make_default<CrMogm<>>},
      {"krum", &detail::make_default<Krum>},
      {"meta_balance", &detail::make_default<MetaBalance>},
      {"pe_ltr", &detail::make_default<PeLtr>},
      {"excess_mtl", &detail::make_default<ExcessMtl>},
      {"grad_drop", &detail::make_default<GradDrop>},
      {"trimmed_mean", &detail::make_default<TrimmedMean>},
      {"mo_co", &detail::make_default<MoCo>},
  });
  return all;
}

ESPALIER_COLD ESPALIER_INLINE BalanceOption make_balance(std::string_view name) {
  std::string known;
  for (const NamedBalance& entry : named_balances()) {
    if (entry.name == name) return entry.make();
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw_error<ConfigError>({"balance is '", name, "', expected one of: ", known});
}

}  // namespace espalier
