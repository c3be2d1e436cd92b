// engine/io/sha256.h: the SHA-256 digest (FIPS 180-4), by which a damaged file is known.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace engine {

// The digest of a stream of bytes that comes in pieces. A plain value: a copy goes on by itself.
class Sha256 {
 public:
  Sha256();

  void update(const void* bytes, size_t size);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }

  // The digest of everything given so far, as 64 lower-case hexadecimal digits.
  std::string hex() const;

 private:
  static constexpr size_t kBlockBytes = 64;

  void compress(const unsigned char* block);

  std::array<uint32_t, 8> state_;
  std::array<unsigned char, kBlockBytes> pending_{};  // the first num_bytes_ % kBlockBytes are set
  uint64_t num_bytes_ = 0;
};

std::string sha256_hex(std::string_view bytes);

}  // namespace engine
