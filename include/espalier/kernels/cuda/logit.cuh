// SPDX-License-Identifier: Apache-2.0
// Logits of products and of mixtures of probabilities.
#pragma once

#include <cmath>

#include "espalier/kernels/cuda/elementwise.cuh"
#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"

namespace espalier::cuda {

namespace kernels {

ESPALIER_HD inline float larger(float a, float b) { return a < b ? b : a; }

/// The logit z of σ(a) σ(b) and its slopes, as by the CPU's product_logit().
struct ProductLogit {
  float z, by_a, by_b;
  ESPALIER_HD ProductLogit(float a, float b) {
    const float x = -bounded(a), y = -bounded(b), largest = larger(larger(x, y), x + y);
    const float ex = std::exp(x - largest), ey = std::exp(y - largest),
                both = std::exp(x + y - largest), sum = ex + ey + both;
    z = -(largest + std::log(sum));
    by_a = (ex + both) / sum;
    by_b = (ey + both) / sum;
  }

 private:
  /// The sum of two of them is finite; NaN stays NaN.
  ESPALIER_HD static float bounded(float v) {
    constexpr float most = 1e30F;
    return v < -most ? -most : most < v ? most : v;
  }
};

struct ProductLogitForward {
  View<const float> a, b;
  View<float> z;
  ESPALIER_HD void operator()(Index i, Index j) const {
    z(i, j) = ProductLogit(a(i, j), b(i, j)).z;
  }
};

struct ProductLogitBackward {
  View<const float> a, b, dz;
  View<float> da;
  bool add_a;
  View<float> db;
  bool add_b;
  ESPALIER_HD void operator()(Index i, Index j) const {
    const ProductLogit of(a(i, j), b(i, j));
    const float d = dz(i, j);
    if (da.data != nullptr) put(&da(i, j), d * of.by_a, add_a);
    if (db.data != nullptr) put(&db(i, j), d * of.by_b, add_b);
  }
};

ESPALIER_HD inline float log_sigmoid(float z) {
  return z < 0 ? z - std::log1p(std::exp(z)) : -std::log1p(std::exp(-z));
}

/// yes = log Σ_c g_c σ(z_c), no = log Σ_c g_c σ(−z_c). Each is computed with its largest term
/// factored out.
struct MixtureLogs {
  float yes, no;
  ESPALIER_HD MixtureLogs(const float* z, const float* g, Index count) {
    float most_yes = 0, most_no = 0, sum_yes = 0, sum_no = 0;
    bool any = false;
    for (Index c = 0; c < count; ++c) {
      if (g[c] == 0) continue;
      const float weight = std::log(g[c]), p = weight + log_sigmoid(z[c]),
                  q = weight + log_sigmoid(-z[c]);
      most_yes = any && most_yes > p ? most_yes : p;
      most_no = any && most_no > q ? most_no : q;
      any = true;
    }
    for (Index c = 0; c < count; ++c) {
      if (g[c] == 0) continue;  // with weight 0, z_c may be infinite
      const float weight = std::log(g[c]);
      sum_yes += std::exp(weight + log_sigmoid(z[c]) - most_yes);
      sum_no += std::exp(weight + log_sigmoid(-z[c]) - most_no);
    }
    yes = most_yes + std::log(sum_yes);
    no = most_no + std::log(sum_no);
  }
};

/// A thread for each column: mixtures are of a few.
struct MixtureLogitForward {
  View<const float> z, g;
  View<float> y;
  ESPALIER_HD void operator()(Index j) const {
    const MixtureLogs logs(z.column(j), g.column(j), z.rows);
    y(0, j) = logs.yes - logs.no;
  }
};

struct MixtureLogitBackward {
  View<const float> z, g, dy;
  View<float> dz;
  bool add_z;
  View<float> dg;
  bool add_g;
  ESPALIER_HD void operator()(Index j) const {
    constexpr float most = 80;
    const MixtureLogs logs(z.column(j), g.column(j), z.rows);
    const float d = dy(0, j);
    for (Index c = 0; c < z.rows; ++c) {
      const float gate = g(c, j), p = log_sigmoid(z(c, j)), q = log_sigmoid(-z(c, j));
      if (dz.data != nullptr) {
        const float w = std::log(gate);
        const float by = gate == 0 ? 0.0F
                                   : d * (std::exp(w + p - logs.yes) * std::exp(q) +
                                          std::exp(w + q - logs.no) * std::exp(p));
        put(&dz(c, j), by, add_z);
      }
      if (dg.data != nullptr) {
        const float yes = p - logs.yes, no = q - logs.no;
        put(&dg(c, j), d * (std::exp(yes > most ? most : yes) - std::exp(no > most ? most : no)),
            add_g);
      }
    }
  }
};

}  // namespace kernels

void product_logit_forward(Device device, View<const float> a, View<const float> b, View<float> z) {
  each_element(device, "product_logit_forward", z.rows, z.cols,
               kernels::ProductLogitForward{a, b, z});
}

void product_logit_backward(Device device, View<const float> a, View<const float> b,
                            View<const float> dz, View<float> da, bool add_a, View<float> db,
                            bool add_b) {
  if (da.data == nullptr && db.data == nullptr) return;
  each_element(device, "product_logit_backward", dz.rows, dz.cols,
               kernels::ProductLogitBackward{a, b, dz, da, add_a, db, add_b});
}

void mixture_logit_forward(Device device, View<const float> z, View<const float> g, View<float> y) {
  each(device, "mixture_logit_forward", y.cols, kernels::MixtureLogitForward{z, g, y});
}

void mixture_logit_backward(Device device, View<const float> z, View<const float> g,
                            View<const float> dy, View<float> dz, bool add_z, View<float> dg,
                            bool add_g) {
  if (dz.data == nullptr && dg.data == nullptr) return;
  each(device, "mixture_logit_backward", dy.cols,
       kernels::MixtureLogitBackward{z, g, dy, dz, add_z, dg, add_g});
}

}  // namespace espalier::cuda
