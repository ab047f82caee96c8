#!/usr/bin/env bash
# Pictures of the real program as text: the demo at two sizes, one file for each screen, in target/pictures.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v tmux >/dev/null || { echo "pictures need tmux" >&2; exit 1; }
cargo build --release --quiet
out=target/pictures
mkdir -p "$out"

picture() { # NAME
  tmux capture-pane -p -t "$session" > "$out/$1-$size.txt"
}
press() { # KEY…
  local key
  for key in "$@"; do tmux send-keys -t "$session" "$key"; sleep 0.4; done
  sleep 0.8
}
wait_for() { # TEXT
  local tries
  for tries in $(seq 150); do
    tmux capture-pane -p -t "$session" | grep -q -- "$1" && return 0
    sleep 0.2
  done
  echo "never saw: $1" >&2
  tmux capture-pane -p -t "$session" >&2
  return 1
}

for size in 80x24 140x40; do
  session="sealane-pictures-$size"
  tmux kill-session -t "$session" 2>/dev/null || true
  COLORTERM=truecolor tmux new-session -d -s "$session" -x "${size%x*}" -y "${size#*x}" target/release/sealane demo
  trap 'tmux kill-session -t "$session" 2>/dev/null || true' EXIT
  wait_for 'since 84626df'
  picture home
  press Enter; picture tree
  press d; picture diff
  press Escape h; picture history
  press v; wait_for 'revert'; picture plan
  press Escape Escape Escape Escape
  press '?'; picture help
  press Escape; press ':'; picture palette
  press Escape; press q
  tmux kill-session -t "$session" 2>/dev/null || true
done
ls "$out"
