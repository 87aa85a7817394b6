// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "cuda/gpu.hpp"
#include "espalier/kernels/cpu/kernels.hpp"
#include "espalier/kernels/cuda/kernels.hpp"

using namespace espalier_test;
namespace esp = espalier;

TEST_CASE("cuda: lookups of single and pooled rows") {
  for (const Index width : {1, 3, 16, 33}) {
    for (const Index samples : {1, 5, 70}) {
      CAPTURE(width);
      const Gpu gpu(static_cast<std::uint64_t>(width));
      const std::uint64_t rows = 9;
      Padded<float> table(width, static_cast<Index>(rows)), y(width, samples, 2), expected = y;
      table.randomize(1);
      esp::Random random(2);
      TestVector<std::int32_t> ids, offsets{0};
      for (Index j = 0; j < samples; ++j) {
        const std::uint64_t count = random.below(4);  // sometimes none
        for (std::uint64_t k = 0; k < count; ++k)
          ids.push_back(static_cast<std::int32_t>(random.below(rows)));
        offsets.push_back(static_cast<std::int32_t>(ids.size()));
      }
      while (ids.size() < static_cast<std::size_t>(samples)) ids.push_back(0);
      gather(gpu.device, table.data(), ids.data(), y.view());
      esp::cpu::gather<float>(esp::Cpu{}, std::as_const(table).data(), ids.data(), expected.view());
      CHECK(most_apart(y, expected) == 0);
      for (const bool mean : {false, true}) {
        gather_pooled(gpu.device, table.data(), ids.data(), offsets.data(), mean, y.view());
        esp::cpu::gather_pooled<float>(esp::Cpu{}, std::as_const(table).data(), ids.data(),
                                       offsets.data(), mean, expected.view());
        CHECK(most_apart(y, expected) <= 1e-6);
        CHECK(y.fenced());
      }
    }
  }
}
