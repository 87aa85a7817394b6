// SPDX-License-Identifier: Apache-2.0
// Census-Income (KDD): does this person earn more than 50,000 dollars, and were they never married?
// The benchmark of the mixture-of-experts paper (Ma et al., KDD 2018), on the part published as
// census-income.test.
#include "common/find_data.hpp"
#include "common/sharing.hpp"
#include "espalier/data/gzip.hpp"

namespace {

namespace esp = espalier;

constexpr int width = 8;  // embedding width
constexpr int experts = 8;
constexpr esp::Rate dropout{0.1};

template <int First, int Second>
using Encoder = esp::Layers<esp::Dense<First>, esp::Dropout<dropout>, esp::Dense<Second>>;

template <esp::FixedString Name>
using Category = esp::Categorical<Name, width>;
template <esp::FixedString Name>
using Amount = esp::Numeric<Name, esp::Log1p, esp::Standardize>;

using Inputs = esp::Inputs<
    Amount<"age">, Amount<"wage_per_hour">, Amount<"capital_gains">, Amount<"capital_losses">,
    Amount<"dividends">, Amount<"employer_size">, Amount<"weeks_worked">,
    Category<"class_of_worker">, Category<"industry_code">, Category<"occupation_code">,
    Category<"education">, Category<"enrolled">, Category<"industry">, Category<"occupation">,
    Category<"race">, Category<"hispanic_origin">, Category<"sex">, Category<"union_member">,
    Category<"unemployment_reason">, Category<"employment">, Category<"tax_filer">,
    Category<"previous_region">, Category<"previous_state">, Category<"household">,
    Category<"household_summary">, Category<"migration_msa">, Category<"migration_region">,
    Category<"migration_within_region">, Category<"same_house">, Category<"migration_sunbelt">,
    Category<"parents_present">, Category<"father_birth_country">, Category<"mother_birth_country">,
    Category<"birth_country">, Category<"citizenship">, Category<"self_employed">,
    Category<"veterans_questionnaire">, Category<"veterans_benefits">, Category<"year">>;

using Income = esp::Task<"income", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<64, 32>>;
using NeverMarried =
    esp::Task<"never_married", esp::BinaryCrossEntropy, esp::Weight{1.0}, esp::Tower<64, 32>>;

template <class Sharing>
struct Model : esp::MultiTaskModel<Inputs, Sharing, Income, NeverMarried> {};

using Lower = esp::Layers<esp::Dense<128>, esp::Dropout<dropout>>;

std::vector<examples::NamedModel> models() {
  using examples::named;
  return joined(
      examples::sharing_models<Model, experts, Encoder<128, 64>, Encoder<64, 64>, Lower,
                               esp::Mlp<64>>(),
      {named<Model<
           esp::Dbmtl<Encoder<128, 64>, esp::Mlp<32>, esp::Reads<"income", "never_married">>>>(
           "dbmtl"),
       named<Model<
           esp::PepNet<esp::Domain<"year">, esp::Person<"occupation", "education">, 128, 64>>>(
           "pepnet"),
       named<Model<esp::Star<"year", 2, Encoder<128, 64>>>>("star"),
       named<Model<esp::MetaHeac<experts, 2, width, Encoder<64, 64>>>>("meta_heac")});
}

/// The file has no header; the order of columns comes from its documentation.
const std::vector<std::string> columns{"age",
                                       "class_of_worker",
                                       "industry_code",
                                       "occupation_code",
                                       "education",
                                       "wage_per_hour",
                                       "enrolled",
                                       "marital_status",
                                       "industry",
                                       "occupation",
                                       "race",
                                       "hispanic_origin",
                                       "sex",
                                       "union_member",
                                       "unemployment_reason",
                                       "employment",
                                       "capital_gains",
                                       "capital_losses",
                                       "dividends",
                                       "tax_filer",
                                       "previous_region",
                                       "previous_state",
                                       "household",
                                       "household_summary",
                                       "survey_weight",
                                       "migration_msa",
                                       "migration_region",
                                       "migration_within_region",
                                       "same_house",
                                       "migration_sunbelt",
                                       "employer_size",
                                       "parents_present",
                                       "father_birth_country",
                                       "mother_birth_country",
                                       "birth_country",
                                       "citizenship",
                                       "self_employed",
                                       "veterans_questionnaire",
                                       "veterans_benefits",
                                       "weeks_worked",
                                       "year",
                                       "income_class"};

/// Of every five rows, 0–2 train, 3 validates, 4 tests. Neither the survey weight nor a label is an
/// input.
examples::Splits load(const examples::Options& o) {
  const std::vector<std::string> files{"census-income.csv", "census-income.test"};
  const auto folder = examples::find_or_fetch(o.data, "census-income", files, {}, o.download);
  if (!folder)
    throw esp::IoError("Census-Income is not here; scripts/fetch-data census-income downloads it");
  auto file = examples::find_file(*folder, files[0]);
  if (!file) file = examples::find_file(*folder, files[1]);

  esp::CsvOptions options;
  options.header = false;
  options.names = columns;
  options.trim = true;
  options.columns = {{"marital_status", esp::ColumnKind::text},
                     {"income_class", esp::ColumnKind::text}};
  for (const esp::FieldInfo& f : Inputs::fields) {
    options.columns.push_back(
        {std::string(f.name), f.is_numeric() ? esp::ColumnKind::number : esp::ColumnKind::text});
  }
  esp::Table table = esp::read_csv(*file, options);
  const esp::Column income = table.as_text("income_class"),
                    marital = table.as_text("marital_status");
  table.derive("income", [&](esp::Index i) { return income.at(i) == "50000+." ? 1 : 0; });
  table.derive("never_married",
               [&](esp::Index i) { return marital.at(i) == "Never married" ? 1 : 0; });
  table.source = "Census-Income";
  return esp::Dataset(std::move(table)).split_by([](esp::Index row) {
    return row % 5 < 3 ? 0 : static_cast<int>(row % 5) - 2;
  });
}

}  // namespace

int main(int argc, char** argv) {
  examples::Example example{
      .name = "census_income",
      .about =
          "Predicts income and marital status from a census: a mixture of experts against a shared "
          "encoder.",
      .model_names = names_of(models()),
      .default_model = "mmoe",
      .recipe = {.epochs = 20,
                 .batch_size = 512,
                 .optimizer = esp::Adam{.learning_rate = 1e-3},
                 .patience = 3,
                 .monitor = "mean_auc"},
      .optimizer = [](double rate) -> esp::Optimizer { return esp::Adam{.learning_rate = rate}; },
  };
  example.models = models;
  example.load = load;
  return examples::run(argc, argv, std::move(example));
}
