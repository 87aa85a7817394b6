// SPDX-License-Identifier: Apache-2.0
// Definitions of rows.hpp: a stable radix sort by 4 bits, and sums over runs of equal rows.
#pragma once

#include <bit>

#include "espalier/kernels/cuda/launch.cuh"
#include "espalier/kernels/cuda/rows.hpp"

namespace espalier::cuda {

namespace kernels {

/// The lookup that has this entry: the last one whose first entry is not after it.
ESPALIER_HD inline const LookupRows& lookup_of(const SortedRows& s, Index entry) {
  return s.lookups[last_not_after(s.lookup_count, entry,
                                  [&](Index l) { return s.lookups[l].first_entry; })];
}

/// The sample to which value k of a pooled lookup belongs.
ESPALIER_HD inline Index sample_of(const LookupRows& lookup, Index samples, Index k) {
  return last_not_after(samples, k, [&](Index j) { return lookup.offsets[j]; });
}

struct RowOfEntry {
  SortedRows s;
  Index samples;
  ESPALIER_HD void operator()(Index entry) const {
    const LookupRows& lookup = lookup_of(s, entry);
    const Index k = entry - lookup.first_entry;
    const Index count =
        lookup.offsets == nullptr ? samples : static_cast<Index>(lookup.offsets[samples]);
    const std::int32_t row = k < count ? lookup.first_row + lookup.ids[k] : s.all_rows;
    s.rows[entry] = static_cast<std::uint32_t>(row);
    s.order[entry] = static_cast<std::uint32_t>(entry);
  }
};

inline constexpr unsigned sort_threads = 256, sort_each = 4, sort_bits = 4;
static_assert(sort_threads * sort_each == sort_tile && 1U << sort_bits == sort_digits);

/// Counts the digits of a tile: counts[digit · tiles + tile].
__global__ void count_digits_kernel(const std::uint32_t* keys, Index n, unsigned shift,
                                    std::uint32_t* counts) {
  ESPALIER_SHARED(unsigned, count, sort_digits);
  if (threadIdx.x < sort_digits) count[threadIdx.x] = 0;
  __syncthreads();
  const Index first = static_cast<Index>(blockIdx.x) * sort_tile;
  // A warp votes on each digit, and its first lane adds; the warps take turns.
  for (unsigned round = 0; round < sort_each; ++round) {
    const Index at = first + round * sort_threads + threadIdx.x;
    const unsigned digit =
        at < n ? keys[at] >> shift & (sort_digits - 1) : static_cast<unsigned>(sort_digits);
    unsigned mine = 0;
    for (unsigned d = 0; d < sort_digits; ++d) {
      const unsigned votes = __ballot_sync(all_lanes, digit == d);
      if (threadIdx.x % lanes_of_warp == d) mine = static_cast<unsigned>(__popc(votes));
    }
    for (unsigned warp = 0; warp < sort_threads / lanes_of_warp; ++warp) {
      if (threadIdx.x / lanes_of_warp == warp && threadIdx.x % lanes_of_warp < sort_digits)
        count[threadIdx.x % lanes_of_warp] += mine;
      __syncthreads();
    }
  }
  if (threadIdx.x < sort_digits) counts[threadIdx.x * gridDim.x + blockIdx.x] = count[threadIdx.x];
}

/// Replaces n values by the sums of those before them; one block.
__global__ void scan_kernel(std::uint32_t* values, Index n) {
  ESPALIER_SHARED(unsigned, sums, sort_threads);
  const Index each = (n + sort_threads - 1) / sort_threads;
  const Index begin = threadIdx.x * each, end = begin + each < n ? begin + each : n;
  unsigned sum = 0;
  for (Index i = begin; i < end; ++i) sum += values[i];
  sums[threadIdx.x] = sum;
  __syncthreads();
  for (unsigned by = 1; by < sort_threads; by *= 2) {
    const unsigned before = threadIdx.x >= by ? static_cast<unsigned>(sums[threadIdx.x - by]) : 0U;
    __syncthreads();
    sums[threadIdx.x] += before;
    __syncthreads();
  }
  unsigned total = threadIdx.x == 0 ? 0U : static_cast<unsigned>(sums[threadIdx.x - 1]);
  for (Index i = begin; i < end; ++i) {
    const unsigned value = values[i];
    values[i] = total;
    total += value;
  }
}

/// Moves the pairs of a tile to their places, those of equal digits in their order. A thread has 4
/// neighbouring pairs.
__global__ void scatter_kernel(const std::uint32_t* keys, const std::uint32_t* values, Index n,
                               unsigned shift, const std::uint32_t* starts, std::uint32_t* to_keys,
                               std::uint32_t* to_values) {
  ESPALIER_SHARED(unsigned, before, sort_threads);
  const Index first = static_cast<Index>(blockIdx.x) * sort_tile + threadIdx.x * sort_each;
  unsigned digits[sort_each];
  for (unsigned i = 0; i < sort_each; ++i) {
    digits[i] = first + i < n ? keys[first + i] >> shift & (sort_digits - 1)
                              : static_cast<unsigned>(sort_digits);
  }
  for (unsigned d = 0; d < sort_digits; ++d) {
    unsigned own = 0;
    for (unsigned i = 0; i < sort_each; ++i) own += digits[i] == d ? 1U : 0U;
    // The sum over the threads before this one: within the warp, then over the warps.
    const unsigned lane = threadIdx.x % lanes_of_warp, warp = threadIdx.x / lanes_of_warp;
    unsigned sum = own;
    for (unsigned by = 1; by < lanes_of_warp; by *= 2) {
      const unsigned lower = __shfl_up_sync(all_lanes, sum, by);
      if (lane >= by) sum += lower;
    }
    if (lane == lanes_of_warp - 1) before[warp] = sum;
    __syncthreads();
    unsigned place = starts[d * gridDim.x + blockIdx.x] + sum - own;
    for (unsigned w = 0; w < warp; ++w) place += before[w];
    __syncthreads();
    for (unsigned i = 0; i < sort_each; ++i) {
      if (digits[i] != d) continue;
      to_keys[place] = keys[first + i];
      to_values[place] = values[first + i];
      ++place;
    }
  }
}

/// The table that has a row: the last one whose first row is not after it.
ESPALIER_HD inline const TableRows& table_of(const TableRows* tables, int count, std::int32_t row) {
  return tables[last_not_after(count, row, [&](Index t) { return tables[t].first_row; })];
}

/// Whether the sum of a row's gradients is at this sorted entry.
ESPALIER_HD inline bool begins_row(const SortedRows& s, Index entry) {
  const std::uint32_t row = s.rows[entry];
  return row != static_cast<std::uint32_t>(s.all_rows) && (entry == 0 || s.rows[entry - 1] != row);
}

/// The gradient of an entry, for value i of its row.
ESPALIER_HD inline float gradient_of(const SortedRows& s, Index samples, Index entry, Index i) {
  const LookupRows& lookup = lookup_of(s, entry);
  const Index k = entry - lookup.first_entry;
  const float* const gradient = s.gradients + lookup.gradient;
  if (lookup.offsets == nullptr) return gradient[k * lookup.width + i];
  const Index j = sample_of(lookup, samples, k);
  const float g = gradient[j * lookup.width + i];
  return lookup.mean ? g * (1.0F / static_cast<float>(lookup.offsets[j + 1] - lookup.offsets[j]))
                     : g;
}

/// A warp sums a chunk of 32 sorted entries, run by run. The sum of a run that began in an earlier
/// chunk goes to carries, that of another to the place of its first entry.
struct SumChunk {
  SortedRows s;
  Index samples;
  __device__ void run(Index chunk, int lane) const {
    const Index begin = chunk * entries_of_chunk;
    const Index end = begin + entries_of_chunk < s.entries ? begin + entries_of_chunk : s.entries;
    const auto none = static_cast<std::uint32_t>(s.all_rows);
    for (Index first = begin; first < end && s.rows[first] != none;) {
      const std::uint32_t row = s.rows[first];
      Index last = first + 1;
      while (last < end && s.rows[last] == row) ++last;
      const Index width = lookup_of(s, s.order[first]).width;
      const bool continues = first == begin && begin > 0 && s.rows[begin - 1] == row;
      float* const to = continues ? s.carries + chunk * s.width : s.sums + first * s.width;
      for (Index i = lane; i < width; i += lanes_of_warp) {
        float sum = 0;
        for (Index k = first; k < last; ++k) sum += gradient_of(s, samples, s.order[k], i);
        to[i] = sum;
      }
      first = last;
    }
  }
};

/// A warp adds the carries of the later chunks to the sum of a row that goes on beyond its chunk.
struct AddCarries {
  SortedRows s;
  __device__ void run(Index chunk, int lane) const {
    // Only the last run of a chunk goes on; it counts here if it began in this chunk.
    const Index begin = chunk * entries_of_chunk, next = begin + entries_of_chunk;
    if (next >= s.entries) return;
    const std::uint32_t row = s.rows[next - 1];
    if (row == static_cast<std::uint32_t>(s.all_rows) || s.rows[next] != row) return;
    Index first = next - 1;
    while (first > begin && s.rows[first - 1] == row) --first;
    if (first == begin && begin > 0 && s.rows[begin - 1] == row) return;
    const Index width = lookup_of(s, s.order[first]).width;
    for (Index i = lane; i < width; i += lanes_of_warp) {
      float sum = s.sums[first * s.width + i];
      for (Index c = chunk + 1;
           c * entries_of_chunk < s.entries && s.rows[c * entries_of_chunk] == row; ++c)
        sum += s.carries[c * s.width + i];
      s.sums[first * s.width + i] = sum;
    }
  }
};

}  // namespace kernels

void sort_rows(Device device, const SortedRows& sorted, Index samples) {
  const Index n = sorted.entries;
  if (n == 0) return;
  const auto bits =
      static_cast<unsigned>(std::bit_width(static_cast<std::uint32_t>(sorted.all_rows)));
  const unsigned passes = (bits + kernels::sort_bits - 1) / kernels::sort_bits;
  SortedRows from = sorted;
  if (passes % 2 == 1) {  // the last pass writes to rows and order
    std::swap(from.rows, from.spare_rows);
    std::swap(from.order, from.spare_order);
  }
  each(device, "rows of entries", n, kernels::RowOfEntry{from, samples});
  const dim3 grid{grid_size(blocks_for(n, sort_tile)), 1, 1}, block{kernels::sort_threads, 1, 1};
  for (unsigned pass = 0; pass < passes; ++pass) {
    const unsigned shift = pass * kernels::sort_bits;
    launch(device, "sort: count", grid, block, kernels::count_digits_kernel, from.rows, n, shift,
           sorted.counts);
    launch(device, "sort: scan", dim3{1, 1, 1}, block, kernels::scan_kernel, sorted.counts,
           sort_counts(n));
    launch(device, "sort: scatter", grid, block, kernels::scatter_kernel, from.rows, from.order, n,
           shift, sorted.counts, from.spare_rows, from.spare_order);
    std::swap(from.rows, from.spare_rows);
    std::swap(from.order, from.spare_order);
  }
}

void sum_row_gradients(Device device, const SortedRows& sorted, Index samples) {
  const Index n = sorted.entries;
  each_warp(device, "sum_row_gradients", chunks_of(n), kernels::SumChunk{sorted, samples});
  each_warp(device, "add carries", chunks_of(n), kernels::AddCarries{sorted});
}

}  // namespace espalier::cuda
