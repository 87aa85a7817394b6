// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "espalier/core/file.hpp"
#include "espalier/core/json.hpp"
#include "espalier/model/safetensors.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::TemporaryFolder;

namespace {

std::string golden() {
  constexpr unsigned char bytes[] = {
#include "safetensors_golden.inc"
  };
  return {reinterpret_cast<const char*>(bytes), sizeof bytes};
}

std::string with_length(std::uint64_t length, const std::string& rest) {
  std::string out;
  for (unsigned i = 0; i < 8; ++i) out += static_cast<char>((length >> (8 * i)) & 0xFFU);
  return out + rest;
}

/// The error message for a file with this header and `data_bytes` bytes of data.
std::string message(const std::string& header, std::uint64_t data_bytes) {
  try {
    static_cast<void>(SafetensorsHeader::parse(header, data_bytes, "f"));
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "accepted";
}

std::string open_message(const std::string& path, const std::string& bytes) {
  write_file_atomically(path, bytes);
  try {
    const SafetensorsFile file(path);
  } catch (const CheckpointError& error) {
    const std::string text = error.what();
    CHECK(text.starts_with(path + ": "));
    return text.substr(path.size() + 2);
  }
  return "accepted";
}

std::string failure(auto&& action) {
  try {
    action();
  } catch (const CheckpointError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a file of Python's safetensors is read") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", golden());
  const SafetensorsFile file(folder / "a");
  REQUIRE(file.tensors().size() == 2);
  CHECK(file.tensors()[0].name == "n");
  CHECK(file.values<std::int64_t>("n") == std::vector<std::int64_t>{-2, 5});
  CHECK(file.at("w").shape == Shape{3, 4});
  std::vector<float> values(12);
  file.read("w", {3, 4}, std::span(values));
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK(values[i] == -1.5F + 0.25F * static_cast<float>(i));
  }
  CHECK(file.metadata("k") == "é");
  CHECK(file.metadata().size() == 1);
  CHECK(file.find("x") == nullptr);
  CHECK(file.find_metadata("x") == nullptr);
}

TEST_CASE("what is written is read, in aligned places") {
  const TemporaryFolder folder;
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const std::vector<float> weights{1.5F, -2, 0.25F, 4, 5, 6};
  const std::vector<double> losses{0.1, 0.2};
  const std::vector<float> none;
  SafetensorsWriter writer;
  writer.add("bytes", {3}, std::span(bytes));
  writer.add("weights", {2, 3}, std::span(weights));
  writer.add("none", {0, 5}, std::span(none));
  writer.add("losses", {2}, std::span(losses));
  writer.add("half", Dtype::f16, {1}, std::as_bytes(std::span(bytes).first(2)));
  writer.metadata("a", "x\ny");
  writer.write(folder / "a");
  const SafetensorsFile file(folder / "a");
  CHECK(file.values<std::uint8_t>("bytes") == bytes);
  CHECK(file.values<float>("weights") == weights);
  CHECK(file.values<float>("none").empty());
  CHECK(file.values<double>("losses") == losses);
  CHECK(file.at("half").dtype == Dtype::f16);
  CHECK(file.at("weights").elements() == 6);
  CHECK(file.metadata("a") == "x\ny");
  CHECK(file.tensors().size() == 5);
  for (const TensorInfo& tensor : file.tensors())
    CHECK(tensor.begin % dtype_size(tensor.dtype) == 0);
  const InputFile raw(folder / "a");
  std::string last(3, ' ');
  raw.read(raw.size() - 3, std::as_writable_bytes(std::span(last)));
  CHECK(last == "\1\2\3");
  std::uint64_t data = 0;
  for (const TensorInfo& tensor : file.tensors()) data += tensor.bytes();
  CHECK((raw.size() - data) % 64 == 0);
}

TEST_CASE("checksums of tensors and texts go with them, and damage is named") {
  const TemporaryFolder folder;
  const std::string text = "123456789", path = folder / "a";
  const std::vector<float> values(40, 0.5F);
  SafetensorsWriter writer;
  writer.add("bytes", Dtype::u8, {9}, std::as_bytes(std::span(text)));
  writer.add("values", {40}, std::span(values));
  writer.metadata("note", text);
  CHECK(failure([&] { writer.metadata("crc32c", "{}"); }) ==
        "metadata 'crc32c' is what the writer keeps its checksums in, expected another key");
  writer.write(path);
  const std::string whole = read_file(path);
  const std::string known =
      R"("crc32c":"{\"metadata\":{\"note\":\"e3069283\"},\"tensor\":{\"values\":\")";
  CHECK(whole.find(known) != std::string::npos);  // the published CRC-32C of "123456789"
  CHECK(whole.find(R"(\"bytes\":\"e3069283\"})") != std::string::npos);
  CHECK(SafetensorsFile(path).metadata().size() == 1);  // metadata() does not include the checksums

  std::string damaged = whole;
  damaged.back() = '8';
  write_file_atomically(path, damaged);
  const SafetensorsFile file(path);
  CHECK(file.values<float>("values") == values);
  CHECK(failure([&] { static_cast<void>(file.values<std::uint8_t>("bytes")); }) ==
        path +
            ": tensor 'bytes' is damaged: its CRC-32C is \"116d1180\", expected \"e3069283\"; "
            "where it was changed on "
            "purpose, leave metadata 'crc32c' out");
  damaged = whole;
  damaged[damaged.find("\"note\":\"1") + 8] = '3';
  CHECK(open_message(path, damaged).starts_with("metadata 'note' is damaged: its CRC-32C is "));
  damaged = whole;
  damaged[damaged.find("\"crc32c\":\"{") + 10] = '[';
  CHECK(open_message(path, damaged).starts_with("metadata 'crc32c': JSON: byte "));
  // A checksum stored under another name would leave its tensor unchecked.
  damaged = whole;
  damaged[damaged.find("\\\"bytes\\\":") + 2] = 'c';
  CHECK(open_message(path, damaged) ==
        "metadata 'crc32c' lacks the tensor 'bytes', expected 2 tensors and 1 texts: the file is "
        "damaged; where it was changed "
        "on purpose, leave that metadata out");
}

TEST_CASE("any flipped bit of a file is refused, or does no harm") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  const std::string path = folder / "a";
  const std::vector<float> values{1, 2, 3};
  const std::vector<std::uint8_t> bytes{4, 5};
  SafetensorsWriter writer;
  writer.add("v", {3}, std::span(values));
  writer.add("b", {2}, std::span(bytes));
  writer.metadata("note", "text");
  writer.write(path);
  const std::string whole = read_file(path);
  const std::size_t checksums = whole.find("\"crc32c\"") + 1, data = whole.size() - 14;
  int accepted = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string bad = whole;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    write_file_atomically(path, bad);
    bool same = false;
    const std::string said = failure([&] {
      const SafetensorsFile file(path);
      same = file.values<float>("v") == values;
      same = file.values<std::uint8_t>("b") == bytes && file.metadata("note") == "text" && same;
    });
    if (said != "no error") continue;
    CHECK(same);
    ++accepted;
    // Only flips in the checksums' key or in the padding before the data are accepted.
    CHECK((bit / 8 >= checksums && bit / 8 < data));
  }
  CHECK(accepted < 300);
}

TEST_CASE("a file of no tensors, and one replaced while it is open") {
  const TemporaryFolder folder;
  SafetensorsWriter().write(folder / "a");
  const SafetensorsFile empty(folder / "a");
  CHECK(empty.tensors().empty());
  CHECK(empty.metadata().empty());
  const float one = 1, two = 2;
  SafetensorsWriter first, second;
  first.add("x", {}, std::span<const float>(&one, 1));
  second.add("x", {}, std::span<const float>(&two, 1));
  first.write(folder / "a");
  const SafetensorsFile old(folder / "a");
  second.write(folder / "a");
  CHECK(old.values<float>("x").at(0) == 1);
  CHECK(SafetensorsFile(folder / "a").values<float>("x").at(0) == 2);
}

TEST_CASE("of a temporary file, what it holds is given by value") {
  const TemporaryFolder folder;
  const float one = 1;
  const std::string long_text = "a text of more letters than a string keeps within itself";
  SafetensorsWriter writer;
  writer.metadata("about", long_text);
  writer.add("a name of more letters than a string keeps", {1}, std::span<const float>(&one, 1));
  writer.write(folder / "a");
  const std::string& about = SafetensorsFile(folder / "a").metadata("about");
  CHECK(about == long_text);
  const TensorInfo& tensor =
      SafetensorsFile(folder / "a").at("a name of more letters than a string keeps");
  CHECK(tensor.shape == Shape{1});
  std::string names;
  for (const TensorInfo& t : SafetensorsFile(folder / "a").tensors()) names += t.name;
  CHECK(names == tensor.name);
  for (const auto& [key, text] : SafetensorsFile(folder / "a").metadata())
    CHECK(key + text == "about" + long_text);
}

TEST_CASE("the writer refuses what would not be read") {
  SafetensorsWriter writer;
  const std::vector<float> values(6);
  const std::span<const float> span(values);
  writer.add("w", {2, 3}, span);
  CHECK(failure([&] { writer.add("w", {6}, span); }) == "tensor 'w' is added twice");
  CHECK(failure([&] {
          writer.add("v", {2, 2}, span);
        }) == "tensor 'v': 24 bytes do not fill F32 [2, 2]");
  CHECK(failure([&] {
          writer.add("v", {-2, -3}, span);
        }) == "tensor 'v': 24 bytes do not fill F32 [-2, -3]");
  const std::span<const float> nothing;
  CHECK(failure([&] {
          writer.add("v", {0, -5}, nothing);
        }) == "tensor 'v': 0 bytes do not fill F32 [0, -5]");
  CHECK(failure([&] { writer.add("__metadata__", {6}, span); }) ==
        "tensor '__metadata__': expected a UTF-8 name other than __metadata__");
  writer.metadata("k", "1");
  CHECK(failure([&] { writer.metadata("k", "2"); }) == "metadata 'k' is set twice");
  CHECK(failure([&] { writer.metadata("l", "\xFF"); }) ==
        "metadata 'l' is not UTF-8: store bytes as a U8 tensor");
}

TEST_CASE("asking for another tensor, type or shape says what is there") {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  write_file_atomically(path, golden());
  const SafetensorsFile file(path);
  std::vector<float> values(12);
  CHECK(failure([&] {
          file.read("v", {3, 4}, std::span(values));
        }) == path + ": expected a tensor 'v', found none");
  CHECK(failure([&] {
          file.read("w", {4, 3}, std::span(values));
        }) == path + ": tensor 'w' has shape [3, 4], expected [4, 3] (12 values)");
  CHECK(failure([&] {
          file.read("w", {3, 4}, std::span(values).first(11));
        }) == path + ": tensor 'w' has shape [3, 4], expected [3, 4] (11 values)");
  CHECK(failure([&] { static_cast<void>(file.values<double>("w")); }) ==
        path + ": tensor 'w' is F32, expected F64");
  CHECK(failure([&] { static_cast<void>(file.metadata("x")); }) ==
        path + ": expected metadata 'x', found none");
}

TEST_CASE("hostile headers are refused, each with its reason") {
  const auto tensor = [](const std::string& rest) { return "{\"t\":{" + rest + "}}"; };
  const std::string f32 = "\"dtype\":\"F32\",", shape = "\"shape\":[2],";
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[0,8]"), 8) == "accepted");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[0,8]") + "  ", 8) == "accepted");
  CHECK(message("{}", 0) == "accepted");
  CHECK(message("", 0) == "f: not a safetensors file: expected '{' after the length");
  CHECK(message("[]", 0) == "f: not a safetensors file: expected '{' after the length");
  CHECK(message("{\"a\"", 0) ==
        "f: not a safetensors file: header: byte 4: expected ':', found the end");
  CHECK(message("{\"t\":1}", 0) == "f: tensor 't': expected an object, found 1");
  CHECK(
      message(tensor("\"dtype\":\"F31\"," + shape + "\"data_offsets\":[0,8]"), 8) ==
      "f: tensor 't': dtype: expected one of BOOL U8 I8 U16 I16 F16 BF16 U32 I32 F32 U64 I64 F64, "
      "found \"F31\"");
  CHECK(message(tensor(shape + "\"data_offsets\":[0,8]"), 8).ends_with("found none"));
  CHECK(message(tensor(f32 + "\"data_offsets\":[0,8]"), 8) ==
        "f: tensor 't': shape: expected a list of integers from 0 to 2^53, found none");
  for (const char* bad : {"[-1]", "[1.5]", "[\"2\"]", "[1e16]", "{}", "2"}) {
    CHECK(message(tensor(f32 + "\"shape\":" + bad + ",\"data_offsets\":[0,8]"), 8) ==
          "f: tensor 't': shape: expected a list of integers from 0 to 2^53, found " +
              Json::parse(bad).dump());
  }
  CHECK(message(tensor(f32 + "\"shape\":[4294967296,4294967296,2],\"data_offsets\":[0,8]"), 8) ==
        "f: tensor 't': shape [4294967296, 4294967296, 2] is too large");
  CHECK(message(tensor(f32 + "\"shape\":[4294967296,4294967296,0],\"data_offsets\":[0,0]"), 0) ==
        "accepted");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[0,8,8]"), 8) ==
        "f: tensor 't': data_offsets: expected [begin, end], found [0, 8, 8]");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[8,0]"), 8) ==
        "f: tensor 't': data_offsets [8, 0]: expected begin ≤ end");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[0,9]"), 8) ==
        "f: tensor 't': data_offsets [0, 9] hold 9 bytes, expected 8 for F32 [2]");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[0,8]"), 7) ==
        "f: tensor 't': cut off: it ends at byte 8 of the data, the file at byte 7");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[0,4]"), 4) ==
        "f: tensor 't': data_offsets [0, 4] hold 4 bytes, expected 8 for F32 [2]");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[0,8],\"more\":1"), 8) ==
        "f: tensor 't': expected dtype, shape and data_offsets, found 'more'");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[4,12]"), 12) ==
        "f: tensor 't' begins at byte 4 of the data, expected 0, where the one before ends");
  CHECK(message(tensor(f32 + shape + "\"data_offsets\":[0,8]"), 9) ==
        "f: the tensors end at byte 8 of the data, expected 9, the end of the file");
  const auto two = [&](const std::string& offsets) {
    return "{\"a\":{" + f32 + shape + "\"data_offsets\":[0,8]},\"b\":{" + f32 + shape +
           "\"data_offsets\":" + offsets + "}}";
  };
  CHECK(message(two("[8,16]"), 16) == "accepted");
  CHECK(message(two("[4,12]"), 12) ==
        "f: tensor 'b' begins at byte 4 of the data, expected 8, where the one before ends");
  CHECK(message(two("[0,8]"), 8).find("begins at byte 0 of the data, expected 8") !=
        std::string::npos);
  CHECK(message(two("[12,20]"), 20) ==
        "f: tensor 'b' begins at byte 12 of the data, expected 8, where the one before ends");
  CHECK(message("{\"a\":{},\"a\":{}}", 0) ==
        "f: not a safetensors file: header: byte 8: key \"a\" appears twice");
  for (const char* bad : {"1", "[]", "{\"k\":1}", "null"}) {
    CHECK(message("{\"__metadata__\":" + std::string(bad) + "}", 0) ==
          "f: __metadata__: expected an object of strings");
  }
}

TEST_CASE("a file cut off anywhere is said to be") {
  const TemporaryFolder folder;
  const std::string path = folder / "a", whole = golden();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    const std::string said = open_message(path, whole.substr(0, size));
    CHECK(said.find(size < 8 ? "not a safetensors file: " : "cut off: ") != std::string::npos);
  }
  CHECK(open_message(path, whole.substr(0, 100)) ==
        "cut off: the header ends at byte 152, the file at byte 100");
  CHECK(open_message(path, whole.substr(0, 200)) ==
        "tensor 'w': cut off: it ends at byte 64 of the data, the file at byte 48");
}

TEST_CASE("what is no safetensors file is said by how it begins") {
  const TemporaryFolder folder;
  const std::string path = folder / "pytorch_model.bin",
                    no = "not a safetensors file: it begins like ";
  CHECK(open_message(path, "") == "not a safetensors file: it is empty");
  // The text is not read as a header length of 7742… bytes.
  CHECK(open_message(path, "user,click\nu1,0\n") == no + "a CSV file: 'user,click'");
  CHECK(open_message(path, std::string("PK\x03\x04\0\0\0\0\0\0", 10)) ==
        no + "a zip archive (as PyTorch's .pt and .bin files and NumPy's .npz are)");
  CHECK(open_message(path, "\x80\x02}q\1X\4") == no + "a Python pickle");
  CHECK(open_message(path, with_length(2, "[]")) == no + "the bytes 02 00 00 00 00 00 00 00");
  CHECK(open_message(path, "{\"a\": 1}") == no + "a text: '{\"a\": 1}'");
}

TEST_CASE("lengths that lie") {
  const TemporaryFolder folder;
  const std::string path = folder / "a", whole = golden();
  CHECK(open_message(path, whole) == "accepted");
  CHECK(open_message(path, whole + "x") ==
        "the tensors end at byte 64 of the data, expected 65, the end of the file");
  CHECK(open_message(path, "1234567") ==
        "not a safetensors file: it begins like a text: '1234567'");
  CHECK(open_message(path, with_length(~0ULL, "{}")) ==
        "not a safetensors file: it begins like the bytes ff ff ff ff ff ff ff ff");
  CHECK(open_message(path, with_length(3, "{}")) ==
        "cut off: the header ends at byte 11, the file at byte 10");
  CHECK(open_message(path, with_length(2, "{}")) == "accepted");
}
