// SPDX-License-Identifier: Apache-2.0
// The library behind the target espalier::cuda: the kernels and the part of the CUDA runtime that
// kernels/cuda/ only declares. Compiled by nvcc; and, for tests without a GPU, by a host compiler
// (tests/cuda/emulated.cpp).
#include "espalier/kernels/cuda/dense.cuh"
#include "espalier/kernels/cuda/domain_dense.cuh"
#include "espalier/kernels/cuda/elementwise.cuh"
#include "espalier/kernels/cuda/gate.cuh"
#include "espalier/kernels/cuda/inputs.cuh"
#include "espalier/kernels/cuda/logit.cuh"
#include "espalier/kernels/cuda/normalize.cuh"
#include "espalier/kernels/cuda/rows.cuh"
#include "espalier/kernels/cuda/runtime.cuh"
#include "espalier/kernels/cuda/select.cuh"
#include "espalier/kernels/cuda/sharing.cuh"
#include "espalier/kernels/cuda/task_gradients.cuh"
#include "espalier/losses/cuda/library.cuh"
#include "espalier/optim/cuda/update.cuh"
