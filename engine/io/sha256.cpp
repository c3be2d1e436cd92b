#include "engine/io/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace engine {
namespace {

// FIPS 180-4, section 4.2.2: the first 32 bits of the fractional parts of the cube roots of the
// first 64 primes.
constexpr std::array<uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

uint32_t big_endian(const unsigned char* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

// Section 6.2.2, step 1: the message schedule.
std::array<uint32_t, 64> schedule(const unsigned char* block) {
  std::array<uint32_t, 64> w;
  for (size_t t = 0; t < 16; ++t) w[t] = big_endian(block + 4 * t);
  for (size_t t = 16; t < 64; ++t) {
    const uint32_t early = w[t - 15], late = w[t - 2];
    w[t] = (std::rotr(late, 17) ^ std::rotr(late, 19) ^ late >> 10) + w[t - 7] +
           (std::rotr(early, 7) ^ std::rotr(early, 18) ^ early >> 3) + w[t - 16];
  }
  return w;
}

}  // namespace

// Section 5.3.3.
Sha256::Sha256()
    : state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} {}

// Section 6.2.2, steps 2 to 4, with the letters used there.
void Sha256::compress(const unsigned char* block) {
  const std::array<uint32_t, 64> w = schedule(block);
  auto [a, b, c, d, e, f, g, h] = state_;
  for (size_t t = 0; t < 64; ++t) {
    const uint32_t choice = (e & f) ^ (~e & g);
    const uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
    const uint32_t t1 =
        h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + choice + kRound[t] + w[t];
    const uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + majority;
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const std::array<uint32_t, 8> added = {a, b, c, d, e, f, g, h};
  for (size_t k = 0; k < state_.size(); ++k) state_[k] += added[k];
}

void Sha256::update(const void* bytes, size_t size) {
  const auto* next = static_cast<const unsigned char*>(bytes);
  while (size > 0) {
    const size_t filled = num_bytes_ % kBlockBytes;
    const size_t step = std::min(size, kBlockBytes - filled);
    if (step == kBlockBytes) {
      compress(next);
    } else {
      std::memcpy(pending_.data() + filled, next, step);
      if (filled + step == kBlockBytes) compress(pending_.data());
    }
    num_bytes_ += step;
    next += step;
    size -= step;
  }
}

std::string Sha256::hex() const {
  // Section 5.1.1: a one bit, zeros up to 8 bytes before the end of a block, the length in bits.
  constexpr std::array<unsigned char, kBlockBytes> kPadding = {0x80};
  const size_t filled = num_bytes_ % kBlockBytes;
  const size_t length_at = kBlockBytes - 8;
  Sha256 padded = *this;
  padded.update(kPadding.data(), 1 + (length_at + kBlockBytes - 1 - filled) % kBlockBytes);
  std::array<unsigned char, 8> num_bits;
  for (size_t k = 0; k < 8; ++k) {
    num_bits[k] = static_cast<unsigned char>(num_bytes_ * 8 >> (56 - 8 * k));
  }
  padded.update(num_bits.data(), num_bits.size());

  std::string digits;
  for (const uint32_t word : padded.state_) {
    for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789abcdef"[word >> shift & 0xf];
  }
  return digits;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

}  // namespace engine
