#include "tests/golden/golden.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>

namespace golden {

using engine::Tensor;

Tensor array(const nlohmann::json& value) {
  engine::Shape shape;
  for (const int64_t extent : value.at("shape")) shape.push_back(extent);
  return Tensor::from(value.at("data").get<std::vector<double>>(), shape);
}

double error_of(const Tensor& got, const Tensor& want, double floor) {
  if (got.shape() != want.shape()) return std::numeric_limits<double>::infinity();
  const auto a = got.to_vector<double>(), b = want.to_vector<double>();
  double difference = 0, largest = floor;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(a[i] - b[i]);
    if (std::isnan(d)) return d;
    difference = std::max(difference, d);
    largest = std::max(largest, std::abs(b[i]));
  }
  return difference == 0 ? 0 : difference / largest;
}

bool CaseErrors::passed() const {
  for (const double error : {outputs, states, loss, gradients}) {
    if (!(error <= bound)) return false;
  }
  return true;
}

std::vector<CaseErrors> run_file(const std::string& path, engine::DType dtype,
                                 engine::Device device) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot be read");
  const nlohmann::json file = nlohmann::json::parse(in);
  if (file.at("format") != 1) throw std::runtime_error("expected format 1");
  std::vector<CaseErrors> results;
  for (const nlohmann::json& one : file.at("cases")) {
    const bool of_learner = one.at("spec").contains("learner");
    results.push_back(of_learner ? run_learner_case(one, dtype)
                                 : run_vsml_case(one, dtype, device));
  }
  return results;
}

}  // namespace golden
