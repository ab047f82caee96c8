#!/usr/bin/env python3
"""Stands in for Flux's source-controller (and for what would set HelmReleases ready), so that the real
kustomize-controller has something to reconcile. Python's standard library only.

    source.py serve   --dir DIR --port PORT        the artifact server and the loop; started by up.sh
    source.py publish --dir DIR --repo REPO [--rev HEAD] [--name flux-system] [--namespace flux-system]
                      [--branch main] [--stubs FOLDER]
                                                   makes the tree of a revision the artifact of a GitRepository
    source.py settled --dir DIR [--timeout 120]    waits until every Kustomization is Ready at its source's revision

DIR is a rig's folder (up.sh). What is like the real one: the artifact's shape (url, path, `branch@sha1:<commit>`, digest,
size), the default ignore rules and `.sourceignore` files, the Ready condition, the field manager's name. What is not: it
never fetches, never verifies, knows no `spec.ignore`, no include, no HelmRepository content.

The loop, once a second: puts published artifacts back where a GitRepository was made anew; serves FOLDER/KIND/NAMESPACE/NAME
(`--stubs`, made by twins.py) for sources that point elsewhere; follows the copy rules of ArtifactGenerators into
ExternalArtifacts; gives every other Flux object without a controller here (HelmRelease, HelmRepository, …) a Ready condition.
"""

import argparse
import datetime
import fnmatch
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.error
import urllib.request

# What source-controller leaves out of every artifact (its sourceignore package), as gitignore lines.
DEFAULT_IGNORE = """
.git/
.gitignore
.gitmodules
.gitattributes
*.jpg
*.jpeg
*.gif
*.png
*.wmv
*.flv
*.tar.gz
*.zip
.github/
.circleci/
.travis.yml
.gitlab-ci.yml
appveyor.yml
.drone.yml
cloudbuild.yaml
codeship-services.yml
codeship-steps.yml
**/.goreleaser.yml
**/.sops.yaml
**/.flux.yaml
"""

# Seconds for which a request is tried again: the machine may be busy with builds.
PATIENCE = 120

SOURCE = "source.toolkit.fluxcd.io"
GENERATOR = "source.extensions.fluxcd.io"
# Kinds that come to be Ready through somebody else: the real controller, or an artifact.
NOT_TOUCHED = {"Kustomization", "GitRepository", "ExternalArtifact", "ArtifactGenerator"}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def die(text):
    sys.exit(f"source.py: {text}")


class Api:
    """The few requests needed, as the rig's admin."""

    def __init__(self, folder):
        config = json.loads((folder / "admin.kubeconfig").read_text())
        cluster = config["clusters"][0]["cluster"]
        self.server = cluster["server"]
        self.token = config["users"][0]["user"]["token"]
        self.tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self.names = {}

    def request(self, method, path, body=None, content="application/json"):
        """One request; patient with a server that is busy or starts a CRD's storage (429), as controllers are."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.once(method, path, body, content)
            except urllib.error.HTTPError as error:
                if error.code not in (429, 500, 503, 504) or time.monotonic() > deadline:
                    raise
            except (TimeoutError, urllib.error.URLError):
                # Only what may be asked twice is asked twice.
                if method == "POST" or time.monotonic() > deadline:
                    raise
            time.sleep(0.3)

    def once(self, method, path, body, content):
        request = urllib.request.Request(self.server + path, method=method)
        request.add_header("Authorization", "Bearer " + self.token)
        request.add_header("Accept", "application/json")
        data = None
        if body is not None:
            request.add_header("Content-Type", content)
            data = json.dumps(body).encode()
        with urllib.request.urlopen(request, data=data, context=self.tls, timeout=30) as answer:
            return json.loads(answer.read())

    def get(self, path):
        """The object, or None when there is none."""
        try:
            return self.request("GET", path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    def kinds(self, group):
        """The group's resources in its preferred version: (apiVersion, kind, plural)."""
        found = self.get(f"/apis/{group}")
        if not found:
            return []
        result, seen = [], set()
        preferred = found["preferredVersion"]["groupVersion"]
        versions = [preferred] + [v["groupVersion"] for v in found["versions"]]
        for version in versions:
            for entry in (self.get(f"/apis/{version}") or {}).get("resources", []):
                if "/" not in entry["name"] and entry["kind"] not in seen:
                    seen.add(entry["kind"])
                    result.append((version, entry["kind"], entry["name"]))
        return result

    def flux_groups(self):
        groups = (self.get("/apis") or {}).get("groups", [])
        return [g["name"] for g in groups if g["name"].endswith(".toolkit.fluxcd.io") or g["name"] == GENERATOR]

    def resource(self, group, kind):
        """(apiVersion, plural) of a kind, or None when it is not served."""
        for version, found, plural in self.kinds(group):
            if found == kind:
                return version, plural
        return None

    def patch_status(self, path, status, manager):
        query = f"?fieldManager={manager}"
        content = "application/merge-patch+json"
        try:
            self.request("PATCH", f"{path}/status{query}", {"status": status}, content)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            # A CRD without a status subresource, or an object that has gone meanwhile.
            if self.get(path):
                self.request("PATCH", path + query, {"status": status}, content)


def object_path(version, plural, namespace, name=""):
    path = f"/apis/{version}/namespaces/{namespace}/{plural}"
    return f"{path}/{name}" if name else path


def ready(item, reason, message):
    """The status of an object that is well, keeping the time of the last transition when it was so before."""
    before = [c for c in item.get("status", {}).get("conditions", []) if c.get("type") == "Ready"]
    since = before[0]["lastTransitionTime"] if before and before[0].get("status") == "True" else now()
    generation = item["metadata"].get("generation", 1)
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": reason,
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": since,
    }
    return {"observedGeneration": generation, "conditions": [condition]}


def is_ready(item):
    generation = item["metadata"].get("generation", 1)
    return any(
        c.get("type") == "Ready" and c.get("status") == "True" and c.get("observedGeneration") == generation
        for c in item.get("status", {}).get("conditions", [])
    )


# --- artifacts --------------------------------------------------------------------------------------------------------


def pack(tree):
    """A tar.gz of a folder, the same bytes for the same content. Symbolic links stay links."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(tree.rglob("*")):
            info = tar.gettarinfo(path, arcname=str(path.relative_to(tree)))
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
            if info.isreg():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as out:
        out.write(plain.getvalue())
    return packed.getvalue()


def drop_ignored(tree):
    """Takes out what source-controller would not pack; git's own matcher reads the patterns."""
    rules = tree.parent / "ignore"
    rules.write_text(DEFAULT_IGNORE)
    environment = {**os.environ, "GIT_DIR": str(tree.parent / "git"), "GIT_WORK_TREE": str(tree)}
    subprocess.run(["git", "init", "--quiet"], cwd=tree, env=environment, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--others", "--ignored", f"--exclude-from={rules}", "--exclude-per-directory=.sourceignore"],
        cwd=tree, env=environment, check=True, stdout=subprocess.PIPE,
    ).stdout
    for name in filter(None, listed.split(b"\0")):
        (tree / os.fsdecode(name)).unlink()
    for path in sorted(tree.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def store(folder, source, data, revision):
    """Puts the packed tree where the server finds it; answers the `artifact` of the status."""
    kind, namespace, name = source
    digest = hashlib.sha256(data).hexdigest()
    path = f"{kind.lower()}/{namespace}/{name}/{digest[:40]}.tar.gz"
    file = folder / "artifacts" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.rename(file)
    return {
        "path": path,
        "url": f"{server_url(folder)}/{path}",
        "revision": revision,
        "digest": f"sha256:{digest}",
        "size": len(data),
        "lastUpdateTime": now(),
    }


def server_url(folder):
    return (folder / "source.url").read_text().strip()


def unpack(folder, artifact, target):
    with tarfile.open(folder / "artifacts" / artifact["path"]) as tar:
        tar.extractall(target)


# --- publish ----------------------------------------------------------------------------------------------------------


def publish(options):
    folder = options.dir
    commit = git(options.repo, "rev-parse", "--verify", options.rev + "^{commit}").decode().strip()
    with tempfile.TemporaryDirectory() as scratch:
        tree = pathlib.Path(scratch) / "tree"
        tree.mkdir()
        with tarfile.open(fileobj=io.BytesIO(git(options.repo, "archive", commit))) as tar:
            tar.extractall(tree)
        drop_ignored(tree)
        data = pack(tree)
    artifact = store(
        folder, ("GitRepository", options.namespace, options.name), data, f"{options.branch}@sha1:{commit}"
    )
    records = folder / "published"
    records.mkdir(exist_ok=True)
    record = {"namespace": options.namespace, "name": options.name, "artifact": artifact}
    write_json(records / f"{options.namespace}.{options.name}.json", record)
    if options.stubs:
        write_json(folder / "stubs.json", {"folder": str(options.stubs.resolve())})

    api = Api(folder)
    found = api.resource(SOURCE, "GitRepository") or die("GitRepository is not served: is Flux up?")
    path = object_path(*found, options.namespace, options.name)
    if api.get(path) is None:
        item = {
            "apiVersion": found[0],
            "kind": "GitRepository",
            "metadata": {"name": options.name, "namespace": options.namespace},
            "spec": {
                "interval": "1m0s",
                "ref": {"branch": options.branch},
                "url": options.url or f"https://rig.invalid/{options.name}.git",
            },
        }
        api.request("POST", object_path(*found, options.namespace) + "?fieldManager=flux", item)
    give_artifact(api, path, artifact, "source-controller")
    print(f"{options.namespace}/{options.name} {artifact['revision']} {artifact['digest']} {artifact['size']} bytes")


def give_artifact(api, path, artifact, manager):
    item = api.get(path)
    if item is None:
        return
    old = item.get("status", {}).get("artifact") or {}
    if old.get("digest") == artifact["digest"] and old.get("revision") == artifact["revision"] and is_ready(item):
        return
    status = ready(item, "Succeeded", f"stored artifact for revision '{artifact['revision']}'")
    api.patch_status(path, {**status, "artifact": artifact}, manager)


def git(repo, *words):
    try:
        return subprocess.run(["git", "-C", str(repo), *words], check=True, stdout=subprocess.PIPE).stdout
    except subprocess.CalledProcessError:
        die(f"git {' '.join(words)} failed in {repo}")


def write_json(path, value):
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.rename(path)


# --- the loop ---------------------------------------------------------------------------------------------------------


def turn(api, folder):
    """One look at the cluster."""
    published = {}
    for file in (folder / "published").glob("*.json") if (folder / "published").is_dir() else []:
        record = json.loads(file.read_text())
        published[record["namespace"], record["name"]] = record["artifact"]
    stubs = None
    if (folder / "stubs.json").is_file():
        stubs = pathlib.Path(json.loads((folder / "stubs.json").read_text())["folder"])

    for group in api.flux_groups():
        for version, kind, plural in api.kinds(group):
            if kind in ("Kustomization", "ExternalArtifact"):
                continue
            listed = api.get(f"/apis/{version}/{plural}") or {"items": []}
            for item in listed["items"]:
                meta = item["metadata"]
                path = object_path(version, plural, meta["namespace"], meta["name"])
                if kind == "GitRepository" and (meta["namespace"], meta["name"]) in published:
                    give_artifact(api, path, published[meta["namespace"], meta["name"]], "source-controller")
                elif kind in ("GitRepository", "OCIRepository", "Bucket") and stub_of(stubs, kind, meta):
                    give_artifact(api, path, stub_artifact(folder, stubs, kind, meta), "source-controller")
                elif kind == "ArtifactGenerator":
                    generate(api, folder, item, path, published)
                elif kind not in NOT_TOUCHED and not is_ready(item) and not item.get("spec", {}).get("suspend"):
                    manager = kind_manager(group)
                    api.patch_status(path, ready(item, kind_reason(kind), "set by the rig: no controller runs here"), manager)


def kind_manager(group):
    return {"helm.toolkit.fluxcd.io": "helm-controller", SOURCE: "source-controller"}.get(group, "gotk-controller")


def kind_reason(kind):
    return "InstallSucceeded" if kind == "HelmRelease" else "Succeeded"


def stub_of(stubs, kind, meta):
    if stubs is None:
        return None
    tree = stubs / kind / meta["namespace"] / meta["name"]
    return tree if tree.is_dir() else None


def stub_artifact(folder, stubs, kind, meta):
    data = pack(stub_of(stubs, kind, meta))
    revision = f"stub@sha1:{hashlib.sha1(data).hexdigest()}"
    source = (kind, meta["namespace"], meta["name"])
    digest = hashlib.sha256(data).hexdigest()
    path = f"{kind.lower()}/{meta['namespace']}/{meta['name']}/{digest[:40]}.tar.gz"
    if (folder / "artifacts" / path).is_file():
        artifact = {"path": path, "url": f"{server_url(folder)}/{path}", "revision": revision}
        return {**artifact, "digest": f"sha256:{digest}", "size": len(data), "lastUpdateTime": now()}
    return store(folder, source, data, revision)


def generate(api, folder, item, path, published):
    """ArtifactGenerator: cuts ExternalArtifacts out of published trees by its copy rules."""
    meta, spec = item["metadata"], item["spec"]
    external = api.resource(SOURCE, "ExternalArtifact")
    if external is None:
        raise RuntimeError("ExternalArtifact is not served")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        sources = {}
        for source in spec["sources"]:
            artifact = published.get((source.get("namespace", meta["namespace"]), source["name"]))
            if source["kind"] != "GitRepository" or artifact is None:
                return  # not published yet
            unpack(folder, artifact, scratch / source["alias"])
            sources[source["alias"]] = artifact
        for wanted in spec["artifacts"]:
            tree = scratch / ".out" / wanted["name"]
            tree.mkdir(parents=True)
            for rule in wanted["copy"]:
                copy_rule(scratch, sources, tree, rule)
            data = pack(tree)
            digest = hashlib.sha256(data).hexdigest()
            name = wanted["name"]
            target = object_path(*external, meta["namespace"], name)
            if api.get(target) is None:
                api.request("POST", object_path(*external, meta["namespace"]) + "?fieldManager=source-watcher", {
                    "apiVersion": external[0],
                    "kind": "ExternalArtifact",
                    "metadata": {
                        "name": name,
                        "namespace": meta["namespace"],
                        "labels": {
                            "app.kubernetes.io/managed-by": "source-watcher",
                            f"{GENERATOR}/generator": meta["uid"],
                        },
                    },
                    "spec": {"sourceRef": {
                        "apiVersion": item["apiVersion"],
                        "kind": "ArtifactGenerator",
                        "name": meta["name"],
                        "namespace": meta["namespace"],
                    }},
                })
            artifact = store(folder, ("ExternalArtifact", meta["namespace"], name), data, f"latest@sha256:{digest}")
            origin = wanted.get("originRevision", "").lstrip("@")
            if origin in sources:
                artifact["metadata"] = {"org.opencontainers.image.revision": sources[origin]["revision"]}
            give_artifact(api, target, artifact, "source-watcher")
    if not is_ready(item):
        api.patch_status(path, ready(item, "Succeeded", "reconciliation succeeded"), "source-watcher")


def copy_rule(scratch, sources, tree, rule):
    """One `copy` entry, with `from` as source-watcher reads it: `@alias/glob`, where `dir/**` means what is in dir."""
    if rule.get("strategy", "Overwrite") != "Overwrite":
        raise RuntimeError(f"copy strategy {rule['strategy']} is not built in the rig")
    alias, _, pattern = rule["from"].lstrip("@").partition("/")
    if alias not in sources:
        raise RuntimeError(f"unknown source {rule['from']}")
    target = rule["to"]
    if not target.startswith("@artifact/"):
        raise RuntimeError(f"copy to {target}")
    target = target[len("@artifact/"):]
    root = scratch / alias
    excluded = rule.get("exclude", [])
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    base = fixed.rpartition("/")[0]
    into_folder = target == "" or target.endswith("/") or fixed != pattern
    if fixed == pattern and (root / pattern).is_dir():
        # Like `cp -r`: into an existing folder by its name, else under the new name.
        base = pattern.rpartition("/")[0] if into_folder else pattern
        matches = [p for p in (root / pattern).rglob("*")]
    elif fixed == pattern:
        base = pattern.rpartition("/")[0]
        matches = [root / pattern]
    else:
        matches = list(root.glob(pattern[:-2] + "**/*" if pattern.endswith("**") else pattern))
    for path in matches:
        if path.is_dir() and not path.is_symlink():
            continue
        whole = str(path.relative_to(root))
        if any(fnmatch.fnmatch(whole, glob) for glob in excluded):
            continue
        inner = path.relative_to(root / base) if base else path.relative_to(root)
        to = tree / target / inner if into_folder or len(matches) > 1 else tree / target
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, to, follow_symlinks=False)


def serve(options):
    folder = options.dir
    files = folder / "artifacts"
    files.mkdir(exist_ok=True)
    (folder / "source.url").write_text(f"http://127.0.0.1:{options.port}\n")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=str(files))

        def do_GET(self):
            if self.path == "/healthz":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")
            else:
                super().do_GET()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api = Api(folder)
    while True:
        try:
            turn(api, folder)
        except (OSError, RuntimeError, KeyError) as error:
            print(f"loop: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        time.sleep(1)


# --- settled ----------------------------------------------------------------------------------------------------------


def settled(options):
    """Waits until every Kustomization that is not suspended is Ready and has applied its source's revision."""
    api = Api(options.dir)
    deadline = time.monotonic() + options.timeout
    while True:
        waiting, total = [], 0
        version, plural = api.resource("kustomize.toolkit.fluxcd.io", "Kustomization") or die("Flux is not up")
        for item in api.get(f"/apis/{version}/{plural}")["items"]:
            meta, status = item["metadata"], item.get("status", {})
            if item["spec"].get("suspend"):
                continue
            total += 1
            reference = item["spec"]["sourceRef"]
            found = api.resource(SOURCE, reference["kind"])
            source = found and api.get(object_path(*found, reference.get("namespace", meta["namespace"]), reference["name"]))
            revision = ((source or {}).get("status", {}).get("artifact") or {}).get("revision")
            if not is_ready(item) or revision is None or status.get("lastAppliedRevision") != revision:
                said = [c.get("message", "") for c in status.get("conditions", []) if c.get("type") == "Ready"]
                waiting.append(f"{meta['namespace']}/{meta['name']}: {said[0] if said else 'nothing said yet'}")
        if total and not waiting:
            print(f"{total} Kustomizations are settled")
            return
        if time.monotonic() > deadline:
            die("not settled after {} s:\n  {}".format(options.timeout, "\n  ".join(waiting) or "no Kustomization at all"))
        time.sleep(0.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True)
    for verb in (serve, publish, settled):
        sub = verbs.add_parser(verb.__name__)
        sub.add_argument("--dir", type=lambda text: pathlib.Path(text).resolve(), required=True)
        sub.set_defaults(run=verb)
        if verb is serve:
            sub.add_argument("--port", type=int, required=True)
        if verb is settled:
            sub.add_argument("--timeout", type=float, default=120)
        if verb is publish:
            sub.add_argument("--repo", type=pathlib.Path, required=True)
            sub.add_argument("--rev", default="HEAD")
            sub.add_argument("--name", default="flux-system")
            sub.add_argument("--namespace", default="flux-system")
            sub.add_argument("--branch", default="main")
            sub.add_argument("--url", default="")
            sub.add_argument("--stubs", type=pathlib.Path)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
