#!/usr/bin/env bash
# Gives a running rig a repository made by twins.py, as a person would bootstrap it, and waits until the real
# kustomize-controller has applied all of it.
#
#   tests/rig/deploy.sh DIR TWIN [SECONDS]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

(($# >= 2)) || fail "usage: deploy.sh DIR TWIN [SECONDS]"
DIR="$(cd "$1" && pwd)" TWIN="$(cd "$2" && pwd)"
[[ -f "$DIR/rig.env" ]] || fail "$DIR is not a running rig"
admin() { "$RIG_BIN/kubectl" --kubeconfig "$DIR/admin.kubeconfig" "$@"; }
from_twin() { # KEY of git_repository in twin.json
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["git_repository"][sys.argv[2]])' "$TWIN/twin.json" "$1"
}

admin apply --server-side --force-conflicts -f "$TWIN/crds" >/dev/null
admin wait --for=condition=Established crd --all --timeout=240s >/dev/null
admin apply --server-side -f "$TWIN/bootstrap" >/dev/null
python3 "$RIG_HERE/source.py" publish --dir "$DIR" --repo "$TWIN/repo" --stubs "$TWIN/stubs" \
  --name "$(from_twin name)" --namespace "$(from_twin namespace)"
python3 "$RIG_HERE/source.py" settled --dir "$DIR" --timeout "${3:-300}"
printf 'rig: %s applied in %d s\n' "$(basename "$TWIN")" "$SECONDS"
