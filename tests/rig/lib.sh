# shellcheck shell=bash
# shellcheck disable=SC2034  # its variables are used by those who source it
# What the rig's scripts share: where the cache is, how to fail, how to wait. To be sourced, never run.

RIG_HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
RIG_CACHE="${SEALANE_RIG:-${XDG_CACHE_HOME:-$HOME/.cache}/sealane-rig}"
RIG_BIN="$RIG_CACHE/bin"
# shellcheck source=versions.env
source "$RIG_HERE/versions.env"

# Says what is wrong and stops: a missing part is a failure, never a skip.
fail() {
  printf 'rig: %s\n' "$*" >&2
  exit 1
}

# need FILE…: every one of them must be there and executable.
need() {
  local file
  for file in "$@"; do
    [[ -x "$file" ]] || fail "$file is missing: run tests/rig/build.sh first"
  done
}

# wait_until SECONDS WHAT COMMAND…: polls COMMAND until it succeeds; fails with WHAT after SECONDS.
wait_until() {
  local limit=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + limit))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "waited ${limit} s in vain for $what"
    sleep 0.1
  done
}
