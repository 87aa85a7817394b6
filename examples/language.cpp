// SPDX-License-Identifier: Apache-2.0
// Language: a pre-trained encoder (BERT family) as the shared trunk of several tasks. CLINC150:
// what does a customer want (150 intents), and which department knows about it (10 domains)?
// Women's clothing: is it recommended, how many stars, do others find the review helpful? `--tune`
// says what is trained: only the towers, biases and normalisations too, the last layers, or
// everything.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/experiment.hpp"
#include "common/find_data.hpp"
#include "common/sharing.hpp"
#include "espalier/data/gzip.hpp"
#include "espalier/text.hpp"

namespace {

namespace esp = espalier;

// The shape of MiniLM-L6, such as all-MiniLM-L6-v2.
using MiniLm = esp::Bert<esp::Depth<6>, esp::Width<384>, esp::Heads<12>>;

using Questions = esp::Inputs<esp::Text<"text", MiniLm, esp::Length<32>>>;
using Intent = esp::Task<"intent", esp::SoftmaxCrossEntropy<150>>;
using Domain = esp::Task<"domain", esp::SoftmaxCrossEntropy<10>>;

using Reviews =
    esp::Inputs<esp::Text<"text", MiniLm, esp::Length<128>>, esp::Numeric<"Age">,
                esp::Categorical<"Class Name", 8>, esp::Categorical<"Department Name", 4>>;
using Recommended = esp::Task<"recommended", esp::BinaryCrossEntropy, esp::Label<"Recommended IND">,
                              esp::Tower<64>>;
using Stars = esp::Task<"rating", esp::MeanSquaredError, esp::Weight{0.5}, esp::Label<"Rating">,
                        esp::Tower<64>>;
using Helpful = esp::Task<"helpful", esp::BinaryCrossEntropy, esp::Weight{0.5}, esp::Tower<64>>;

constexpr double encoder_rate = 0.05;  // of the towers' learning rate

using NoLayers = esp::Layers<>;

/// A data set: its folder and file, models, and how its rows are read and split.
struct Topic {
  std::string name, file, where_from;
  std::vector<examples::NamedModel> (*models)();
  examples::Splits (*read)(const std::string& path);
};

std::vector<examples::NamedModel> question_models() {
  using esp::MultiTaskModel;
  return {
      examples::named<MultiTaskModel<Questions, esp::SharedBottom<NoLayers>, Intent, Domain>>(
          "shared"),
      examples::named<MultiTaskModel<Questions, esp::SharedBottom<NoLayers>, Intent>>("intent"),
      examples::named<MultiTaskModel<Questions, esp::SharedBottom<NoLayers>, Domain>>("domain")};
}

std::vector<examples::NamedModel> review_models() {
  using esp::MultiTaskModel, esp::SharedBottom;
  using Below = esp::Layers<esp::Dense<128>>;
  return {
      examples::named<MultiTaskModel<Reviews, SharedBottom<Below>, Recommended, Stars, Helpful>>(
          "shared"),
      examples::named<MultiTaskModel<Reviews, SharedBottom<Below>, Recommended>>("recommended"),
      examples::named<MultiTaskModel<Reviews, SharedBottom<Below>, Stars>>("rating"),
      examples::named<MultiTaskModel<Reviews, SharedBottom<Below>, Helpful>>("helpful")};
}

/// The publisher's split, without questions out of scope.
examples::Splits read_questions(const std::string& path) {
  esp::Table table = esp::read_csv(path, {.columns = {{"text", esp::ColumnKind::text},
                                                      {"intent", esp::ColumnKind::text},
                                                      {"domain", esp::ColumnKind::text},
                                                      {"split", esp::ColumnKind::text}}});
  const esp::Dataset all(std::move(table));
  const esp::Column split = all.table().as_text("split"), intent = all.table().as_text("intent");
  return all.split_by([&](esp::Index i) {
    if (intent.at(i) == "oos") return -1;
    return split.at(i) == "train" ? 0 : split.at(i) == "val" ? 1 : 2;
  });
}

/// Reviews with text, by row number: three of five train, one validates, one tests.
examples::Splits read_reviews(const std::string& path) {
  esp::Table table =
      esp::read_csv(path, {.columns = {{"Title", esp::ColumnKind::text},
                                       {"Review Text", esp::ColumnKind::text},
                                       {"Age", esp::ColumnKind::number},
                                       {"Class Name", esp::ColumnKind::text},
                                       {"Department Name", esp::ColumnKind::text},
                                       {"Rating", esp::ColumnKind::number},
                                       {"Recommended IND", esp::ColumnKind::number},
                                       {"Positive Feedback Count", esp::ColumnKind::number}}});
  const esp::Column title = table.as_text("Title"), review = table.as_text("Review Text");
  std::vector<std::string> text;
  for (esp::Index i = 0; i < table.rows(); ++i) {
    std::string& t = text.emplace_back(title.at(i));
    if (!t.empty() && !review.at(i).empty()) t += ". ";
    t += review.at(i);
  }
  table.add("text", text);
  const std::vector<double> votes = table.numbers("Positive Feedback Count");
  table.derive("helpful",
               [&](esp::Index i) { return votes[static_cast<std::size_t>(i)] > 0 ? 1.0 : 0.0; });
  const esp::Dataset all(std::move(table));
  const esp::Column with_text = all.table().as_text("Review Text");
  return all.split_by([&](esp::Index i) {
    if (with_text.at(i).empty()) return -1;
    return i % 5 < 3 ? 0 : i % 5 == 3 ? 1 : 2;
  });
}

const std::vector<Topic>& topics() {
  static const std::vector<Topic> all{
      {"clinc150", "clinc150.csv",
       "it is made of data_full.json and domains.json of github.com/clinc/oos-eval: columns text, "
       "intent, domain, split",
       question_models, read_questions},
      {"womens-clothing", "womens_clothing_reviews.csv",
       "Kaggle has it: nicapotato/womens-ecommerce-clothing-reviews", review_models, read_reviews}};
  return all;
}

/// What does not learn with --tune.
std::vector<std::string> frozen(const std::string& tune) {
  const std::string bert = "*sequence/text/bert0/", layer = bert + "transformer0/layer";
  if (tune == "towers") return {bert + "*", "*embedding/text"};
  if (tune == "bias") {  // biases, and gains and shifts of normalisations, learn
    return {bert + "*weight", "*embedding/text"};
  }
  if (tune == "top") {
    return {"*embedding/text", bert + "positions*", bert + "layer_norm*", layer + "0/*",
            layer + "1/*",     layer + "2/*",       layer + "3/*"};
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  // --data chooses the data set, by its name or by a folder that ends in it; the models follow.
  const Topic* topic = topics().data();
  std::string data;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string(argv[i]) != "--data") continue;
    data = argv[i + 1];
    for (const Topic& t : topics())
      if (std::filesystem::path(data).filename() == t.name) topic = &t;
  }
  std::string encoder, tune = "full";
  examples::Example example{
      .name = "language",
      .about = "Fine-tunes a pre-trained encoder for several tasks at once.",
      .model_names = names_of(topic->models()),
      .default_model = "shared",
      .recipe = {.epochs = 4,
                 .batch_size = 32,
                 .optimizer = esp::AdamW{.learning_rate = 1e-3},
                 .schedule = esp::WarmUp{.steps = 200, .then = esp::Linear{}},
                 .patience = 0},
      .optimizer = [](double rate) -> esp::Optimizer {
        return esp::AdamW{.learning_rate = rate, .weight_decay = 0.01};
      },
      .more_options =
          [&](CLI::App& app) {
            app.add_option(
                   "--encoder", encoder,
                   "folder of a MiniLM-L6: config.json, model.safetensors, tokenizer.json or "
                   "vocab.txt")
                ->required();
            app.add_option("--tune", tune, "what learns: towers, bias, top (two layers) or full")
                ->check(CLI::IsMember({"towers", "bias", "top", "full"}))
                ->capture_default_str();
          },
      .settings =
          [&] {
            return nlohmann::ordered_json{{"data", topic->name}, {"tune", tune}};
          },
      .models = topic->models,
      .load =
          [&](const examples::Options& o) {
            const bool named = o.data == topic->name;
            const auto folder = examples::find_data(named ? "" : o.data, topic->name, {topic->file},
                                                    {}, topic->where_from);
            if (!folder) throw esp::IoError(topic->name + " is not here; " + topic->where_from);
            return topic->read(*examples::find_file(*folder, topic->file));
          },
      .ids = {},
  };
  example.before = [&](esp::PlanTrainer& trainer) { esp::load_encoder(trainer, "text", encoder); };
  example.adapt = [&](esp::TrainerOptions& o) {
    const std::vector<std::string> more = frozen(tune);
    o.freeze.insert(o.freeze.end(), more.begin(), more.end());
    // What is trained already learns more slowly than the towers.
    o.groups = {{.pattern = "*sequence/text/bert0/*", .rate = encoder_rate},
                {.pattern = "*embedding/text", .rate = encoder_rate}};
  };
  return examples::run(argc, argv, std::move(example));
}
