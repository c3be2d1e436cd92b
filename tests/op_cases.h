// tests/op_cases.h: the one table of ops under test.
//
// A row says how to call an op, what naive loops it must agree with (tests/reference.h) and on
// which inputs. Every row is run as a value test in each dtype and on each device, as a first and
// second order gradient test, and as a misuse test (wrong and mixed dtypes). What an op must refuse
// besides is a row of its own. To add an op, add its rows in the op_cases_*.cpp of its area; a test
// fails for an op that is declared in engine/ops and has none.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "tests/reference.h"

namespace engine::test {

// What the elements of an operand are. All keep clear of the kinks of the ops they are used with.
enum class Range {
  Signed,    // magnitude in [0.1, 2]
  Positive,  // in [0.4, 2.4]
  Distinct,  // multiples of 0.1 in random order, shifted by 0.03 from operand to operand: all
             // differ
  Integer,   // -3 .. 3, with repetitions
  Mask,      // 0 or 1, a constant to gradients
  Place,     // i32, 0 .. limit - 1, a constant to gradients
};

// How an operand lies in memory; the values are the same.
enum class Layout {
  Contiguous,
  Reversed,  // axes stored in reverse order
  Inner,     // part of a tensor that is larger along every axis and NaN (or -1) elsewhere
  Repeated,  // stride 0 along the first axis, along which the values repeat
};

struct Operand {
  Shape shape;
  Range range = Range::Signed;
  Layout layout = Layout::Contiguous;
  int64_t limit = 0;  // for Place
};

// What a row is run with.
struct Operands {
  std::vector<Tensor> tensors;
  DType dtype;
  Device device;
  const Tensor& operator[](size_t k) const { return tensors[k]; }
};

using Run = std::function<Tensor(const Operands&)>;
using Reference = std::function<Array(const std::vector<Array>&)>;

struct OpCase {
  std::string op;       // as declared in engine/ops
  std::string variant;  // what is special about this row
  std::vector<Operand> inputs;
  Run run;
  Reference reference;

  bool integers = false;       // takes i32 as well
  bool differentiable = true;  // in the elements of its float operands
  // |got - want| <= tolerance max(1, |want|). In f64 rounding is all there is; in f32 a few
  // roundings of 6e-8 each, more only where the row says why.
  double tolerance_f32 = 1e-6;
  const char* why = "";
  bool mixed = false;  // the row calls other ops as well, which may be the ones to refuse

  // For building rows.
  OpCase& numbers() { return integers = true, *this; }
  OpCase& constant() { return differentiable = false, *this; }
  OpCase& calls_others() { return mixed = true, *this; }
  OpCase& f32(double tolerance, const char* reason) {
    return tolerance_f32 = tolerance, why = reason, *this;
  }
  std::string name() const { return op + " (" + variant + ")"; }
};

enum class Refusal { Shape, DType, Device, Any };

// A call that must throw; what() starts with the op's name and contains every text of `says`.
struct MisuseCase {
  std::string op;
  std::string variant;
  Refusal refusal;
  std::vector<std::string> says;
  std::function<void()> call;
};

class OpCases {
 public:
  OpCase& add(const std::string& op, const std::string& variant, std::vector<Operand> inputs,
              Run run, Reference reference);
  void misuse(const std::string& op, const std::string& variant, std::vector<std::string> says,
              std::function<void()> call, Refusal refusal = Refusal::Shape);

  const std::vector<OpCase>& rows() const { return rows_; }
  const std::vector<MisuseCase>& misuses() const { return misuses_; }

 private:
  std::vector<OpCase> rows_;
  std::vector<MisuseCase> misuses_;
};

// The table.
const OpCases& op_cases();

// Its parts, one per header of engine/ops.
void add_elementwise_cases(OpCases& cases);
void add_reduce_cases(OpCases& cases);
void add_linalg_cases(OpCases& cases);
void add_movement_cases(OpCases& cases);
void add_nn_cases(OpCases& cases);
void add_conv_cases(OpCases& cases);
void add_random_cases(OpCases& cases);

// The values of a row's operands: the same on every call, rounded to `dtype`.
std::vector<Array> values_of(const OpCase& row, DType dtype);
// The same as tensors, laid out as the row says; Place operands are i32.
Operands operands_of(const OpCase& row, DType dtype, Device device);
// For every operand: true if gradients are asked for.
std::vector<bool> variables_of(const OpCase& row);

// f64 ones of a shape, for misuse rows.
Tensor ones(const Shape& shape, DType dtype = DType::f64);

}  // namespace engine::test
