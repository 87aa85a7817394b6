// SPDX-License-Identifier: Apache-2.0
// Texts as inputs: Text with pre-trained encoders of the BERT family, which load_encoder() reads.
// Not part of espalier.hpp: programs without them compile faster.
#pragma once

#include "espalier/sequences.hpp"
#include "espalier/text/text_field.hpp"
#include "espalier/train/load_encoder.hpp"
