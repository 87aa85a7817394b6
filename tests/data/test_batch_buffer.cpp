// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "espalier/core/random.hpp"
#include "espalier/data/batch_buffer.hpp"

using namespace espalier;

namespace {

/// 20 samples: 3 numbers, one single-valued field, one multi-valued field with j mod 4 values, 2
/// tasks.
EncodedData encoded(bool weights) {
  EncodedData data;
  data.samples = 20;
  data.numeric_rows = 3;
  data.tasks = 2;
  data.ids.resize(2);
  data.single_fields = 1;
  data.ids[1].offsets.push_back(0);
  for (std::int32_t j = 0; j < 20; ++j) {
    for (std::int32_t i = 0; i < 3; ++i) data.numeric.push_back(static_cast<float>(100 * j + i));
    data.single_ids.push_back(7 * j);
    for (std::int32_t k = 0; k < j % 4; ++k) data.ids[1].ids.push_back(10 * j + k);
    data.ids[1].offsets.push_back(static_cast<std::int32_t>(data.ids[1].ids.size()));
    if (weights) data.weights.push_back(static_cast<float>(j) / 2);
  }
  for (int k = 0; k < 2; ++k) {
    for (int j = 0; j < 20; ++j) {
      data.labels.push_back(j == 5 ? std::numeric_limits<float>::quiet_NaN()
                                   : static_cast<float>(1000 * k + j));
    }
  }
  return data;
}

template <class T>
void check(const Batch<T>& batch, const std::vector<std::int32_t>& rows, bool weights) {
  REQUIRE(batch.size == static_cast<Index>(rows.size()));
  CHECK(batch.numeric.rows == 3);
  CHECK(batch.numeric.cols == batch.size);
  CHECK(batch.labels.rows == batch.size);
  CHECK(batch.labels.cols == 2);
  REQUIRE(batch.ids.size() == 2);
  CHECK(batch.ids[0].offsets == nullptr);
  CHECK((batch.weights != nullptr) == weights);
  CHECK(batch.ids[1].offsets[0] == 0);
  for (std::size_t n = 0; n < rows.size(); ++n) {
    const auto j = static_cast<Index>(n);
    const std::int32_t row = rows[n];
    for (Index i = 0; i < 3; ++i)
      CHECK(batch.numeric(i, j) == static_cast<T>(100 * row + static_cast<std::int32_t>(i)));
    CHECK(batch.ids[0].ids[n] == 7 * row);
    const std::int32_t begin = batch.ids[1].offsets[n], end = batch.ids[1].offsets[n + 1];
    CHECK(end - begin == row % 4);
    for (std::int32_t k = begin; k < end; ++k) CHECK(batch.ids[1].ids[k] == 10 * row + k - begin);
    for (Index k = 0; k < 2; ++k) {
      const T label = batch.labels(j, k);
      if (row == 5) {
        CHECK(std::isnan(label));
      } else {
        CHECK(label == static_cast<T>(1000 * static_cast<std::int32_t>(k) + row));
      }
    }
    if (weights) CHECK(batch.weights[n] == static_cast<T>(row) / 2);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("a batch is the samples asked for, in that order, whatever was there before", T,
                   float, double) {
  for (const bool weights : {false, true}) {
    const EncodedData data = encoded(weights);
    BatchBuffer<T> buffer(data, 8);
    CHECK(buffer.capacity() == 8);
    Random random(8);
    for (int round = 0; round < 50; ++round) {
      std::vector<std::int32_t> rows;
      for (auto n = random.below(9); n > 0; --n)
        rows.push_back(static_cast<std::int32_t>(random.below(20)));
      buffer.gather(data, rows);
      check(buffer.batch(), rows, weights);
    }
  }
}

TEST_CASE("a batch of data without inputs, and one without samples") {
  EncodedData data;
  data.samples = 2;
  data.tasks = 1;
  data.labels = {1, 0};
  BatchBuffer<float> buffer(data, 2);
  const std::vector<std::int32_t> rows{1, 0};
  buffer.gather(data, rows);
  CHECK(buffer.batch().numeric.rows == 0);
  CHECK(buffer.batch().labels(0, 0) == 0);
  CHECK(buffer.batch().labels(1, 0) == 1);
  const EncodedData none;
  BatchBuffer<float> empty(none, 0);
  empty.gather(none, {});
  CHECK(empty.batch().size == 0);
}
