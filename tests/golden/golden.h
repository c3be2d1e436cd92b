// tests/golden/golden.h: numbers of an independent implementation, and how far ours are from them.
//
// A golden file is JSON: {"format": 1, "cases": [...]}; an array is {"shape": [...], "data":
// [...]}. The VSML cases were written by a PyTorch program in float64 (tests/golden/README.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace golden {

// Largest |got - want| over the larger of the largest |want| and `floor`; infinite for a wrong
// shape, NaN if a number is NaN.
double error_of(const engine::Tensor& got, const engine::Tensor& want, double floor = 0);

// An array of the file as an f64 tensor.
engine::Tensor array(const nlohmann::json& value);

struct CaseErrors {
  std::string name;
  double bound = 0;  // what each of the errors below must not exceed
  double outputs = 0, states = 0, loss = 0, gradients = 0;

  bool passed() const;  // false for NaN
};

// One case of a file of VSML networks, run in f64 or f32. In f32 the fused kernels are used where
// there are some, and the bound is that of rounding.
CaseErrors run_vsml_case(const nlohmann::json& one, engine::DType dtype, engine::Device device);

// One case of a file of other learners. Bound: 1e-9 in f64, 1e-4 in f32.
CaseErrors run_learner_case(const nlohmann::json& one, engine::DType dtype);

// All cases of a file. Throws std::exception if the file is not a golden file.
std::vector<CaseErrors> run_file(const std::string& path, engine::DType dtype,
                                 engine::Device device);

}  // namespace golden
