#!/usr/bin/env bash
# Ends everything that `up.sh DIR` started, in reverse order, also what a failed start left. Safe to run twice.
#
#   tests/rig/down.sh DIR
#
# The folder stays, with its logs and audit.log. Only processes whose pid lies in DIR/pids and that still are what was
# started (the pid's start is told from its environment or command line naming DIR) are touched.
set -euo pipefail

# It stands alone, without lib.sh: up.sh keeps a copy in DIR, for the case that the checkout is gone before the rig.
(($# == 1)) || { echo "usage: down.sh DIR" >&2; exit 1; }
[[ -d "$1" ]] || exit 0
DIR="$(cd "$1" && pwd)"
[[ -d "$DIR/pids" ]] || exit 0

# A pid may have been given to somebody else meanwhile: ours name the folder in arguments or environment.
ours() {
  [[ -r "/proc/$1/cmdline" ]] || return 1
  grep -qzF -- "$DIR" "/proc/$1/cmdline" 2>/dev/null || grep -qzF -- "$DIR" "/proc/$1/environ" 2>/dev/null
}
gone() { ! ours "$1" || [[ "$(ps -o stat= -p "$1" 2>/dev/null)" == Z* ]]; }

# Until nothing is left: an up.sh that is still at work may add to it meanwhile (and ends when the folder is gone).
while [[ -d "$DIR/pids" ]]; do
  mapfile -t files < <(find "$DIR/pids" -type f | sort -r)
  for file in "${files[@]}"; do
    pid=$(cat "$file" 2>/dev/null) || continue
    # The watcher over the owner may be the one that runs this script.
    if [[ -n $pid && $pid != "$$" ]] && ! gone "$pid"; then
      kill -TERM "$pid" 2>/dev/null || true
      deadline=$((SECONDS + 5))
      until gone "$pid"; do
        if ((SECONDS >= deadline)); then
          kill -KILL "$pid" 2>/dev/null || true
          break
        fi
        sleep 0.05
      done
    fi
    rm -f "$file"
  done
  rmdir "$DIR/pids" 2>/dev/null || true
done
rm -f "$DIR/rig.env"
# Argo CD takes all rights from the folders it clones into.
[[ ! -d "$DIR/argo" ]] || chmod -R u+rwx "$DIR/argo"
