// SPDX-License-Identifier: Apache-2.0
// Shared by our benchmarks and the peers': latency percentiles, the option --form.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// Records the time of every single call.
class Latencies {
 public:
  Latencies() { seconds_.reserve(std::size_t{1} << 20U); }

  void time(const auto& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (seconds_.size() < seconds_.capacity()) seconds_.push_back(taken.count());
  }

  void report(benchmark::State& state) {
    if (seconds_.empty()) return;
    std::sort(seconds_.begin(), seconds_.end());
    const auto at = [&](double share) {
      return 1e6 *
             seconds_[static_cast<std::size_t>(share * static_cast<double>(seconds_.size() - 1))];
    };
    state.counters["p50_us"] = at(0.5);
    state.counters["p99_us"] = at(0.99);
  }

 private:
  std::vector<double> seconds_;
};

/// Returns the value of --form=… and removes it from the arguments, because Google Benchmark
/// rejects it.
inline std::string take_form(int& argc, char** argv) {
  constexpr std::string_view option = "--form=";
  std::string form;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.substr(0, option.size()) == option) {
      form = argument.substr(option.size());
    } else {
      argv[kept++] = argv[i];
    }
  }
  argc = kept;
  return form;
}

}  // namespace bench
