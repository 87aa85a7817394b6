// SPDX-License-Identifier: Apache-2.0
// Reading a CSV file of numbers and categories: bytes per second on one thread.
// ESPALIER_BENCH_CSV_ROWS sets the number of rows (default: a million, a file of about 250 MB in
// the temporary folder).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

#include "espalier/core/random.hpp"
#include "espalier/data/csv.hpp"

namespace {

constexpr int columns = 40;

espalier::Index rows() {
  const char* text = std::getenv("ESPALIER_BENCH_CSV_ROWS");
  const long long given = text != nullptr ? std::atoll(text) : 0;
  return given > 0 ? static_cast<espalier::Index>(given) : 1000000;
}

std::string name(int column) { return std::string("c").append(std::to_string(column)); }

bool is_number(int column) { return column % 2 == 0; }

/// Even columns have numbers (small integers, prices, measurements), odd ones categories (20 to
/// 20,000 values).
std::string cell(int column, espalier::Random& random) {
  char text[40];
  const double skewed = random.uniform() * random.uniform();
  switch (column % 8) {
    case 0:
      std::snprintf(text, sizeof text, "%d", static_cast<int>(100 * skewed));
      break;
    case 2:
      std::snprintf(text, sizeof text, "%.2f", 1000 * skewed);
      break;
    case 4:
      std::snprintf(text, sizeof text, "%.6f", skewed - 0.5);
      break;
    case 6:
      std::snprintf(text, sizeof text, "%d", random.bernoulli(0.3) ? 1 : 0);
      break;
    case 1:
      std::snprintf(text, sizeof text, "u%d", static_cast<int>(20000 * skewed));
      break;
    case 3:
      std::snprintf(text, sizeof text, "category_%d", static_cast<int>(20 * skewed));
      break;
    case 5:
      std::snprintf(text, sizeof text, "%d", static_cast<int>(5000 * skewed));
      break;
    default:
      std::snprintf(text, sizeof text, "%s", random.bernoulli(0.2) ? "" : "yes");
      break;
  }
  return text;
}

/// A file that is written once and deleted at the end.
class File {
 public:
  File()
      : path_((std::filesystem::temp_directory_path() /
               ("espalier_bench_" + std::to_string(::getpid()) + ".csv"))
                  .string()) {
    std::ofstream out(path_, std::ios::binary);
    std::string chunk;
    for (int c = 0; c < columns; ++c) (chunk += c > 0 ? "," : "") += name(c);
    espalier::Random random(1);
    for (espalier::Index row = 0; row < rows(); ++row) {
      for (int c = 0; c < columns; ++c) (chunk += c > 0 ? ',' : '\n') += cell(c, random);
      if (chunk.size() > 1U << 20U) {
        out << chunk;
        chunk.clear();
      }
    }
    out << chunk << '\n';
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const File& file() {
  static const File made;
  return made;
}

void read(benchmark::State& state, const espalier::CsvOptions& options) {
  const std::string& path = file().path();
  for (auto _ : state) {
    const espalier::Table table = espalier::read_csv(path, options);
    benchmark::DoNotOptimize(table.rows());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(std::filesystem::file_size(path)));
}

/// All columns, with given kinds.
void ReadCsv(benchmark::State& state) {
  espalier::CsvOptions options;
  for (int c = 0; c < columns; ++c) {
    options.columns.push_back(
        {name(c), is_number(c) ? espalier::ColumnKind::number : espalier::ColumnKind::text});
  }
  read(state, options);
}

/// All columns, with inferred kinds.
void ReadCsvInferred(benchmark::State& state) { read(state, {}); }

/// Four of the columns.
void ReadCsvSelected(benchmark::State& state) {
  espalier::CsvOptions options;
  options.columns = {
      {"c0", espalier::ColumnKind::number}, {"c1"}, {"c18", espalier::ColumnKind::number}, {"c33"}};
  read(state, options);
}

BENCHMARK(ReadCsv)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(ReadCsvInferred)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(ReadCsvSelected)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
