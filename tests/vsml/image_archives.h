// tests/vsml/image_archives.h: PNG images and zip archives for tests, made without the code under
// test.
#pragma once

#include <string>
#include <utility>

#include "tests/vsml/idx_files.h"

inline Bytes big_endian(uint32_t value) {
  Bytes bytes;
  for (const int shift : {24, 16, 8, 0}) bytes.push_back(static_cast<uint8_t>(value >> shift));
  return bytes;
}

inline Bytes little_endian(uint64_t value, int length) {
  Bytes bytes;
  for (int k = 0; k < length; ++k) {
    bytes.push_back(k < 8 ? static_cast<uint8_t>(value >> (8 * k)) : 0);
  }
  return bytes;
}

inline Bytes bytes_of(const std::string& text) {
  return Bytes(text.begin(), text.end());
}

inline uint32_t crc_of(const Bytes& bytes) {
  return static_cast<uint32_t>(crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

inline Bytes png_chunk(const std::string& kind, const Bytes& body) {
  const Bytes checked = bytes_of(kind) + body;
  return big_endian(static_cast<uint32_t>(body.size())) + checked + big_endian(crc_of(checked));
}

struct PngKind {
  uint8_t depth = 1, colour = 0;
};

// An image whose header declares height x width; `rows` are its lines as PNG packs them, each
// behind a byte 0 (no filter).
inline Bytes png_of_rows(uint32_t height, uint32_t width, const Bytes& rows, PngKind kind = {}) {
  return Bytes{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'} +
         png_chunk("IHDR", big_endian(width) + big_endian(height) +
                               Bytes{kind.depth, kind.colour, 0, 0, 0}) +
         png_chunk("IDAT", deflated(rows, MAX_WBITS)) + png_chunk("IEND", {});
}

// One bit per pixel; pixels [height, width], each 0 (black) or 1.
inline Bytes bit_png(uint32_t height, uint32_t width, const Bytes& pixels) {
  Bytes rows;
  for (uint32_t y = 0; y < height; ++y) {
    Bytes line((width + 7) / 8);
    for (uint32_t x = 0; x < width; ++x) {
      line[x / 8] = static_cast<uint8_t>(line[x / 8] | pixels[y * width + x] << (7 - x % 8));
    }
    rows = rows + Bytes{0} + line;
  }
  return png_of_rows(height, width, rows);
}

struct ZipEntry {
  std::string name;
  Bytes content;
  bool packed = false;
  uint16_t flags = 0;       // 1: encrypted
  uint64_t declared = 0;    // size; 0: that of the content
  uint32_t crc_change = 0;  // what its checksum is wrong by
};

inline Bytes zip_of(const std::vector<ZipEntry>& entries) {
  Bytes files, directory;
  for (const ZipEntry& entry : entries) {
    const Bytes stored = entry.packed ? deflated(entry.content, -MAX_WBITS) : entry.content;
    const uint64_t size = entry.declared != 0 ? entry.declared : entry.content.size();
    const Bytes common = little_endian(entry.flags, 2) + little_endian(entry.packed ? 8 : 0, 2) +
                         little_endian(0, 4) +
                         little_endian(crc_of(entry.content) ^ entry.crc_change, 4) +
                         little_endian(stored.size(), 4) + little_endian(size, 4) +
                         little_endian(entry.name.size(), 2) + little_endian(0, 2);
    directory = directory + Bytes{'P', 'K', 1, 2, 20, 0, 20, 0} + common +
                little_endian(0, 2 + 2 + 2 + 4) + little_endian(files.size(), 4) +
                bytes_of(entry.name);
    files = files + Bytes{'P', 'K', 3, 4, 20, 0} + common + bytes_of(entry.name) + stored;
  }
  return files + directory + Bytes{'P', 'K', 5, 6, 0, 0, 0, 0} + little_endian(entries.size(), 2) +
         little_endian(entries.size(), 2) + little_endian(directory.size(), 4) +
         little_endian(files.size(), 4) + little_endian(0, 2);
}
