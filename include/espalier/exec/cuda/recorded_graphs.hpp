// SPDX-License-Identifier: Apache-2.0
// `RecordedGraphs`: graphs of one owner's work, recorded when they are needed first.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "espalier/exec/cuda/batch_run.hpp"

namespace espalier {

class RecordedGraphs {
 public:
  /// Runs submit(batch), which puts work on the stream for the current batch: by the graph that was
  /// recorded for that work, batch size and presence of weights. `work`: the owner's number for it.
  template <class Submit>
  void launch(CudaBatchRun& run, int work, Submit&& submit) {
    if (version_ != run.version) graphs_.clear();
    version_ = run.version;
    cuda::GraphPtr& graph = graphs_[{run.samples, run.weighted, work}];
    if (!graph) graph = record(run, submit);
    cuda::launch(graph.get(), run.stream.get());
  }

  /// Number of nodes of a graph; 0 if it has not been recorded.
  [[nodiscard]] std::size_t nodes(Index samples, bool weighted, int work) const {
    const auto found = graphs_.find({samples, weighted, work});
    return found == graphs_.end() ? 0 : cuda::nodes(found->second.get());
  }

 private:
  struct Key {
    Index samples;
    bool weighted;
    int work;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  template <class Submit>
  [[nodiscard]] ESPALIER_COLD static cuda::GraphPtr record(CudaBatchRun& run, Submit&& submit) {
    cuda::Stream* const stream = run.stream.get();
    const Batch<float> batch = run.batch.of(run.samples, run.weighted);
    cuda::begin_capture(stream);
    try {
      submit(batch);
    } catch (...) {
      static_cast<void>(cuda::GraphPtr(cuda::end_capture(stream)));
      throw;
    }
    return cuda::GraphPtr(cuda::end_capture(stream));
  }

  std::map<Key, cuda::GraphPtr> graphs_;
  std::uint64_t version_ = 0;
};

}  // namespace espalier
