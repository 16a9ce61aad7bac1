#!/usr/bin/env bash
# Makes a Debian or Ubuntu machine ready to build: installs the packages that are missing and checks
# the Swift toolchain. Quick where nothing is missing.
#
#   scripts/setup.sh            what `swift build` needs
#   scripts/setup.sh --tests    also what scripts/test.sh needs
set -euo pipefail

build_packages=(
  g++ git              # the C library and linker that Swift uses; fetching the packages
  libavcodec-dev libavfilter-dev libavformat-dev libavutil-dev libswscale-dev # video and sound
  libopenblas-dev      # f32 matrix products
  libpng-dev           # PNG pictures
  libsentencepiece-dev # the prompt's tokenizer
  pkg-config           # tells the build where OpenBLAS is
)
test_packages=(
  ffmpeg                                      # makes the videos of the tests, checks ours
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross # compile the NEON kernels
  qemu-user                                   # run them on another processor
)
swift_major=6 swift_minor=2

fail() {
  echo "setup: $*" >&2
  exit 1
}

check_swift() {
  local advice="install Swift $swift_major.$swift_minor or later for this system from \
https://www.swift.org/install/linux and put its usr/bin into PATH"
  command -v swift > /dev/null || fail "no swift command: $advice"
  local version
  version=$(swift --version 2>&1 | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
  [[ $version =~ ^([0-9]+)\.([0-9]+)$ ]] || fail "swift --version names no version: $advice"
  local major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
  if ((major < swift_major || (major == swift_major && minor < swift_minor))); then
    fail "Swift $version is too old: $advice"
  fi
  echo "setup: Swift $version"
}

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2> /dev/null) == installed ]]
}

install_packages() {
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=300)
  export DEBIAN_FRONTEND=noninteractive
  # Package lists may be absent or too old for what the mirrors hold: then they are fetched first.
  if ! "${apt[@]}" install --yes --no-install-recommends "$@" > /dev/null 2>&1; then
    "${apt[@]}" update
    "${apt[@]}" install --yes --no-install-recommends "$@" > /dev/null
  fi
}

check_packages() {
  if ! command -v dpkg-query > /dev/null; then
    echo "setup: no Debian system; make sure that these are there: $*"
    return
  fi
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    echo "setup: all packages are there"
  elif ((EUID == 0)); then
    echo "setup: installing ${missing[*]}"
    install_packages "${missing[@]}"
  else
    fail "packages are missing; run: sudo apt-get install ${missing[*]}"
  fi
}

case "${1-}" in
  '') packages=("${build_packages[@]}") ;;
  --tests) packages=("${build_packages[@]}" "${test_packages[@]}") ;;
  *) fail "usage: scripts/setup.sh [--tests]" ;;
esac
check_packages "${packages[@]}"
check_swift
