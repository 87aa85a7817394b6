// SPDX-License-Identifier: Apache-2.0
// Logits of products and of mixtures of probabilities.
#pragma once

#include <cmath>

#include "espalier/kernels/cuda/kernels.hpp"
#include "espalier/kernels/cuda/launch.cuh"
#include "espalier/kernels/logits.hpp"

namespace espalier::cuda {

namespace kernels {

struct ProductLogitForward {
  View<const float> a, b;
  View<float> z;
  ESPALIER_HD void operator()(Index i, Index j) const {
    float by_a, by_b;
    z(i, j) = product_logit(a(i, j), b(i, j), by_a, by_b);
  }
};

struct ProductLogitBackward {
  View<const float> a, b, dz;
  View<float> da;
  bool add_a;
  View<float> db;
  bool add_b;
  ESPALIER_HD void operator()(Index i, Index j) const {
    float by_a, by_b;
    static_cast<void>(product_logit(a(i, j), b(i, j), by_a, by_b));
    const float d = dz(i, j);
    if (da.data != nullptr) put(&da(i, j), d * by_a, add_a);
    if (db.data != nullptr) put(&db(i, j), d * by_b, add_b);
  }
};

/// A thread for each column: mixtures are of a few.
struct MixtureLogitForward {
  View<const float> z, g;
  View<float> y;
  ESPALIER_HD void operator()(Index j) const {
    float yes, no;
    mixture_logs(z.column(j), g.column(j), z.rows, yes, no);
    y(0, j) = yes - no;
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
    float log_yes, log_no;
    mixture_logs(z.column(j), g.column(j), z.rows, log_yes, log_no);
    const float d = dy(0, j);
    for (Index c = 0; c < z.rows; ++c) {
      const float gate = g(c, j), p = log_sigmoid(z(c, j)), q = log_sigmoid(-z(c, j));
      if (dz.data != nullptr) {
        const float w = std::log(gate);
        const float by = gate == 0 ? 0.0F
                                   : d * (std::exp(w + p - log_yes) * std::exp(q) +
                                          std::exp(w + q - log_no) * std::exp(p));
        put(&dz(c, j), by, add_z);
      }
      if (dg.data != nullptr) {
        const float yes = p - log_yes, no = q - log_no;
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
