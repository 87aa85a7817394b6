// SPDX-License-Identifier: Apache-2.0
// UCI Adult: does this person earn more than 50,000 dollars, were they never married, how many
// hours per week do they work? Text labels, and a number in its own unit, as in the file.
#include "common/find_data.hpp"
#include "common/sharing.hpp"
#include "espalier/data/gzip.hpp"

namespace {

namespace esp = espalier;

constexpr int width = 8;  // embedding width
constexpr int experts = 4;

template <esp::FixedString Name>
using Category = esp::Categorical<Name, width>;

/// Numbers as they are and in buckets: buckets can represent non-monotonic effects, as boosted
/// trees do.
using Numbers =
    esp::Inputs<esp::Numeric<"age">, esp::Numeric<"fnlwgt">, esp::Numeric<"education_num">,
                esp::Numeric<"capital_gain">, esp::Numeric<"capital_loss">,
                esp::Buckets<"age", 80, width>, esp::Buckets<"fnlwgt", 8, width>,
                esp::Buckets<"education_num", 32, width>, esp::Buckets<"capital_gain", 256, width>,
                esp::Buckets<"capital_loss", 256, width>>;
using Categories =
    esp::Inputs<Category<"workclass">, Category<"education">, Category<"occupation">,
                Category<"relationship">, Category<"race">, Category<"sex">,
                Category<"native_country">, esp::Cross<"occupation", "workclass", 2000, 4>,
                esp::Cross<"relationship", "sex", 200, 4>>;
using Inputs = esp::JoinedInputs<Numbers, Categories>;

// The publisher writes a period after the labels of adult.test.
using Income =
    esp::Task<"income", esp::BinaryCrossEntropy, esp::Label<"income", esp::OneOf<">50K", ">50K.">>>;
using NeverMarried = esp::Task<"never_married", esp::BinaryCrossEntropy,
                               esp::Label<"marital_status", esp::Equals<"Never-married">>>;
using Hours = esp::Task<"hours", esp::MeanSquaredError, esp::Label<"hours_per_week">>;

template <class Sharing>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Income, NeverMarried, Hours> {};

std::vector<examples::NamedModel> models() {
  using Encoder = esp::Layers<esp::Dense<256>, esp::Dropout<esp::Rate{0.5}>>;
  return examples::sharing_models<Model, experts, Encoder, Encoder, Encoder, esp::Mlp<32>>();
}

/// The files have no header; the order of columns comes from their documentation.
const std::vector<std::string> columns{"age",
                                       "workclass",
                                       "fnlwgt",
                                       "education",
                                       "education_num",
                                       "marital_status",
                                       "occupation",
                                       "relationship",
                                       "race",
                                       "sex",
                                       "capital_gain",
                                       "capital_loss",
                                       "hours_per_week",
                                       "native_country",
                                       "income"};

/// Rows of adult.data with an index divisible by ten are the validation split, the others the
/// training split; adult.test is the test split.
examples::Splits load(const examples::Options& o) {
  const auto folder = examples::find_or_fetch(o.data, "adult", {"adult.data"}, {}, o.download);
  if (!folder) throw esp::IoError("UCI Adult is not here; scripts/fetch-data adult downloads it");
  const auto read = [&](const std::string& name) {
    const auto file = examples::find_file(*folder, name);
    if (!file) throw esp::IoError(folder->string() + ": no " + name);
    return esp::read_csv<Model<esp::SharedBottom<esp::Mlp<1>>>>(
        *file, {.comment = '|', .header = false, .names = columns, .missing = {"?"}, .trim = true});
  };
  const auto parts =
      read("adult.data").split_by([](esp::Index row) { return row % 10 == 0 ? 1 : 0; });
  return {parts[0], parts[1], read("adult.test")};
}

}  // namespace

int main(int argc, char** argv) {
  examples::Example example{
      .name = "adult",
      .about =
          "Predicts income, marital status and hours of work from a census, labels as they stand "
          "in the file.",
      .model_names = names_of(models()),
      .default_model = "shared",
      .recipe = esp::recommended(),
      .optimizer = [](double rate) -> esp::Optimizer { return esp::Adam{.learning_rate = rate}; },
  };
  example.models = models;
  example.load = load;
  return examples::run(argc, argv, std::move(example));
}
