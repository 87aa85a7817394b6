# SPDX-License-Identifier: Apache-2.0
# find_package(espalier): headers, targets, config and version file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/espalier")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/espalier" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc" PATTERN "*.cuh")
install(TARGETS espalier EXPORT espalierTargets)
install(EXPORT espalierTargets NAMESPACE espalier:: DESTINATION "${package_dir}")
if(TARGET espalier_gzip)
  install(TARGETS espalier_gzip EXPORT espalier_gzip_targets)
  install(EXPORT espalier_gzip_targets NAMESPACE espalier:: DESTINATION "${package_dir}")
endif()
# Installed as sources: the project that links espalier::openmp compiles them.
install(FILES "${PROJECT_SOURCE_DIR}/cmake/OpenMp.cmake" "${PROJECT_SOURCE_DIR}/cmake/openmp.cpp" DESTINATION "${package_dir}")
set(independent ARCH_INDEPENDENT)
if(ESPALIER_INSTALL_COMPILED)
  set_target_properties(espalier_compiled PROPERTIES EXCLUDE_FROM_ALL FALSE)
  install(TARGETS espalier_compiled EXPORT espalier_compiled_targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT espalier_compiled_targets NAMESPACE espalier:: DESTINATION "${package_dir}")
  set(independent "")
endif()
if(TARGET espalier_cuda)
  install(TARGETS espalier_cuda EXPORT espalier_cuda_targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT espalier_cuda_targets NAMESPACE espalier:: DESTINATION "${package_dir}")
  set(independent "")
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/espalierConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/espalierConfig.cmake"
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/espalierConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion ${independent})
install(FILES "${PROJECT_BINARY_DIR}/espalierConfig.cmake"
              "${PROJECT_BINARY_DIR}/espalierConfigVersion.cmake" DESTINATION "${package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
