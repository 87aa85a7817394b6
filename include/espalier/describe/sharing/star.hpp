// SPDX-License-Identifier: Apache-2.0
// Star: one network for several domains, whose weights are shared weights times the domain's.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "espalier/core/fixed_string.hpp"
#include "espalier/describe/sharing/chain.hpp"

namespace espalier {

namespace detail {

/// Returns the index of the field called `name` among all fields, or their number if there is none.
template <class InputsType>
constexpr std::size_t field_number(std::string_view name) {
  std::size_t i = 0;
  while (i < InputsType::count && InputsType::fields[i].name != name) ++i;
  return i;
}

/// Layers whose Dense layers have additional weights for each domain: |f| (1 + domains) parameters,
/// with |f| those of the Dense layers.
template <class Encoder>
struct StarLayers;
template <class... Ls>
struct StarLayers<Layers<Ls...>> {
  static constexpr bool any_dense = (is_dense<Ls> || ...);

  template <class Builder>
  static constexpr Block fold(Builder& b, Block in, int domains, int field) {
    int position = 0;
    ((in = one<LayerOrNone<Ls>>(b, in, domains, field, position++)), ...);
    return in;
  }

 private:
  template <class L, class Builder>
  static constexpr Block one(Builder& b, Block in, int domains, int field, int position) {
    if constexpr (is_dense<L>) {
      Node node;
      node.in = in;
      node.activation = L::activation;
      node.groups = domains;
      node.field = field;
      const auto tensors = [&](std::string_view path_name, int copies, std::size_t first,
                               Init weights) {
        const auto path = b.scope(path_name);
        const auto layer = b.scope("dense", position);
        b.template require<detail::DenseUnits>(L::units > 0);
        b.align();
        node.parameters[first] = b.tensor("weight", copies * L::units, in.rows, weights);
        b.align();
        node.parameters[first + 1] = b.tensor("bias", copies * L::units, 0, Init::zeros);
      };
      tensors("shared", 1, 0, detail::initial(L::weights, L::activation));
      tensors("domains", domains, 2, Init::ones);
      if (needs_pre_activation(L::activation)) node.cache = b.block(L::units, in.steps);
      node.out = b.block(L::units, in.steps);
      const auto path = b.scope("shared");
      const auto layer = b.scope("dense", position);
      b.template emit<ops::DomainDense>(node);
      return node.out;
    } else {
      const auto path = b.scope("shared");
      const Block out = L::fold(b, in, position);
      return out;
    }
  }
};

}  // namespace detail

/// Star topology (Sheng et al., CIKM 2021): SharedBottom for `Domains` domains. `Where` names the
/// input that gives the domain, a Categorical of at most that many values. Each Dense layer of
/// `Encoder` has shared weights and weights for each domain,
///
///   h = act((W ∘ W_p) x + (b + b_p)) for a sample of domain p.
/// W_p starts as ones, b_p as zeros: all domains start alike. A value that is not in the vocabulary
/// uses W and b alone. Parameters: |f| (1 + Domains), with |f| those of the encoder's Dense layers.
/// `Auxiliary`, layers, is the paper's auxiliary network: it reads all inputs, including the
/// domain, and its output is added to each task's logits through a Dense layer of the task. Not
/// implemented: partitioned normalisation. Towers are not domain-specific.
template <FixedString Where, int Domains, class Encoder, class Auxiliary = Layers<>>
struct Star {
  using Layered = detail::StarLayers<EncoderOf<Encoder>>;
  using Added = EncoderOf<Auxiliary>;
  using Operations = JoinUnique<
      typename EncoderOf<Encoder>::Operations, TypeList<ops::DomainDense>,
      std::conditional_t<(Added::count > 0),
                         JoinUnique<typename Added::Operations, TypeList<ops::Dense, ops::Add>>,
                         TypeList<>>>;
  static constexpr std::string_view name = "star";
  static constexpr bool brings_towers = Added::count > 0;

  template <class InputsType, class... Tasks>
  static constexpr bool fits() {
    static_assert(Domains >= 2 && Domains <= 256, "espalier: Star takes 2 to 256 domains");
    static_assert(Layered::any_dense, "espalier: Star needs at least one Dense layer");
    constexpr bool sound = Domains >= 2 && Domains <= 256 && Layered::any_dense;
    constexpr std::size_t at = detail::field_number<InputsType>(Where.view());
    constexpr bool known = at < InputsType::count;
    static_assert(known, "espalier: Star names an input that the model does not have");
    if constexpr (known) {
      constexpr FieldInfo field = InputsType::fields[at];
      constexpr bool single = field.kind == FieldKind::categorical && field.pool == Pool::none;
      static_assert(
          single,
          "espalier: Star's domain is an input of kind Categorical with one value a sample");
      return sound && single;
    }
    return sound && known;
  }

  template <class InputsType, class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold(Builder& b) {
    constexpr std::size_t at = detail::field_number<InputsType>(Where.view());
    int categorical = 0;
    for (std::size_t i = 0; i < at; ++i) categorical += InputsType::fields[i].is_numeric() ? 0 : 1;
    const Block x = InputsType::fold(b);
    b.limit_rows(InputsType::tables_of_fields.vocabulary[at], Domains + 1);
    if constexpr (Added::count > 0) b.aside = x;
    std::array<Block, sizeof...(Tasks)> out{};
    out.fill(Layered::fold(b, x, Domains, categorical));
    return out;
  }

  template <class... Tasks, class Builder>
  static constexpr std::array<Block, sizeof...(Tasks)> fold_towers(
      Builder& b, const std::array<Block, sizeof...(Tasks)>& in) requires(Added::count > 0) {
    const Block h = detail::under(b, "auxiliary", [&] { return Added::fold(b, b.aside); });
    std::array<Block, sizeof...(Tasks)> logits = Towers<Tasks...>::fold(b, in);
    detail::each_task<Tasks...>(b, true, [&](int k) {
      Block& z = logits[static_cast<std::size_t>(k)];
      z = detail::under(b, "auxiliary", [&] {
        return detail::add(b, z, detail::dense(b, h, z.rows, Activation::identity, 0));
      });
    });
    return logits;
  }
};

}  // namespace espalier
