# SPDX-License-Identifier: Apache-2.0
# The target espalier_cuda: kernels and runtime for NVIDIA GPUs. Needs the CUDA toolkit, and no GPU,
# to be built; programs that link it are compiled by any compiler.
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual)
endif()
include(CheckLanguage)
check_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER)
  message(FATAL_ERROR "espalier: ESPALIER_CUDA is ON, but no CUDA compiler was found: install the CUDA toolkit, "
                      "and have nvcc on the PATH or name it with -DCMAKE_CUDA_COMPILER=...")
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

# CMake does not know of every nvcc that it has C++20.
function(espalier_compile_cuda_as_20 target)
  if("cuda_std_20" IN_LIST CMAKE_CUDA_COMPILE_FEATURES)
    target_compile_features(${target} PRIVATE cuda_std_20)
  else()
    target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>")
  endif()
endfunction()

add_library(espalier_cuda STATIC cmake/espalier_cuda.cu)
add_library(espalier::cuda ALIAS espalier_cuda)
set_target_properties(espalier_cuda PROPERTIES EXPORT_NAME cuda POSITION_INDEPENDENT_CODE ON CUDA_EXTENSIONS OFF)
espalier_compile_cuda_as_20(espalier_cuda)
target_compile_options(espalier_cuda PRIVATE "$<$<BOOL:${ESPALIER_WERROR}>:SHELL:--Werror all-warnings>")
target_link_libraries(espalier_cuda PUBLIC espalier CUDA::cudart_static)
