// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "espalier/core/buffer.hpp"
#include "espalier/core/eigen.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ESPALIER_TEST_SANITIZED 1
#elif defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ESPALIER_TEST_SANITIZED 1
#endif
#endif

using espalier::Buffer;
using espalier::View;

namespace {

bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 64 == 0; }

struct Pair {
  float value;
  std::int64_t id;
};

}  // namespace

TEST_CASE("a buffer larger than any memory is refused, not made small") {
  for (const std::size_t size : {std::size_t{1} << 62U, static_cast<std::size_t>(-4)}) {
    CHECK_THROWS_AS(static_cast<void>(espalier::Buffer<float>(size)), std::bad_alloc);
  }
}

TEST_CASE("a large buffer begins with a huge page") {
  constexpr std::size_t huge = std::size_t{1} << 21U;
  for (const std::size_t bytes : {huge, huge + 4, 3 * huge - 4}) {
    const Buffer<float> buffer(bytes / sizeof(float));
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % huge == 0);
    CHECK(std::all_of(buffer.begin(), buffer.end(), [](float x) { return x == 0.0F; }));
  }
}

TEST_CASE("a buffer is aligned and zero, also on memory that was used before") {
  for (const std::size_t size : {1U, 7U, 64U, 1000U, 4096U}) {
    for (int again = 0; again < 4; ++again) {
      Buffer<float> buffer(size);
      REQUIRE(buffer.size() == size);
      CHECK(aligned(buffer.data()));
      CHECK(std::all_of(buffer.begin(), buffer.end(), [](float x) { return x == 0.0F; }));
      buffer.fill(-1.5F);
      CHECK(std::all_of(buffer.begin(), buffer.end(), [](float x) { return x == -1.5F; }));
    }
  }
  const Buffer<Pair> pairs(3);
  CHECK(aligned(pairs.data()));
  CHECK(pairs[2].id == 0);
  const Buffer<char> bytes(5);
  CHECK(aligned(bytes.data()));
}

TEST_CASE("an empty buffer owns nothing") {
  const Buffer<double> none, zero(0);
  CHECK(none.empty());
  CHECK(zero.empty());
  CHECK(none.data() == nullptr);
  CHECK(zero.data() == nullptr);
  CHECK(none.begin() == none.end());
  const Buffer<double> copy(none);
  CHECK(copy.empty());
}

TEST_CASE("a copy is its own, a move takes over") {
  Buffer<int> a(4);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<int>(i) + 1;

  Buffer<int> b(a);
  b[0] = 100;
  CHECK(a[0] == 1);
  CHECK(b[3] == 4);

  Buffer<int> c(9);
  c = a;
  CHECK(c.size() == 4);
  CHECK(c[3] == 4);
  CHECK(c.data() != a.data());

  Buffer<int>& same = c;
  c = same;
  CHECK(c.size() == 4);
  CHECK(c[3] == 4);

  const int* where = a.data();
  Buffer<int> d(std::move(a));
  CHECK(d.data() == where);
  CHECK(d.size() == 4);
  Buffer<int> e;
  e = std::move(d);
  CHECK(e.data() == where);

  std::vector<Buffer<int>> many(3, e);
  many.resize(50);
  CHECK(many[2][3] == 4);
  static_assert(std::is_nothrow_move_constructible_v<Buffer<int>>);
}

TEST_CASE("a span sees the buffer") {
  Buffer<float> buffer(6);
  buffer.span()[5] = 2.0F;
  const Buffer<float>& view = buffer;
  CHECK(view.span().size() == 6);
  CHECK(view.span()[5] == 2.0F);
  CHECK(view[5] == 2.0F);
}

#if !defined(ESPALIER_TEST_SANITIZED)  // the sanitizer aborts the program
TEST_CASE("too much memory is std::bad_alloc, not a wrong size") {
  volatile std::size_t size = PTRDIFF_MAX / 2;  // volatile: avoids a compiler warning
  CHECK_THROWS_AS(Buffer<char>{size}, std::bad_alloc);
}
#endif

TEST_CASE("a view is a matrix by columns, with room between them") {
  Buffer<float> buffer(20);
  for (std::size_t i = 0; i < buffer.size(); ++i) buffer[i] = static_cast<float>(i);
  const View<float> v{buffer.data(), 3, 4, 5};
  CHECK(v(2, 3) == 17.0F);
  CHECK(v.column(1) == buffer.data() + 5);
  CHECK_FALSE(v.contiguous());
  CHECK(View<float>{buffer.data(), 5, 4, 5}.contiguous());

  auto m = espalier::as_eigen(v);
  CHECK(m.rows() == 3);
  CHECK(m.cols() == 4);
  CHECK(m(2, 3) == 17.0F);
  m.setZero();
  CHECK(v(2, 3) == 0.0F);
  CHECK(buffer[3] == 3.0F);  // the gaps between columns are not written
  CHECK(buffer[19] == 19.0F);

  const View<const float> weaker = v;
  CHECK(espalier::as_const(v).data == weaker.data);
  CHECK(espalier::as_eigen(weaker).sum() == 0.0F);
}
