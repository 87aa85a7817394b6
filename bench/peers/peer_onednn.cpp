// SPDX-License-Identifier: Apache-2.0
// The products of bench/bench_matmul.cpp on oneDNN: inner_product or matmul with bias and ReLU in
// the primitive, whichever was faster before timing starts. --form=plain: weights and their
// gradients are plain arrays, as in a framework that trains; --form=packed: weights may also be in
// the layout that oneDNN prefers, and the reordering is not timed, as for inference. Inputs,
// outputs and their gradients are plain in both forms.
#include <omp.h>

#include <dnnl.hpp>

#include <algorithm>
#include <limits>
#include <utility>

#include "harness.hpp"
#include "matmul.hpp"

namespace {

using bench::Gradient;
using dnnl::memory;

struct Device {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

Device& device() {
  static Device one;
  return one;
}

/// One way to compute a case: a primitive and its arguments.
struct Way {
  dnnl::primitive primitive;
  std::vector<std::pair<int, memory>> values;
  bool sums_bias = false;  ///< the primitive has no bias gradient: a separate pass
  std::vector<dnnl_exec_arg_t> arguments{};

  void run() const {
    if (dnnl_primitive_execute(primitive.get(), device().stream.get(),
                               static_cast<int>(arguments.size()),
                               arguments.data()) != dnnl_success) {
      std::abort();
    }
  }
};

class OneDnn : public bench::MatmulValues {
 public:
  OneDnn(const bench::MatmulCase& of, bool packed) : MatmulValues(of) {
    omp_set_num_threads(c.threads);
    omp_set_dynamic(0);
    std::vector<memory::format_tag> layouts{memory::format_tag::ab};
    if (packed) layouts.push_back(memory::format_tag::any);
    for (const memory::format_tag layout : layouts) {
      add([&] { return inner_product(layout); });
      add([&] { return matmul(layout); });
    }
    choose();
  }

  void run() {
    ways_[best_].run();
    if (ways_[best_].sums_bias) sum_bias();
  }

  /// Reorders weight gradients from a oneDNN layout to a plain array.
  void finish() {
    for (auto& [kind, value] : ways_[best_].values) {
      const bool result = kind == DNNL_ARG_DIFF_WEIGHTS || kind == DNNL_ARG_DST;
      if (c.gradient != Gradient::weights || !result || value.get_data_handle() == dw.data())
        continue;
      memory plain(weights_layout(memory::format_tag::ab), device().engine, dw.data());
      dnnl::reorder(value, plain).execute(device().stream, value, plain);
    }
    device().stream.wait();
  }

  void report(benchmark::State& state, double seconds) const {
    state.counters["GFLOP/s"] = c.flops() / seconds / 1e9;
    state.SetLabel(names_[best_]);
  }

 private:
  using Tag = memory::format_tag;
  static constexpr memory::data_type f32 = memory::data_type::f32;

  [[nodiscard]] memory::desc samples(std::int64_t width) const {
    return {{c.batch, width}, f32, Tag::ab};
  }
  [[nodiscard]] memory::desc weights_layout(Tag layout) const {
    return {{c.out, c.in}, f32, layout};
  }
  [[nodiscard]] static memory at(const memory::desc& layout, const bench::Values& values) {
    return {layout, device().engine, values.data()};
  }
  [[nodiscard]] static dnnl::primitive_attr relu() {
    dnnl::post_ops after;
    after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0.0F, 0.0F);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(after);
    return attributes;
  }

  /// W in the layout that the primitive requires.
  [[nodiscard]] memory weights(const memory::desc& plain, const memory::desc& wanted) const {
    memory from = at(plain, w);
    if (plain == wanted) return from;
    memory to(wanted, device().engine);
    dnnl::reorder(from, to).execute(device().stream, from, to);
    device().stream.wait();
    return to;
  }
  /// Memory for dW in the layout that the primitive requires.
  [[nodiscard]] memory result(const memory::desc& plain, const memory::desc& wanted) const {
    return plain == wanted ? at(plain, dw) : memory(wanted, device().engine);
  }

  [[nodiscard]] Way inner_product(Tag layout) const {
    const memory::desc in = samples(c.in), out = samples(c.out), bias({c.out}, f32, Tag::a);
    const memory::desc plain = weights_layout(Tag::ab), any = weights_layout(layout);
    using Forward = dnnl::inner_product_forward;
    if (c.gradient == Gradient::none) {
      const Forward::primitive_desc p({dnnl::prop_kind::forward_inference, in, any, bias, out},
                                      relu(), device().engine);
      return {Forward(p),
              {{DNNL_ARG_SRC, at(in, x)},
               {DNNL_ARG_WEIGHTS, weights(plain, p.weights_desc())},
               {DNNL_ARG_BIAS, at(bias, b)},
               {DNNL_ARG_DST, at(out, y)}}};
    }
    const Forward::primitive_desc hint({dnnl::prop_kind::forward_training, in, any, bias, out},
                                       device().engine);
    if (c.gradient == Gradient::weights) {
      using Backward = dnnl::inner_product_backward_weights;
      const Backward::primitive_desc p({in, any, bias, out}, device().engine, hint);
      return {Backward(p),
              {{DNNL_ARG_SRC, at(in, x)},
               {DNNL_ARG_DIFF_DST, at(out, y)},
               {DNNL_ARG_DIFF_WEIGHTS, result(plain, p.diff_weights_desc())},
               {DNNL_ARG_DIFF_BIAS, at(bias, db)}}};
    }
    using Backward = dnnl::inner_product_backward_data;
    const Backward::primitive_desc p({in, any, out}, device().engine, hint);
    return {Backward(p),
            {{DNNL_ARG_DIFF_DST, at(out, y)},
             {DNNL_ARG_WEIGHTS, weights(plain, p.weights_desc())},
             {DNNL_ARG_DIFF_SRC, at(in, dx)}}};
  }

  [[nodiscard]] Way matmul(Tag layout) const {
    const memory::desc in = samples(c.in), out = samples(c.out), bias({1, c.out}, f32, Tag::ab);
    const bool any = layout == Tag::any;
    using Product = dnnl::matmul;
    if (c.gradient == Gradient::none) {
      const memory::desc plain({c.in, c.out}, f32, Tag::ba),
          wanted({c.in, c.out}, f32, any ? Tag::any : Tag::ba);
      const Product::primitive_desc p({in, wanted, bias, out}, relu(), device().engine);
      return {Product(p),
              {{DNNL_ARG_SRC, at(in, x)},
               {DNNL_ARG_WEIGHTS, weights(plain, p.weights_desc())},
               {DNNL_ARG_BIAS, at(bias, b)},
               {DNNL_ARG_DST, at(out, y)}}};
    }
    const memory::desc plain = weights_layout(Tag::ab), wanted = weights_layout(layout);
    if (c.gradient == Gradient::weights) {
      const memory::desc across({c.out, c.batch}, f32, Tag::ba);
      const Product::primitive_desc p({across, in, wanted}, device().engine);
      return {Product(p),
              {{DNNL_ARG_SRC, at(across, y)},
               {DNNL_ARG_WEIGHTS, at(in, x)},
               {DNNL_ARG_DST, result(plain, p.dst_desc())}},
              true};
    }
    const Product::primitive_desc p({out, wanted, in}, device().engine);
    return {Product(p),
            {{DNNL_ARG_SRC, at(out, y)},
             {DNNL_ARG_WEIGHTS, weights(plain, p.weights_desc())},
             {DNNL_ARG_DST, at(in, dx)}}};
  }

  /// Adds a way; skips it if this version of oneDNN does not implement it.
  void add(const auto& make) {
    try {
      ways_.push_back(make());
    } catch (const dnnl::error& error) {
      if (error.status != dnnl_unimplemented) throw;
      return;
    }
    Way& way = ways_.back();
    for (const auto& [kind, value] : way.values) way.arguments.push_back({kind, value.get()});
    const_dnnl_primitive_desc_t description = nullptr;
    const char* name = "";
    dnnl_primitive_get_primitive_desc(way.primitive.get(), &description);
    dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, static_cast<void*>(&name));
    names_.emplace_back(name);
  }

  /// Selects the fastest way: the minimum over two or more runs of each.
  void choose() {
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      const std::size_t before = std::exchange(best_, i);
      double fastest = std::numeric_limits<double>::infinity(), spent = 0;
      for (int runs = 0; runs < 2 || (spent < 2e-2 && (runs < 5 || spent < 2e-3)); ++runs) {
        const auto start = std::chrono::steady_clock::now();
        run();
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
        fastest = (std::min)(fastest, taken.count());
        spent += taken.count();
      }
      if (fastest >= least) best_ = before;
      least = (std::min)(least, fastest);
    }
  }

  void sum_bias() {
    float* const to = db.data();
    const float* const from = y.data();
    const std::int64_t batch = c.batch, out = c.out, parts = out >= 64 ? c.threads : 1;
#pragma omp parallel for num_threads(static_cast <int>(parts)) if (parts > 1)
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t begin = part * out / parts, end = (part + 1) * out / parts;
      std::fill(to + begin, to + end, 0.0F);
      for (std::int64_t s = 0; s < batch; ++s) {
        for (std::int64_t o = begin; o < end; ++o) to[o] += from[s * out + o];
      }
    }
  }

  std::vector<Way> ways_;
  std::vector<std::string> names_;
  std::size_t best_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const bool packed = bench::take_form(argc, argv) == "packed";
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const dnnl_version_t* version = dnnl_version();
  benchmark::AddCustomContext("onednn", std::to_string(version->major) + "." +
                                            std::to_string(version->minor) + "." +
                                            std::to_string(version->patch));
  bench::add_matmul<OneDnn>(packed);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
