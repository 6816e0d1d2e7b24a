#!/usr/bin/env bash
# Writes programs.jsonl.bz2 and traces.jsonl.bz2: random programs and their traces on
# CPython's asyncio.
#
#   conformance/testdata/make.sh [SEED [COUNT]]    # COUNT programs per profile
#
# It requires the oracle in ../shared/oracle beside this repository, and CPython 3.13:
# python3.13, or the path in ORACLE_PYTHON.
set -euo pipefail
seed=${1:-1} count=${2:-500}
cd "$(dirname "$0")"
oracle=../../../shared/oracle
python=${ORACLE_PYTHON:-python3.13}
"$python" "$oracle/generate.py" --seed "$seed" --count "$count" --profile all >programs.jsonl
"$python" "$oracle/oracle.py" <programs.jsonl >traces.jsonl
bzip2 -9f programs.jsonl traces.jsonl
ls -l ./*.bz2
