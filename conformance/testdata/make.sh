#!/usr/bin/env bash
# Writes programs.jsonl.bz2 and traces.jsonl.bz2: random programs, and what CPython's asyncio does with them.
#
#   conformance/testdata/make.sh [SEED [COUNT]]    # COUNT programs of each profile
#
# It wants the oracle in ../shared/oracle beside this repository, and a CPython 3.13: python3.13, or what ORACLE_PYTHON names.
set -euo pipefail
seed=${1:-1} count=${2:-500}
cd "$(dirname "$0")"
oracle=../../../shared/oracle
python=${ORACLE_PYTHON:-python3.13}
"$python" "$oracle/generate.py" --seed "$seed" --count "$count" --profile all >programs.jsonl
"$python" "$oracle/oracle.py" <programs.jsonl >traces.jsonl
bzip2 -9f programs.jsonl traces.jsonl
ls -l ./*.bz2
