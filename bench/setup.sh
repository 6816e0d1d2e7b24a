#!/usr/bin/env bash
# Installs the peers of the benchmark on Debian, as root: Rust with tokio, Node.js, CPython
# with uvloop and trio. It does not change what is already installed. go run fetches the
# peers in Go. The peer cpython-eager needs CPython 3.12 or later, which this script does not
# install; select it with: go run ./bench -python python3.13
set -euo pipefail

want=(librust-tokio-dev python3-uvloop python3-trio)
command -v cargo >/dev/null || want+=(cargo)
command -v node >/dev/null || want+=(nodejs)
missing=()
for package in "${want[@]}"; do
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
