// SPDX-License-Identifier: Apache-2.0
// Inputs computed from earlier rows: for a whole log, row by row, and within a prediction. The log
// is synthetic and similar to KuaiRand-Pure.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <unistd.h>

#include "espalier/core/random.hpp"
#include "espalier/deploy/predictor.hpp"
#include "espalier/espalier.hpp"

namespace {

namespace esp = espalier;

using Day = esp::Before<"date">;

template <class... Keys>
using Statistics = esp::JoinedInputs<
    esp::Inputs<esp::CountOf<Keys, Day>, esp::MeanOf<"click", Keys, Day>,
                esp::MeanOf<"long_view", Keys, Day>, esp::MeanOf<"watch", Keys, Day>>...>;

/// Eight keys with three label means and a count each; four session inputs.
using History =
    esp::JoinedInputs<Statistics<esp::By<"user">, esp::By<"video">, esp::By<"author">,
                                 esp::By<"tag">, esp::By<"duration">, esp::By<"user", "tab">,
                                 esp::By<"user", "duration">, esp::By<"user", "tag">>,
                      esp::Inputs<esp::SincePrevious<esp::By<"user">, "time">,
                                  esp::SincePrevious<esp::By<"user">, "time", esp::Nth<2>>,
                                  esp::EarlierRows<esp::By<"user", "date">, "time">,
                                  esp::EarlierRows<esp::By<"user", "video">, "time">>>;

template <int I>
struct AttributeName {
  static constexpr char text[8] = {
      'a', 't', 't', 'r', '_', static_cast<char>('0' + I / 10), static_cast<char>('0' + I % 10),
      '\0'};
};
constexpr int attributes = 32;  // in addition to the six key columns

template <class Indices>
struct Ids;
template <int... I>
struct Ids<std::integer_sequence<int, I...>> {
  using Type = esp::Inputs<esp::Categorical<"user", 8>, esp::Categorical<"video", 8>,
                           esp::Categorical<"author", 8>, esp::Categorical<"tag", 8>,
                           esp::Categorical<"tab", 8>, esp::Numeric<"length">,
                           esp::Categorical<AttributeName<I>::text, 8>...>;
};
using Plain = Ids<std::make_integer_sequence<int, attributes>>::Type;

template <esp::FixedString Name>
using Feedback = esp::Task<Name, esp::BinaryCrossEntropy, esp::Tower<32>>;

template <class In>
struct Model : esp::MultiTaskModel<In, esp::Mmoe<4, esp::Mlp<128, 64>>, Feedback<"click">,
                                   Feedback<"long_view">,
                                   esp::Task<"watch", esp::MeanSquaredError, esp::Tower<32>>> {};
using WithHistory = Model<esp::JoinedInputs<Plain, History>>;

/// Users and videos from a skewed distribution, over 15 days, in order of time.
esp::Table log_of(esp::Index rows) {
  constexpr esp::Index users = 25000, videos = 7500, days = 15;
  esp::Random random(1);
  const auto n = static_cast<std::size_t>(rows);
  const auto skewed = [&](esp::Index below) {
    return static_cast<esp::Index>(random.uniform() * random.uniform() *
                                   static_cast<double>(below));
  };
  std::array<std::vector<std::string>, 6> keys;
  std::vector<double> date(n), time(n), length(n), click(n), long_view(n), watch(n);
  for (std::size_t i = 0; i < n; ++i) {
    const esp::Index video = skewed(videos);
    const std::array<esp::Index, 6> values{skewed(users), video,      video * 9 / 10,
                                           video % 60,    video % 20, skewed(15)};
    for (std::size_t k = 0; k < keys.size(); ++k) keys[k].push_back(std::to_string(values[k]));
    const double at = static_cast<double>(i) / static_cast<double>(n) * static_cast<double>(days);
    date[i] = 20220425 + std::floor(at);
    time[i] = std::floor(86400000 * at);
    length[i] = 1000 * std::exp(3 + random.normal());
    click[i] = random.bernoulli(0.45) ? 1 : 0;
    long_view[i] = random.bernoulli(0.3) ? 1 : 0;
    watch[i] = std::log1p(std::exp(1.5 + 1.5 * random.normal()));
  }
  esp::Table table;
  for (const auto& [name, k] : {std::pair{"user", 0},
                                {"video", 1},
                                {"author", 2},
                                {"tag", 3},
                                {"duration", 4},
                                {"tab", 5}}) {
    table.add(name, keys[static_cast<std::size_t>(k)]);
  }
  for (const auto& [name, values] : {std::pair{"date", &date},
                                     {"time", &time},
                                     {"length", &length},
                                     {"click", &click},
                                     {"long_view", &long_view},
                                     {"watch", &watch}}) {
    table.add(name, *values);
  }
  return table;
}

const esp::Table& whole_log() {
  static const esp::Table made = log_of(228329);
  return made;
}

/// A saved model and the next rows in the form in which they are predicted: named values in the
/// order of the inputs.
class Served {
 public:
  Served() {
    esp::Table table = whole_log().take(last_rows());
    std::vector<std::string> names{"user", "video", "author", "tag", "tab", "length"};
    esp::Random random(2);
    for (int i = 0; i < attributes; ++i) {
      std::vector<std::string> values;
      for (esp::Index row = 0; row < table.rows(); ++row)
        values.push_back(std::to_string(random.below(3 + 20 * static_cast<std::uint64_t>(i))));
      names.emplace_back("attr_" + std::string(i < 10 ? "0" : "") + std::to_string(i));
      table.add(names.back(), values);
    }
    for (const char* name : {"date", "time", "duration"}) names.emplace_back(name);
    for (esp::Index row = 0; row < 1024; ++row) {
      std::vector<esp::NamedValue>& values = rows.emplace_back();
      for (const std::string& name : names) {
        const esp::Column& column = table.column(name);
        if (column.kind == esp::ColumnKind::text) {
          values.emplace_back(name, column.at(row));
        } else {
          values.emplace_back(name, column.numbers[static_cast<std::size_t>(row)]);
        }
      }
      labels.push_back({{"click", table.numbers("click")[static_cast<std::size_t>(row)]},
                        {"long_view", table.numbers("long_view")[static_cast<std::size_t>(row)]},
                        {"watch", table.numbers("watch")[static_cast<std::size_t>(row)]}});
    }
    with_history = made<WithHistory>(table);
    plain = made<Model<Plain>>(table);
    esp::ServingState begun = with_history->initial_state();
    esp::Table all = whole_log();
    begun.add_to(all);
    state = std::make_unique<esp::ServingState>(std::move(begun));
  }

  std::unique_ptr<esp::PlanPredictor> with_history, plain;
  std::unique_ptr<esp::ServingState> state;  ///< has observed the whole log
  std::vector<std::vector<esp::NamedValue>> rows, labels;

 private:
  static std::vector<std::int32_t> last_rows() {
    std::vector<std::int32_t> chosen;
    for (auto row = static_cast<std::int32_t>(whole_log().rows()) - 20000; row < whole_log().rows();
         ++row)
      chosen.push_back(row);
    return chosen;
  }

  template <class M>
  static std::unique_ptr<esp::PlanPredictor> made(esp::Table table) {
    const std::string path = (std::filesystem::temp_directory_path() /
                              ("espalier_bench_" + std::to_string(::getpid()) + ".safetensors"))
                                 .string();
    esp::add_history<M>(table);
    const esp::Dataset all(std::move(table));
    const auto [train, valid, rest] =
        all.split_by([](esp::Index row) { return row % 10 == 0 ? 1 : 0; });
    esp::Trainer<M> trainer{{.epochs = 1, .batch_size = 1024}};
    trainer.fit(train, valid);
    trainer.save(path);
    auto predictor =
        std::make_unique<esp::PlanPredictor>(esp::program_of<M, float, esp::Cpu>(), path);
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
    return predictor;
  }
};

const Served& served() {
  static const Served made;
  return made;
}

/// Every input of every row of a whole log.
void add_to(benchmark::State& state) {
  const esp::Table& log = whole_log();
  for (auto _ : state) {
    esp::Table table = log;
    esp::add_history<Model<History>>(table);
    benchmark::DoNotOptimize(table.rows());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * log.rows());
}

/// Reads the inputs of one row, then observes the row with its labels.
void row(benchmark::State& state) {
  const Served& s = served();
  esp::ServingState moving = *s.state;
  const esp::Features& features = moving.features();
  std::vector<double> inputs(moving.history().names().size());
  std::size_t next = 0;
  for (auto _ : state) {
    const std::vector<esp::NamedValue>& values = s.rows[next];
    moving.history().read(features.row_keys(values), inputs.data());
    moving.observe(values, s.labels[next]);
    benchmark::DoNotOptimize(inputs.data());
    next = (next + 1) % s.rows.size();
  }
}

/// The part of predict_row() before the network: names, categories, inputs from earlier rows.
void encode(benchmark::State& state) {
  const Served& s = served();
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(s.state->features().encode(s.rows[next], {}, &s.state->history()));
    next = (next + 1) % s.rows.size();
  }
}

void predict_with_state(benchmark::State& state) {
  const Served& s = served();
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(s.with_history->predict_row(s.rows[next], *s.state));
    next = (next + 1) % s.rows.size();
  }
}

/// The same model without inputs from earlier rows.
void predict_plain(benchmark::State& state) {
  const Served& s = served();
  std::vector<std::vector<esp::NamedValue>> rows = s.rows;
  for (std::vector<esp::NamedValue>& values : rows) values.erase(values.end() - 3, values.end());
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(s.plain->predict_row(rows[next]));
    next = (next + 1) % rows.size();
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark("History/add_to/228329", add_to)
      ->Unit(benchmark::kMillisecond)
      ->MeasureProcessCPUTime();
  benchmark::RegisterBenchmark("History/row", row)->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("EncodeRow/state", encode)->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("PredictRow/state", predict_with_state)
      ->Unit(benchmark::kMicrosecond);
  benchmark::RegisterBenchmark("PredictRow/plain", predict_plain)->Unit(benchmark::kMicrosecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
