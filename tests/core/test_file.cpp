// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "espalier/core/crc32c.hpp"
#include "espalier/core/file.hpp"
#include "support/child_process.hpp"
#include "support/temporary_folder.hpp"

using namespace espalier;
using espalier_test::child;
using espalier_test::TemporaryFolder;
using Names = std::vector<std::string>;

namespace {

void put(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string failure(auto&& action) {
  try {
    action();
  } catch (const IoError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a file is replaced whole, and nothing else is left") {
  const TemporaryFolder folder;
  const std::string path = folder / "a.bin";
  write_file_atomically(path, "one");
  CHECK(read_file(path) == "one");
  const std::string large(3'000'000, 'x');
  write_file_atomically(path, [&](OutputFile& out) {
    CHECK(read_file(path) == "one");
    out.write(large);
    out.write("end");
    CHECK(read_file(path) == "one");
  });
  CHECK(read_file(path) == large + "end");
  write_file_atomically(path, "");
  CHECK(read_file(path).empty());
  CHECK(folder.names() == Names{"a.bin"});
}

TEST_CASE("a writer that throws leaves the old file and no temporary") {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  put(path, "old");
  CHECK_THROWS_AS(write_file_atomically(path,
                                        [](OutputFile& out) {
                                          out.write("half");
                                          throw std::runtime_error("no more");
                                        }),
                  std::runtime_error);
  CHECK(read_file(path) == "old");
  CHECK(folder.names() == Names{"a"});
}

TEST_CASE("file errors name the file and the reason") {
  const TemporaryFolder folder;
  const std::string missing = folder / "no/a";
  CHECK(failure([&] { write_file_atomically(missing, "x"); }) ==
        "cannot write " + missing + ": No such file or directory");
  CHECK(failure([&] { static_cast<void>(read_file(missing)); }) ==
        "cannot open " + missing + ": No such file or directory");
  CHECK(failure([&] { static_cast<void>(read_file(folder.path())); }) ==
        "cannot read " + folder.path() + ": Is a directory");
  std::filesystem::create_directory(folder / "sub");
  CHECK(failure([&] { write_file_atomically(folder / "sub", "x"); }) ==
        "cannot replace " + (folder / "sub") + ": Is a directory");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  CHECK(failure([&] { write_file_atomically(folder / "pipe", "x"); }) ==
        "cannot replace " + (folder / "pipe") + ": not a regular file");
  CHECK(failure([&] { static_cast<void>(read_file(folder / "pipe")); }) ==
        "cannot read " + (folder / "pipe") + ": not a regular file");  // must not block
  CHECK(folder.names() == Names{"pipe", "sub"});
}

TEST_CASE("a full disk is an error, and the old file stays") {
  // /dev/full accepts no byte: OutputFile itself reports the error.
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> full(std::fopen("/dev/full", "wb"),
                                                             &std::fclose);
  if (!full) return;
  const std::string name = "disk";
  OutputFile out(full.get(), name);
  const std::string large(1'000'000, 'x');
  CHECK(failure([&] { out.write(large); }) == "cannot write disk: No space left on device");
}

TEST_CASE("what a killed writer left is removed, what is somebody's stays") {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  put(folder / "a.tmp-123-0", "dead");
  put(folder / "a.tmp-99999999-17", "dead");
  const Names others{"a.tmp-", "a.tmp-1", "a.tmp-1-", "a.tmp-1-2x", "a.tmp-x-1", "b.tmp-1-2"};
  for (const std::string& name : others) put(folder / name, "other");
  put(folder / "a.tmp-5-5", "a living writer's");
  const int living = ::open((folder / "a.tmp-5-5").c_str(), O_RDONLY);
  REQUIRE(::flock(living, LOCK_EX | LOCK_NB) == 0);
  write_file_atomically(path, "new");
  ::close(living);
  Names expected = others;
  expected.insert(expected.end(), {"a", "a.tmp-5-5"});
  std::sort(expected.begin(), expected.end());
  CHECK(folder.names() == expected);
  CHECK(read_file(path) == "new");
}

TEST_CASE("a taken temporary name does not stop a writer") {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  const std::string next = file_detail::temporary_name(path);
  const std::size_t dash = next.rfind('-');
  const unsigned number = static_cast<unsigned>(std::stoul(next.substr(dash + 1)));
  std::vector<int> held;
  for (unsigned i = 1; i <= 3; ++i) {
    const std::string taken = next.substr(0, dash + 1) + std::to_string(number + i);
    held.push_back(::open(taken.c_str(), O_RDWR | O_CREAT, 0600));
    REQUIRE(::flock(held.back(), LOCK_EX | LOCK_NB) == 0);
  }
  write_file_atomically(path, "new");
  CHECK(read_file(path) == "new");
  CHECK(folder.names().size() == 4);
  for (const int file : held) ::close(file);
}

TEST_CASE("whether a file can be written is known without writing it") {
  const TemporaryFolder folder;
  put(folder / "old", "old");
  CHECK(failure([&] { require_writable(folder / "old"); }) == "no error");
  CHECK(failure([&] { require_writable(folder / "new"); }) == "no error");
  CHECK(folder.names() == Names{"old"});
  CHECK(read_file(folder / "old") == "old");
  CHECK(failure([&] { require_writable(folder / "no/a"); }) ==
        "cannot write " + (folder / "no/a") + ": No such file or directory");
  CHECK(failure([&] { require_writable(folder.path()); }) ==
        "cannot replace " + folder.path() + ": Is a directory");
  // A folder that exists, in which not even root can create files.
  CHECK(
      failure([&] { require_writable("/proc/model"); }).starts_with("cannot write /proc/model: "));
}

TEST_CASE(
    "a file that is mounted by itself cannot be replaced, which is said before a byte is written") {
  const TemporaryFolder folder;
  put(folder / "outside", "outside");
  put(folder / "a", "old");
  const std::string expected = "cannot replace " + (folder / "a") +
                               ": the file itself is a mount point; mount its folder instead";
  const int ended = child([&] {
    if (!espalier_test::own_mounts()) return 77;
    if (::mount((folder / "outside").c_str(), (folder / "a").c_str(), nullptr, MS_BIND, nullptr) !=
        0)
      return 77;
    if (failure([&] { require_writable(folder / "a"); }) != expected) return 1;
    if (failure([&] { write_file_atomically(folder / "a", "new"); }) != expected) return 2;
    if (read_file(folder / "a") != "outside" || folder.names() != Names{"a", "outside"}) return 3;
    return failure([&] { require_writable(folder / "outside"); }) == "no error" ? 7 : 4;
  });
  CAPTURE(ended);
  if (ended == 77) MESSAGE("skipped: not allowed to mount");
  CHECK((ended == 7 || ended == 77));
}

TEST_CASE("no file gets the descriptor of a standard stream that is closed") {
  const TemporaryFolder folder;
  put(folder / "a", "text");
  CHECK(child([&] {
          for (const int standard : {0, 1, 2}) ::close(standard);
          using file_detail::Open;
          for (const Open how : {Open::read, Open::append, Open::create}) {
            const auto file =
                file_detail::open_file(folder / (how == Open::create ? "new" : "a"), how);
            if (!file || ::fileno(file.get()) <= 2) return 1;
            if ((::fcntl(::fileno(file.get()), F_GETFD) & FD_CLOEXEC) == 0) return 2;
          }
          const InputFile input(folder / "a");
          write_file_atomically(folder / "b", [&](OutputFile& out) {
            out.write("one");
            static_cast<void>(!::write(2, "said", 4));
            out.write("two");
          });
          return ::fcntl(0, F_GETFD) == -1 && ::fcntl(2, F_GETFD) == -1 ? 7 : 3;  // still closed
        }) == 7);
  CHECK(read_file(folder / "b") == "onetwo");
}

TEST_CASE("a symbolic link stays one, and permissions stay") {
  const TemporaryFolder folder;
  put(folder / "real", "old");
  ::chmod((folder / "real").c_str(), 0640);
  std::filesystem::create_symlink("real", folder / "link");
  write_file_atomically(folder / "link", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(read_file(folder / "real") == "new");
  struct stat status {};
  REQUIRE(::stat((folder / "real").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0640);
}

TEST_CASE("a symbolic link to what is not there yet stays one") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "big");
  std::filesystem::create_symlink("big/real", folder / "link");
  std::filesystem::create_symlink(folder / "link", folder / "other");
  write_file_atomically(folder / "other", "new");
  CHECK(std::filesystem::is_symlink(folder / "link"));
  CHECK(std::filesystem::is_symlink(folder / "other"));
  CHECK(read_file(folder / "big/real") == "new");
}

TEST_CASE("many writers of one file all succeed") {
  const TemporaryFolder folder(TemporaryFolder::Where::in_memory);
  std::atomic<int> failed{0};
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&] {
      for (int i = 0; i < 400; ++i) {
        try {
          write_file_atomically(folder / "a", "text");
        } catch (const IoError&) {
          ++failed;
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(failed == 0);
  CHECK(folder.names() == Names{"a"});
}

TEST_CASE("two threads that write one file leave one of the two whole") {
  const TemporaryFolder folder;
  const std::string path = folder / "a";
  const std::string texts[] = {std::string(50'000, '0'), std::string(70'000, '1')};
  write_file_atomically(path, texts[0]);
  std::atomic<int> running{2};
  std::vector<std::thread> writers;
  for (const std::string& text : texts) {
    writers.emplace_back([&] {
      for (int i = 0; i < 20; ++i) write_file_atomically(path, text);
      --running;
    });
  }
  bool whole = true;
  while (running > 0) {
    const std::string found = read_file(path);
    whole = whole && (found == texts[0] || found == texts[1]);
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(whole);
  CHECK(folder.names() == Names{"a"});
}

TEST_CASE("parts of a file, and what lies beyond its end") {
  const TemporaryFolder folder;
  put(folder / "a", "0123456789");
  const InputFile file(folder / "a");
  CHECK(file.size() == 10);
  std::string part(4, ' ');
  file.read(6, std::as_writable_bytes(std::span(part)));
  CHECK(part == "6789");
  const std::string expected = "cannot read " + file.path() + ": it ends before it should";
  CHECK(failure([&] { file.read(7, std::as_writable_bytes(std::span(part))); }) == expected);
  CHECK(failure([&] { file.read(~0ULL, std::as_writable_bytes(std::span(part))); }) == expected);
  std::filesystem::resize_file(folder / "a", 3);
  CHECK(failure([&] { file.read(6, std::as_writable_bytes(std::span(part))); }) == expected);
}

TEST_CASE("the ending is the file name's, whatever its folders are called") {
  CHECK(with_ending("diagnosis.csv", ".svg") == "diagnosis.svg");
  CHECK(with_ending("diagnosis", ".svg") == "diagnosis.svg");
  CHECK(with_ending("run.1/diagnosis.csv", ".svg") == "run.1/diagnosis.svg");
  CHECK(with_ending("run.1/diagnosis", ".svg") == "run.1/diagnosis.svg");
  CHECK(with_ending("../diagnosis", ".svg") == "../diagnosis.svg");
}

TEST_CASE("folders are made with those above") {
  const TemporaryFolder folder;
  make_folders(folder / "x/y//z/");
  make_folders(folder / "x/y");
  CHECK(std::filesystem::is_directory(folder / "x/y/z"));
  put(folder / "file", "");
  CHECK(failure([&] { make_folders(folder / "file/z"); }) ==
        "cannot make folder " + (folder / "file") + ": Not a directory");
}

TEST_CASE("CRC-32C has the published values") {  // RFC 3720, B.4
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xE3069283U);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAU);
  CHECK(crc32c(std::string(32, '\xFF')) == 0x62A8AB43U);
  const auto bit_by_bit = [](std::string_view bytes) {
    std::uint32_t crc = 0xFFFFFFFFU;
    for (const char c : bytes) {
      crc ^= static_cast<unsigned char>(c);
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
    }
    return ~crc;
  };
  std::string text;
  for (unsigned i = 0; i < 50; ++i) {
    CHECK(crc32c(text) == bit_by_bit(text));
    text += static_cast<char>(i * 167U + 13U);
  }
}
