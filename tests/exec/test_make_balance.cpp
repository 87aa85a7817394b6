// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "espalier/balance/balance.hpp"
#include "espalier/exec/make_balance.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

TEST_CASE("make_balance: every name makes its method, ready for use") {
  std::set<std::string> names, descriptions;
  for (const esp::NamedBalance& entry : esp::named_balances()) {
    CAPTURE(entry.name);
    esp::BalanceOption option = esp::make_balance(entry.name);
    CHECK(entry.name.starts_with(option.name()));
    CHECK(names.insert(std::string(entry.name)).second);
    CHECK(descriptions.insert(option.describe()).second);
    CHECK(option.describe().starts_with(option.name()));
    CHECK((option.gradients() != nullptr) == (option.aggregator_factory() != nullptr));
    esp::LossWeighting balance = option;
    balance.reset(2);
    std::vector<double> weights(2);
    const std::vector<double> losses{0.5, 2};
    balance.weights(losses, weights);
    balance.observe(losses);
    if (balance.gradients() != nullptr)
      balance.gradients()->weights(std::vector<double>{1, 0.5, 0.5, 4}, losses, 1, weights);
    for (const double w : weights) CHECK((std::isfinite(w) && w >= 0));
    CHECK(weights[0] + weights[1] > 0);
    balance.restore(balance.state());
  }
  CHECK(esp::make_balance("uncertainty").describe() ==
        "uncertainty(learning_rate=0.01, revised=false, max_weight=10000)");
  CHECK(esp::make_balance("uncertainty_revised").describe() ==
        "uncertainty(learning_rate=0.01, revised=true, max_weight=10000)");
}

TEST_CASE("make_balance: another name is refused with a list of those that there are") {
  for (const std::string_view wrong : {"", "Equal", "equa", "equally"}) {
    CHECK_THROWS_AS(static_cast<void>(esp::make_balance(wrong)), esp::ConfigError);
  }
  CHECK(message_of([] { static_cast<void>(esp::make_balance("mgdb")); })
            .starts_with(
                "balance is 'mgdb', expected one of: equal, uncertainty, uncertainty_revised, "));
}

TEST_CASE("make_balance: a gradient method needs the code that drives it") {
  esp::TrainerOptions options = quick_options();
  options.balance = esp::LossWeighting(esp::Mgda{});
  CHECK(message_of([&] { esp::Trainer<Bottom> trainer(options); }) ==
        "balance is 'mgda' held as a LossWeighting, expected the method itself or "
        "make_balance(\"mgda\")");
}
