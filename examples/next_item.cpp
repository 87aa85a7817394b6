// SPDX-License-Identifier: Apache-2.0
// Next item: which film does a user rate next? MovieLens, leave one out: of each user's ratings in
// order of time the last tests, the one before validates, the others train. Every film is ranked,
// but those that the user has rated before. Beside SASRec (a causal Transformer): GRU, HSTU, means
// of the films seen, and, without learning, popularity and item-kNN. `--compare-models` puts them
// side by side; scripts/next-item compares with PyTorch.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/experiment.hpp"
#include "common/movielens.hpp"
#include "common/sharing.hpp"
#include "espalier/data/gzip.hpp"
#include "espalier/exec/predict.hpp"
#include "espalier/sequences.hpp"

namespace {

namespace esp = espalier;

constexpr int width = 64;
constexpr int latest = 400;  // films of a sequence
constexpr esp::Rate dropout{0.3};

using Seen = esp::Categorical<"seen", width, esp::Last<latest>>;

template <auto... Options>
using Next =
    esp::Task<"next", esp::NextItem<"seen", esp::NewItems{}, Options...>, esp::Label<"movieId">>;

template <class NextTask, class... Parts>
struct Model : esp::MultiTaskModel<esp::Inputs<esp::Sequence<Seen, Parts...>>,
                                   esp::SharedBottom<esp::Layers<>>, NextTask> {};

using Transformer = esp::Transformer<esp::Depth<2>, esp::FeedForward<width>, esp::Causal,
                                     esp::SequenceDropout<dropout>>;
using Hstu = esp::Hstu<esp::Depth<2>, esp::Causal, esp::SequenceDropout<dropout>>;

std::vector<examples::NamedModel> models() {
  using examples::named;
  return {
      named<Model<Next<>, Transformer, esp::NextStep<>, esp::LastStep>>("sasrec"),
      named<Model<Next<esp::Sampled{512}>, Transformer, esp::NextStep<esp::Sampled{512}>,
                  esp::LastStep>>("sasrec_sampled"),
      named<Model<Next<>, Hstu, esp::NextStep<>, esp::LastStep>>("hstu"),
      named<Model<Next<>, esp::Dropout<dropout>, esp::Gru<width>, esp::NextStep<>, esp::LastStep>>(
          "gru"),
      named<Model<Next<>, esp::MeanOfSteps>>("mean"),
  };
}

struct Rating {
  double time;
  std::int64_t movie;
};

/// Each user's films, in order of time, ties by film.
std::map<std::int64_t, std::vector<Rating>> read_histories(const std::string& file) {
  const esp::Table ratings =
      esp::read_csv(file, {.columns = {{"userId", esp::ColumnKind::number},
                                       {"movieId", esp::ColumnKind::number},
                                       {"timestamp", esp::ColumnKind::number}}});
  const std::vector<double>&users = ratings.numbers("userId"), &movies = ratings.numbers("movieId"),
        &times = ratings.numbers("timestamp");
  std::map<std::int64_t, std::vector<Rating>> histories;
  for (std::size_t i = 0; i < users.size(); ++i) {
    histories[static_cast<std::int64_t>(users[i])].push_back(
        {times[i], static_cast<std::int64_t>(movies[i])});
  }
  for (auto& [user, history] : histories) {
    std::sort(history.begin(), history.end(), [](const Rating& a, const Rating& b) {
      return std::pair(a.time, a.movie) < std::pair(b.time, b.movie);
    });
  }
  return histories;
}

/// Three rows for each user: the film to train on, to validate, to test, each with those before.
examples::Splits load(const examples::Options& o) {
  const std::string file = examples::movielens_file(examples::movielens_folder(o), "ratings.csv");
  std::vector<std::string> users, seen, next;
  std::vector<double> part;
  for (const auto& [user, history] : read_histories(file)) {
    if (history.size() < 4) continue;
    std::string before;
    for (std::size_t i = 0; i < history.size(); ++i) {
      const std::string movie = std::to_string(history[i].movie);
      if (i + 3 >= history.size()) {
        users.push_back(std::to_string(user));
        seen.push_back(before);
        next.push_back(movie);
        part.push_back(static_cast<double>(i + 3 - history.size()));
      }
      before += (before.empty() ? "" : "|") + movie;
    }
  }
  esp::Table table;
  table.source = "MovieLens latest-small";
  table.add("userId", users);
  table.add("seen", seen);
  table.add("movieId", next);
  table.add("part", part);
  const esp::Dataset all(std::move(table));
  const std::vector<double>& parts = all.table().numbers("part");
  return all.split_by(
      [&](esp::Index i) { return static_cast<int>(parts[static_cast<std::size_t>(i)]); });
}

/// The films of a row, and the next one, as numbers of Films; −1 for one that training has not
/// seen.
struct Row {
  std::vector<std::int32_t> seen;
  std::int32_t next = -1;
};

/// The films of the training split, numbered in order of movieId.
class Films {
 public:
  explicit Films(const esp::Dataset& train) {
    std::vector<std::int64_t> found;
    each_cell(train, [&](const std::vector<std::int64_t>& seen, std::int64_t next) {
      found.insert(found.end(), seen.begin(), seen.end());
      found.push_back(next);
    });
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    ids_ = std::move(found);
  }

  [[nodiscard]] std::size_t size() const { return ids_.size(); }

  [[nodiscard]] std::vector<Row> rows(const esp::Dataset& data) const {
    std::vector<Row> rows;
    each_cell(data, [&](const std::vector<std::int64_t>& seen, std::int64_t next) {
      Row& row = rows.emplace_back();
      for (const std::int64_t film : seen) {
        if (number_of(film) >= 0) row.seen.push_back(number_of(film));
      }
      row.next = number_of(next);
    });
    return rows;
  }

 private:
  [[nodiscard]] std::int32_t number_of(std::int64_t film) const {
    const auto at = std::lower_bound(ids_.begin(), ids_.end(), film);
    return at != ids_.end() && *at == film ? static_cast<std::int32_t>(at - ids_.begin()) : -1;
  }

  template <class Visit>
  static void each_cell(const esp::Dataset& data, Visit visit) {
    const esp::Column seen = data.table().as_text("seen"), next = data.table().as_text("movieId");
    for (const std::int32_t at : data.rows()) {
      const std::string cell(seen.at(at));
      std::vector<std::int64_t> films;
      for (std::size_t begin = 0; begin < cell.size();) {
        const std::size_t end = (std::min)(cell.find('|', begin), cell.size());
        films.push_back(std::stoll(cell.substr(begin, end - begin)));
        begin = end + 1;
      }
      visit(films, std::stoll(std::string(next.at(at))));
    }
  }

  std::vector<std::int64_t> ids_;
};

using Scores = std::vector<float>;  ///< one per film

/// The rank of the next film of each row by a score, ties by movieId; films seen before are left
/// out, and a film that training has not seen is missed.
template <class Score>
std::vector<float> ranks(const std::vector<Row>& rows, Score score) {
  std::vector<float> found;
  for (const Row& row : rows) {
    if (row.next < 0) {
      found.push_back(INFINITY);
      continue;
    }
    Scores scores = score(row);
    const auto own = static_cast<std::size_t>(row.next);
    for (const std::int32_t film : row.seen) {
      if (film != row.next) scores[static_cast<std::size_t>(film)] = -1;
    }
    std::size_t before = 0;
    for (std::size_t film = 0; film < scores.size(); ++film) {
      const bool tied = scores[film] == scores[own] && film < own;
      before += scores[film] > scores[own] || tied ? 1U : 0U;
    }
    found.push_back(static_cast<float>(before + 1));
  }
  return found;
}

/// Item-kNN: the sum of a film's similarities to those seen, n_ij / (√(n_i n_j) + shrinkage) to the
/// nearest films of each. The number of neighbours and the shrinkage are the best of nine on the
/// validation split.
class ItemKnn {
 public:
  ItemKnn(const std::vector<Row>& train, std::size_t films) : users_(films) {
    for (const Row& row : train) {
      std::vector<std::int32_t> all = row.seen;
      all.push_back(row.next);
      for (const std::int32_t film : all)
        users_[static_cast<std::size_t>(film)].push_back(histories_.size());
      histories_.push_back(std::move(all));
    }
  }

  /// In how many histories each film is.
  [[nodiscard]] Scores popularity() const {
    Scores counts;
    for (const auto& users : users_) counts.push_back(static_cast<float>(users.size()));
    return counts;
  }

  [[nodiscard]] std::vector<float> ranks_of(const std::vector<Row>& valid,
                                            const std::vector<Row>& test) const {
    std::vector<float> best;
    double best_ndcg = -1;
    const std::vector<float> labels(valid.size(), 1.0F);
    for (const float shrinkage : {0.0F, 5.0F, 20.0F}) {
      const std::vector<Near> near = neighbours(shrinkage);
      for (const std::size_t most : {20U, 100U, 500U}) {
        const auto score = [&](const Row& row) {
          Scores scores(users_.size());
          for (const std::int32_t film : row.seen) {
            const Near& close = near[static_cast<std::size_t>(film)];
            for (std::size_t i = 0; i < (std::min)(most, close.size()); ++i)
              scores[static_cast<std::size_t>(close[i].first)] += close[i].second;
          }
          return scores;
        };
        const double ndcg = esp::ndcg_of_ranks(ranks(valid, score), labels, 10);
        if (!(ndcg > best_ndcg)) continue;
        best_ndcg = ndcg;
        best = ranks(test, score);
      }
    }
    return best;
  }

 private:
  using Near = std::vector<std::pair<std::int32_t, float>>;  ///< the most similar first

  [[nodiscard]] std::vector<Near> neighbours(float shrinkage) const {
    constexpr std::size_t most = 500;
    std::vector<Near> near(users_.size());
    std::vector<float> together(users_.size());
    for (std::size_t film = 0; film < near.size(); ++film) {
      std::fill(together.begin(), together.end(), 0.0F);
      for (const std::size_t u : users_[film])
        for (const std::int32_t other : histories_[u]) ++together[static_cast<std::size_t>(other)];
      together[film] = 0;
      Near& close = near[film];
      for (std::size_t other = 0; other < together.size(); ++other) {
        if (together[other] == 0) continue;
        const auto product = static_cast<float>(users_[film].size() * users_[other].size());
        close.emplace_back(static_cast<std::int32_t>(other),
                           together[other] / (std::sqrt(product) + shrinkage));
      }
      const std::size_t kept = (std::min)(most, close.size());
      std::partial_sort(close.begin(), close.begin() + static_cast<std::ptrdiff_t>(kept),
                        close.end(), [](const auto& a, const auto& b) {
                          return a.second != b.second ? a.second > b.second : a.first < b.first;
                        });
      close.resize(kept);
    }
    return near;
  }

  std::vector<std::vector<std::int32_t>> histories_;  ///< per user
  std::vector<std::vector<std::size_t>> users_;       ///< per film
};

struct Baselines {
  std::vector<float> popularity, knn;
};
Baselines baseline_ranks(const examples::Splits& splits) {
  const Films films(splits[0]);
  const ItemKnn known(films.rows(splits[0]), films.size());
  const std::vector<Row> test = films.rows(splits[2]);
  const Scores popular = known.popularity();
  return {ranks(test, [&](const Row&) { return popular; }),
          known.ranks_of(films.rows(splits[1]), test)};
}

esp::Report baselines(const examples::Splits& splits) {
  const Baselines found = baseline_ranks(splits);
  const std::vector<float> labels(found.knn.size(), 1.0F);
  return {{esp::evaluate_items("popularity", found.popularity, labels),
           esp::evaluate_items("item_knn", found.knn, labels)}};
}

/// Writes userId and the ranks of the test split, for comparisons user by user.
void write_ranks(const std::string& path, esp::PlanTrainer& trainer, const examples::Splits& splits,
                 const Baselines& baselines) {
  const esp::Predictions p = trainer.predict(trainer.features().encode(splits[2]));
  const esp::Column users = splits[2].table().as_text("userId");
  std::ofstream out(path);
  out << "userId,model,popularity,item_knn\n";
  for (std::size_t i = 0; i < p.ranks[0].size(); ++i) {
    out << users.at(splits[2].rows()[i]) << ',' << p.ranks[0][i] << ',' << baselines.popularity[i]
        << ',' << baselines.knn[i] << '\n';
  }
  if (!out.flush()) throw esp::IoError(path + ": cannot be written");
}

}  // namespace

int main(int argc, char** argv) {
  std::string rank_file;
  examples::Example example{
      .name = "next_item",
      .about = "Predicts which film a user rates next, of all films.",
      .model_names = names_of(models()),
      .default_model = "sasrec",
      .recipe = {.epochs = 200, .batch_size = 64, .patience = 20, .monitor = "next/ndcg@10"},
      .optimizer = [](double rate) -> esp::Optimizer { return esp::Adam{.learning_rate = rate}; },
      .more_options =
          [&](CLI::App& app) {
            app.add_option("--ranks", rank_file, "CSV of each user's rank of the film to test");
          },
      .models = models,
      .load = load,
      .baselines = baselines,
      .ids = {"userId"},
      .baselines_are = "popularity and item-kNN",
  };
  example.after = [&](esp::PlanTrainer& trainer, const examples::Splits& splits) {
    if (!rank_file.empty()) write_ranks(rank_file, trainer, splits, baseline_ranks(splits));
  };
  return examples::run(argc, argv, std::move(example));
}
