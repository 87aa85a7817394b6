// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "espalier/exec/freeze_mask.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

using Long = esp::Task<"click", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<200, 130>>;
struct Large
    : esp::MultiTaskModel<MadeUpInputs,
                          esp::SharedBottom<esp::Layers<esp::Dense<300>, esp::BatchNorm>>, Long> {};

/// Checks that the chunks cover every trainable value once, in order, and that each tensor is
/// frozen as a whole, as `expected` says.
template <class Model, class Expected>
void check(const std::vector<std::string>& patterns, Expected expected) {
  const esp::PlanView& plan = esp::plan_of<Model>();
  const esp::FreezeMask freeze_mask(plan, patterns);
  esp::Index at = 0;
  std::vector<bool> frozen;
  for (const esp::FreezeMask::Chunk& chunk : freeze_mask.chunks()) {
    CHECK(chunk.begin == at);
    CHECK(chunk.end > chunk.begin);
    CHECK(chunk.end - chunk.begin <= 8192);
    at = chunk.end;
    frozen.resize(static_cast<std::size_t>(at), chunk.is_frozen());
  }
  CHECK(at == plan.sizes.parameters);
  for (const esp::ParameterInfo& t : plan.tensors) {
    if (!t.trainable) continue;
    for (esp::Index i = 0; i < t.size(); ++i) {
      const bool is = frozen[static_cast<std::size_t>(t.offset + i)];
      if (is != expected(t.name.view())) FAIL_CHECK(t.name.view() << " at " << i);
    }
  }
  for (int t = 0; t < plan.sizes.tables; ++t) {
    CHECK(freeze_mask.table_frozen(t) ==
          expected(plan.tables[static_cast<std::size_t>(t)].name.view()));
  }
}

}  // namespace

TEST_CASE("freeze mask: chunks of frozen and of learnt values") {
  check<Large>({}, [](std::string_view) { return false; });
  check<Large>({"*"}, [](std::string_view) { return true; });
  check<Large>({"*/bias"}, [](std::string_view name) { return name.ends_with("/bias"); });
  check<Large>({"shared/*", "embedding/user"}, [](std::string_view name) {
    return name.starts_with("shared/") || name == "embedding/user";
  });
  check<Large>({"click/dense?/weight", "*/gain"}, [](std::string_view name) {
    return name.starts_with("click/dense") ? name.ends_with("weight") : name.ends_with("gain");
  });
  check<Experts>({"expert1/*"}, [](std::string_view name) { return name.starts_with("expert1/"); });
  check<Separate>({"click/*"}, [](std::string_view name) { return name.starts_with("click/"); });
}

TEST_CASE("freeze mask: a pattern that fits nothing, or only what is not learnt") {
  const auto refused = [](const std::vector<std::string>& patterns) {
    return message_of([&] { esp::FreezeMask(esp::plan_of<Normed>(), patterns); });
  };
  CHECK(
      refused({"shared/*", "bottom/*"})
          .find(
              "freeze pattern 'bottom/*' fits no tensor; there are e.g. 'shared/dense0/weight'") ==
      0);
  CHECK(refused({""}).find("freeze pattern '' fits no tensor") == 0);
  CHECK(refused({"*/running_mean"}).find("freeze pattern '*/running_mean' fits no tensor") == 0);
}
