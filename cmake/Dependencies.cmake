# SPDX-License-Identifier: Apache-2.0
# Dependencies: the system's package if there is one, otherwise a pinned archive.
include_guard(GLOBAL)
include(FetchContent)

# Downloads and unpacks the pinned archive `url` and defines `target` with its headers as system
# headers; builds nothing.
function(espalier_fetch_headers name target url sha256 include_dir)
  message(STATUS "espalier: ${name} is not installed; fetching ${url}")
  FetchContent_Declare("${name}" URL "${url}" URL_HASH "SHA256=${sha256}" SOURCE_SUBDIR nothing-to-build)
  FetchContent_MakeAvailable("${name}")
  FetchContent_GetProperties("${name}" SOURCE_DIR source_dir)
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} INTERFACE "${source_dir}${include_dir}")
endfunction()

macro(espalier_need_eigen)
  if(NOT TARGET Eigen3::Eigen)
    find_package(Eigen3 3.4 CONFIG QUIET)
    if(NOT TARGET Eigen3::Eigen)
      find_package(Eigen3 5 CONFIG QUIET)
    endif()
    if(NOT TARGET Eigen3::Eigen)
      espalier_fetch_headers(
        eigen Eigen3::Eigen https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.gz
        8586084f71f9bde545ee7fa6d00288b264a2b7ac3607b974e54d13e7162c1c72 "")
    endif()
  endif()
endmacro()

macro(espalier_need_doctest)
  find_package(doctest CONFIG QUIET)
  if(NOT TARGET doctest::doctest)
    espalier_fetch_headers(
      doctest doctest::doctest https://github.com/doctest/doctest/archive/refs/tags/v2.4.12.tar.gz
      73381c7aa4dee704bd935609668cf41880ea7f19fa0504a200e13b74999c2d70 "")
  endif()
endmacro()

macro(espalier_need_cli11)
  find_package(CLI11 CONFIG QUIET)
  if(NOT TARGET CLI11::CLI11)
    espalier_fetch_headers(
      cli11 CLI11::CLI11 https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.5.0.tar.gz
      17e02b4cddc2fa348e5dbdbb582c59a3486fa2b2433e70a0c3bacb871334fd55 "/include")
  endif()
endmacro()

macro(espalier_need_json)
  find_package(nlohmann_json 3.10 CONFIG QUIET)
  if(NOT TARGET nlohmann_json::nlohmann_json)
    espalier_fetch_headers(
      json nlohmann_json::nlohmann_json
      https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
      d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d "/include")
  endif()
endmacro()

# Google Benchmark is the only dependency that must be compiled.
macro(espalier_need_benchmark)
  find_package(benchmark CONFIG QUIET)
  if(NOT TARGET benchmark::benchmark)
    message(STATUS "espalier: Google Benchmark is not installed; fetching v1.8.3")
    set(BENCHMARK_ENABLE_TESTING OFF)
    set(BENCHMARK_ENABLE_INSTALL OFF)
    set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)
    FetchContent_Declare(
      benchmark URL https://github.com/google/benchmark/archive/refs/tags/v1.8.3.tar.gz
      URL_HASH SHA256=6bc180a57d23d4d9515519f92b0c83d61b05b5bab188961f36ac7b06b0d9e9ce)
    FetchContent_MakeAvailable(benchmark)
    get_target_property(include_dirs benchmark INTERFACE_INCLUDE_DIRECTORIES)
    set_target_properties(benchmark PROPERTIES INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${include_dirs}")
  endif()
endmacro()
