#!/usr/bin/env bash
# Installs the peers of the benchmark on Debian, as root: Rust with tokio, Node, CPython with uvloop and trio. What is
# there already stays as it is. Those in Go are modules that go run fetches. A newer CPython, for tasks that start
# eagerly (3.12), is for you to bring: go run ./bench -python python3.13
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
