// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <chrono>
#include <numeric>
#include <thread>

#include "espalier/data/prefetch.hpp"
#include "support/child_process.hpp"
#include "support/made_up.hpp"

using namespace espalier_test;

namespace {

struct Data {
  esp::EncodedData encoded;
  std::vector<std::int32_t> order;

  explicit Data(esp::Index rows) : order(static_cast<std::size_t>(rows)) {
    esp::Features features(esp::plan_of<Bottom>().schema, "weight");
    const esp::Dataset data = made_up(rows, 1, 0.1);
    features.fit(data);
    encoded = features.encode(data);
    std::iota(order.begin(), order.end(), 0);
    esp::Random(1, 2).shuffle(order);
  }
};

bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Whether sample j of the batch is row `row` of the data.
bool is_row(const esp::Batch<float>& batch, esp::Index j, const esp::EncodedData& data,
            std::int32_t row) {
  const auto r = static_cast<std::size_t>(row);
  bool right = true;
  for (esp::Index i = 0; i < data.numeric_rows; ++i) {
    right = right &&
            batch.numeric(i, j) == data.numeric[r * static_cast<std::size_t>(data.numeric_rows) +
                                                static_cast<std::size_t>(i)];
  }
  right = right && batch.ids[0].ids[j] == data.single_ids[r];
  const std::int32_t begin = batch.ids[1].offsets[j], end = batch.ids[1].offsets[j + 1];
  const std::int32_t from = data.ids[1].offsets[r], to = data.ids[1].offsets[r + 1];
  right = right && end - begin == to - from;
  for (std::int32_t k = 0; right && k < end - begin; ++k) {
    right = batch.ids[1].ids[begin + k] == data.ids[1].ids[static_cast<std::size_t>(from + k)];
  }
  for (esp::Index k = 0; k < data.tasks; ++k)
    right = right && same(batch.labels(j, k), data.label(static_cast<std::size_t>(k))[r]);
  return right && batch.weights[j] == data.weights[r];
}

}  // namespace

TEST_CASE("prefetch: every row once, in the order given, from any place on") {
  const Data data(101);
  for (const esp::Index size : {1, 7, 50, 100, 101}) {
    for (const esp::Index begin : {esp::Index{0}, size, 3 * size}) {
      if (begin > 101) continue;
      CAPTURE(size);
      CAPTURE(begin);
      esp::BatchSlots slots{esp::BatchBuffer<float>(data.encoded, size),
                            esp::BatchBuffer<float>(data.encoded, size)};
      esp::Prefetcher ahead(data.encoded, data.order, size, begin, slots);
      esp::Index at = begin;
      int wrong = 0;
      while (const esp::Batch<float>* batch = ahead.next()) {
        CHECK(batch->size == (std::min)(size, 101 - at));
        for (esp::Index j = 0; j < batch->size; ++j) {
          wrong +=
              is_row(*batch, j, data.encoded, data.order[static_cast<std::size_t>(at + j)]) ? 0 : 1;
        }
        at += batch->size;
      }
      CHECK(at == 101);
      CHECK(wrong == 0);
      CHECK(ahead.next() == nullptr);  // it stays at the end
    }
  }
}

TEST_CASE("prefetch: it may be left at any time") {
  const Data data(64);
  esp::BatchSlots slots{esp::BatchBuffer<float>(data.encoded, 4),
                        esp::BatchBuffer<float>(data.encoded, 4)};
  for (int taken = 0; taken <= 17; ++taken) {
    esp::Prefetcher ahead(data.encoded, data.order, 4, 0, slots);
    for (int i = 0; i < taken; ++i) CHECK((ahead.next() == nullptr) == (i == 16));
  }
  const std::vector<std::int32_t> none;
  esp::Prefetcher empty(data.encoded, none, 4, 0, slots);
  CHECK(empty.next() == nullptr);
}

TEST_CASE("prefetch: the child of a fork is told that its thread is not there, and may leave it") {
  const Data data(64);
  esp::BatchSlots slots{esp::BatchBuffer<float>(data.encoded, 4),
                        esp::BatchBuffer<float>(data.encoded, 4)};
  auto* const ahead = new esp::Prefetcher(data.encoded, data.order, 4, 0, slots);
  CHECK(ahead->next() != nullptr);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the thread waits for a free slot
  CHECK(espalier_test::child([&] {
          std::string said;
          try {
            static_cast<void>(ahead->next());
          } catch (const esp::Error& error) {
            said = error.what();
          }
          delete ahead;
          return said.starts_with("the process was forked in the middle of an epoch") ? 7 : 1;
        }) == 7);
  for (int i = 1; i < 16; ++i) CHECK(ahead->next() != nullptr);
  CHECK(ahead->next() == nullptr);
  delete ahead;
}
