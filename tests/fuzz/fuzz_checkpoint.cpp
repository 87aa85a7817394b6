// SPDX-License-Identifier: Apache-2.0
// Files of models and of runs: any bytes give a model that predicts, or one Error. The first byte
// selects what the other bytes replace: the whole file, or one part of an otherwise valid file,
// because few mutations get past the description.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "espalier/core/json.hpp"
#include "espalier/deploy/predictor.hpp"
#include "espalier/describe/model.hpp"
#include "espalier/model/resume.hpp"
#include "espalier/optim/adagrad.hpp"

using namespace espalier;

namespace {

using Click = Task<"click", BinaryCrossEntropy>;
using Watch = Task<"watch", MeanSquaredError>;
using Fields = Inputs<Numeric<"x">, Categorical<"user", 2>, MultiCategorical<"tags", 1>>;
struct Model : MultiTaskModel<Fields, SharedBottom<Mlp<2>>, Click, Watch> {};

const PlanView& plan = plan_of<Model>();
const std::vector<std::string> settings{"seed: 1", "batch_size: 2"};

/// An in-memory file.
class MemoryFile {
 public:
  MemoryFile()
      : file_(::memfd_create("checkpoint", 0)), path_("/proc/self/fd/" + std::to_string(file_)) {
    if (file_ < 0) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(file_); }

  const std::string& path() const { return path_; }
  void set(std::string_view bytes) const {
    if (::ftruncate(file_, 0) != 0) std::abort();
    if (::pwrite(file_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
      std::abort();
  }

 private:
  int file_;
  std::string path_;
};

FeaturesState good_features() {
  FeaturesState state;
  state.vocabularies = {{"u1", "u2"}, {"a"}};
  state.means = {0.5};
  state.deviations = {2};
  state.lows = {-1};
  state.highs = {3};
  return state;
}

/// The complete state of a run.
struct State {
  Parameters<float> parameters, best;
  OptimizerState<float> optimizer;
  explicit State(const std::vector<Index>& rows)
      : parameters(plan, rows),
        best(plan, rows),
        optimizer(parameters, plan.sizes.parameters, Adagrad{}) {
    initialize(plan, 1, parameters);
    initialize(plan, 2, best);
  }
  ResumeView view() { return {parameters, optimizer, best, {1, 2}, settings}; }
};

/// The file of a run; the metadata and the tensors of doubles can be replaced.
struct Run {
  std::string features = to_json(good_features()).dump();
  std::string description = join_lines(describe_plan(plan));
  std::string loop =
      R"({"epoch":2,"position":4,"step":9,"best_epoch":1,"stopped":false,"out_of_patience":false})";
  std::string settings_text = join_lines(settings);
  bool model = false;  ///< true: the file of a model; omits the metadata `loop`
  std::string loop_numbers = std::string(5 * sizeof(double), '\0'),
              balance = std::string(2 * sizeof(double), '\0');

  std::string bytes() const {
    static const Floats floats;
    const auto whole = [](const std::string& content) {
      return content.substr(0, content.size() / sizeof(double) * sizeof(double));
    };
    const std::string last = whole(loop_numbers) + whole(balance);
    SafetensorsHeader head;
    head.metadata = {{"espalier", std::string(checkpoint_version)},
                     {"description", description},
                     {"features", features},
                     {"settings", settings_text}};
    if (!model) head.metadata.emplace_back("loop", loop);
    const std::uint64_t begin = floats.data.size(), middle = begin + whole(loop_numbers).size(),
                        end = begin + last.size();
    head.tensors = {
        {"loop", Dtype::f64, {static_cast<std::int64_t>((middle - begin) / 8)}, begin, middle},
        {"balance", Dtype::f64, {static_cast<std::int64_t>((end - middle) / 8)}, middle, end}};
    std::string json = head.dump().substr(8);
    json.erase(json.rfind('}'));
    json += floats.entries + "}";
    std::string length;
    for (unsigned i = 0; i < 8; ++i) length += static_cast<char>((json.size() >> (8 * i)) & 0xFFU);
    return length + json + floats.data + last;
  }

 private:
  /// The float tensors, always valid.
  struct Floats {
    std::string entries, data;

    Floats() {
      State state({3, 2});
      const auto add = [&](const std::string& name, const Shape& shape, std::span<const float> v) {
        SafetensorsHeader one;
        one.tensors = {{name, Dtype::f32, shape, data.size(), data.size() + v.size_bytes()}};
        const std::string json = one.dump().substr(8);
        entries += "," + json.substr(1, json.rfind('}') - 1);
        data.append(reinterpret_cast<const char*>(v.data()), v.size_bytes());
      };
      checkpoint_detail::for_each_tensor(plan, std::as_const(state.parameters), "", add);
      checkpoint_detail::for_each_tensor(plan, std::as_const(state.best), "best/", add);
      resume_detail::for_each_state(plan, std::as_const(state.optimizer),
                                    [&](const std::string& name, std::span<const float> v) {
                                      add(name, {static_cast<std::int64_t>(v.size())}, v);
                                    });
    }
  };
};

void load_model(const std::string& path) {
  const PlanPredictor predictor(program_of<Model, float, Cpu>(), path);
  const FeaturesState& state = predictor.features().state();
  const FeaturesState again = features_from_json(Json::parse(to_json(state).dump()));
  if (to_json(again).dump() != to_json(state).dump()) std::abort();
  for (std::string_view user : {"u1", "u2", "nobody"}) {
    if (predictor.predict_row({{"x", 1.5}, {"user", user}, {"tags", std::string_view("a|b")}})
            .size() != 2)
      std::abort();
  }
}

void load_run(const std::string& path) {
  const SafetensorsFile file(path);
  Features features(plan.schema);
  restore_features(file, plan, features);
  State state(features.vocabulary_rows());
  ResumeView view = state.view();
  const LoopState loop = load_resume(file, plan, view);
  if (loop.epoch < 0 || loop.position < 0 || loop.step < 0 || loop.best_epoch < 0 ||
      loop.best_epoch > loop.epoch)
    std::abort();
  if (loop.reductions < 0 || loop.reduced_epoch < 0 || loop.reduced_epoch > loop.epoch)
    std::abort();
  if (loop.loss_sums.size() != loop.sample_sums.size()) std::abort();
  if (!loop.loss_sums.empty() && loop.loss_sums.size() != plan.tasks.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Run run;
  switch (data[0] % 7) {
    case 1:
      run.features = bytes;
      break;
    case 2:
      run.loop = bytes;
      break;
    case 3:
      run.loop_numbers = bytes;
      break;
    case 4:
      run.balance = bytes;
      break;
    case 5:
      run.description = bytes;
      break;
    case 6:
      run.settings_text = bytes;
      break;
    default:
      break;
  }
  const bool whole = data[0] % 7 == 0;
  const bool only_run =
      data[0] % 7 == 2 || data[0] % 7 == 3 || data[0] % 7 == 4 || data[0] % 7 == 6;
  for (const auto load : {&load_model, &load_run}) {
    run.model = load == &load_model;
    if (only_run && run.model) continue;
    file.set(whole ? bytes : run.bytes());
    try {
      load(file.path());
    } catch (const Error& error) {
      const bool one_line = std::string_view(error.what()).find('\n') == std::string_view::npos;
      if (!one_line && !whole) std::abort();  // a whole file may have newlines in tensor names
    }
  }
  return 0;
}
