// expect: espalier: Smoothing is an option of MeanOf, Nth of SincePrevious, Before and Folds of MeanOf and CountOf, Delay and OnlyWhere of PastItems
#include "espalier/describe/fold.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/describe/past_items.hpp"
#include "espalier/losses/losses.hpp"
namespace esp = espalier;
using Inputs = esp::Inputs<
    esp::MeanOf<"click", esp::By<"user">, esp::Before<"date">, esp::OnlyWhere<"click">>>;
using Click = esp::Task<"click", esp::BinaryCrossEntropy>;
struct Model : esp::MultiTaskModel<Inputs, esp::SharedBottom<esp::Mlp<8>>, Click> {};
const auto& plan = esp::plan_of<Model>();
