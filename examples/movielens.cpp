// SPDX-License-Identifier: Apache-2.0
// MovieLens: will this user watch this film, like it, and how many stars will they give?
// Collaborative filtering on user and film, with genres and year. Negatives (not watched) are
// sampled; only watched films have stars.
#include <array>
#include <cmath>
#include <unordered_map>

#include "common/experiment.hpp"
#include "common/movielens.hpp"

namespace {

namespace esp = espalier;

constexpr int width = 16;                              // of the user and film embeddings
constexpr int negatives = 4;                           // sampled per watched film
constexpr double liked_from = 4;                       // stars
constexpr double valid_share = 0.1, test_share = 0.1;  // of each user's ratings, the latest

using Inputs = esp::Inputs<esp::Categorical<"userId", width>,
                           esp::Categorical<"movieId", width, esp::MinCount<2>>,
                           esp::MultiCategorical<"genres", 8>, esp::Numeric<"year">>;
using Encoder = esp::Layers<esp::Dense<64>, esp::Dropout<esp::Rate{0.3}>, esp::Dense<32>>;
constexpr auto tower = esp::Tower<16>;

using Watched = esp::Task<"watched", esp::BinaryCrossEntropy, esp::Weight{1.0}, tower>;
using Liked = esp::Task<"liked", esp::BinaryCrossEntropy, esp::Weight{1.0}, tower>;
using Rating = esp::Task<"rating", esp::MeanSquaredError, esp::Weight{0.5}, tower>;

using Single = esp::MultiTaskModel<Inputs, esp::SingleTask<Encoder>, Watched, Liked, Rating>;
using Shared = esp::MultiTaskModel<Inputs, esp::SharedBottom<Encoder>, Watched, Liked, Rating>;
using Mmoe = esp::MultiTaskModel<Inputs, esp::Mmoe<4, Encoder>, Watched, Liked, Rating>;

/// "Toy Story (1995)": 1995; NaN if the title has no year.
double year_of(std::string_view title) {
  while (!title.empty() && (title.back() == ' ' || title.back() == '"')) title.remove_suffix(1);
  if (title.size() < 6 || title.back() != ')' || title[title.size() - 6] != '(')
    return std::nan("");
  double year = 0;
  for (const char c : title.substr(title.size() - 5, 4)) {
    if (c < '0' || c > '9') return std::nan("");
    year = 10 * year + (c - '0');
  }
  return year;
}

/// Splits each user's ratings by time: the first 80 % train (0), the next validate (1), the latest
/// test (2).
/// (With one date for all users, nine of ten users of the test split would have no history for
/// collaborative filtering.)
std::vector<double> part_of_history(const esp::Table& ratings) {
  const esp::Column users = ratings.as_text("userId");
  const std::vector<double>& time = ratings.numbers("timestamp");
  std::vector<std::vector<std::size_t>> by_user(users.dictionary.size());
  for (std::size_t i = 0; i < time.size(); ++i)
    by_user[static_cast<std::size_t>(users.codes[i])].push_back(i);
  std::vector<double> part(time.size());
  for (auto& rows : by_user) {
    std::stable_sort(rows.begin(), rows.end(),
                     [&](std::size_t a, std::size_t b) { return time[a] < time[b]; });
    const double n = static_cast<double>(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double seen = static_cast<double>(i) / n;
      part[rows[i]] = seen < 1 - valid_share - test_share ? 0 : seen < 1 - test_share ? 1 : 2;
    }
  }
  return part;
}

examples::Splits load(const examples::Options& o) {
  const std::filesystem::path folder = examples::movielens_folder(o);
  esp::Table ratings = esp::read_csv(examples::movielens_file(folder, "ratings.csv"),
                                     {.columns = {{"userId", esp::ColumnKind::text},
                                                  {"movieId", esp::ColumnKind::text},
                                                  {"rating", esp::ColumnKind::number},
                                                  {"timestamp", esp::ColumnKind::number}}});
  ratings.add(esp::Column::number("part", part_of_history(ratings)));
  esp::Table table = esp::sample_negatives(ratings, {.user = "userId",
                                                     .item = "movieId",
                                                     .label = "watched",
                                                     .per_positive = negatives,
                                                     .keep = {"part"},
                                                     .seed = o.seed});
  esp::Table movies = esp::read_csv(examples::movielens_file(folder, "movies.csv"),
                                    {.columns = {{"movieId", esp::ColumnKind::text},
                                                 {"title", esp::ColumnKind::text},
                                                 {"genres", esp::ColumnKind::text}}});
  const esp::Column titles = movies.as_text("title");
  movies.derive("year", [&](esp::Index i) { return year_of(titles.at(i)); });
  esp::join(table, movies, "movieId");
  const std::vector<double> stars = table.numbers("rating");
  table.derive("liked", [&](esp::Index i) {
    const double s = stars[static_cast<std::size_t>(i)];
    return std::isnan(s) ? s : s >= liked_from ? 1.0 : 0.0;
  });
  table.source = "MovieLens latest-small";
  const esp::Dataset all(std::move(table));
  const std::vector<double>& part = all.table().numbers("part");
  return all.split_by(
      [&](esp::Index i) { return static_cast<int>(part[static_cast<std::size_t>(i)]); });
}

/// Reference scores: popularity predicts what is watched; a film's mean over the training split
/// predicts likes and stars.
esp::Report baselines(const examples::Splits& splits) {
  const esp::Table& table = splits[0].table();
  const esp::Column films = table.as_text("movieId");
  const std::vector<double>&watched = table.numbers("watched"), &stars = table.numbers("rating"),
        &liked = table.numbers("liked");
  struct Film {
    double watched = 0, stars = 0, liked = 0;
  };
  std::vector<Film> known(films.dictionary.size());
  Film all;
  for (const std::int32_t row : splits[0].rows()) {
    const auto i = static_cast<std::size_t>(row);
    if (watched[i] == 0) continue;
    for (Film* f : {&known[static_cast<std::size_t>(films.codes[i])], &all}) {
      f->watched += 1;
      f->stars += stars[i];
      f->liked += liked[i];
    }
  }
  std::array<std::vector<float>, 3> said, label;
  for (const std::int32_t row : splits[2].rows()) {
    const auto i = static_cast<std::size_t>(row);
    const Film& film = known[static_cast<std::size_t>(films.codes[i])];
    const Film& mean = film.watched > 0 ? film : all;
    said[0].push_back(static_cast<float>(film.watched));
    said[1].push_back(static_cast<float>(mean.liked / mean.watched));
    said[2].push_back(static_cast<float>(mean.stars / mean.watched));
    label[0].push_back(static_cast<float>(watched[i]));
    label[1].push_back(static_cast<float>(liked[i]));
    label[2].push_back(static_cast<float>(stars[i]));
  }
  esp::Report report;
  const char* names[] = {"watched", "liked", "rating"};
  for (std::size_t k = 0; k < 3; ++k) {
    esp::TaskReport task{names[k], {}, 0, esp::label_mean(label[k])};
    for (const float y : label[k]) task.labelled += y == y ? 1 : 0;
    if (k < 2) {
      task.metrics = {{"auc", esp::roc_auc(said[k], label[k])}};
    } else {
      task.metrics = {{"rmse", esp::rmse(said[k], label[k])}, {"mae", esp::mae(said[k], label[k])}};
    }
    report.tasks.push_back(std::move(task));
  }
  return report;
}

}  // namespace

int main(int argc, char** argv) {
  examples::Example example{
      .name = "movielens",
      .about = "Predicts whether a user watches a film, likes it, and the stars given.",
      .model_names = {"single", "shared", "mmoe"},
      .default_model = "shared",
      .recipe = {.epochs = 20,
                 .batch_size = 1024,
                 .optimizer = esp::Adam{.learning_rate = 1e-3},
                 .patience = 3},
      .optimizer = [](double rate) -> esp::Optimizer { return esp::Adam{.learning_rate = rate}; },
      .ids = {"userId", "movieId"},
  };
  example.models = [] {
    return std::vector{examples::named<Single>("single"), examples::named<Shared>("shared"),
                       examples::named<Mmoe>("mmoe")};
  };
  example.load = load;
  example.baselines = baselines;
  example.baselines_are = "popularity, and the film's mean in the training split";
  return examples::run(argc, argv, std::move(example));
}
