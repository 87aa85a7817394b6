// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "espalier/data/simulator.hpp"

namespace espalier_test {

inline espalier::FeedOptions small(espalier::Index impressions = 3000) {
  espalier::FeedOptions options;
  options.users = 200;
  options.items = 90;
  options.authors = 40;
  options.impressions = impressions;
  return options;
}

}  // namespace espalier_test
