#!/usr/bin/env python3
"""Makes a usable twin of a real GitOps repository whose private keys and remote parts are not here.

    twins.py SOURCE OUT [--path clusters/staging] [--as-is [--keys FILE …]]

SOURCE is a folder with the repository's data files; OUT is made anew and holds

    repo/        the twin: a git repository with one commit on `main`
    age.agekey   the test identities its sealed files are for (one for each recipient of the original)
    crds/        a CRD for every custom kind seen, and Flux's own with the old versions added as served
    stubs/       KIND/NAMESPACE/NAME: trees for Flux sources that point to other repositories (source.py --stubs)
    bootstrap/   what a person would apply by hand: the namespace, the Secret `sops-age`, the sync objects
    twin.json    what was done to which file, which kinds were seen, what could not be rendered

In the twin: every file sealed by SOPS has the same keys with invented values, sealed by the real `sops` under the rule that the
file itself names; recipients in `.sops.yaml` are the test identities; remote bases and remote files of kustomizations are small
local stubs; Flux CRDs that the repository itself applies are the rig's (else the repository would take the API away that the
controller needs). Everything else is untouched, byte for byte. Kinds are taken from what the real `kustomize` renders.

--path is the folder of a cluster, for repositories that hold several, or whose sync file is empty until bootstrap fills it.
--as-is takes a git repository whose keys and parts are all there (the demo's): nothing in it is changed, its history stays,
and `sops-age` gets the identities of --keys.
"""

import argparse
import base64
import copy
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import warnings

CACHE = pathlib.Path(
    os.environ.get("SEALANE_RIG")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sealane-rig"
)

try:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import ReusedAnchorWarning, YAMLError

    warnings.simplefilter("ignore", ReusedAnchorWarning)
except ImportError:
    python = CACHE / "venv/bin/python3"
    if pathlib.Path(sys.prefix) == CACHE / "venv" or not python.exists():
        sys.exit("twins.py: ruamel.yaml is missing: run tests/rig/build.sh python first")
    os.execv(python, [str(python), *sys.argv])

BUILTIN = {
    "", "apps", "batch", "autoscaling", "policy", "rbac.authorization.k8s.io", "networking.k8s.io", "storage.k8s.io",
    "apiextensions.k8s.io", "admissionregistration.k8s.io", "scheduling.k8s.io", "coordination.k8s.io",
    "discovery.k8s.io", "node.k8s.io", "certificates.k8s.io", "events.k8s.io", "flowcontrol.apiserver.k8s.io",
    "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io", "resource.k8s.io",
}
# Never objects in a cluster.
NOT_OBJECTS = {"kustomize.config.k8s.io", "config.kubernetes.io", "builtin", "krew.googlecontainertools.github.com"}
# Cluster-scoped whatever namespace a transformer put on them.
CLUSTER_KINDS = {"GatewayClass", "VolumeSnapshotClass", "VolumeSnapshotContent", "StorageClass", "IngressClass", "EnvoyGatewayClass"}
NAMESPACED_CLUSTER_KINDS = {"Cluster", "ClusterServiceVersion"}
FLUX_GROUPS = ("kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io")
REMOTE = re.compile(r"^(https?://|ssh://|git@|git::|oci://|github\.com[/:]|gitlab\.com[/:]|bitbucket\.org[/:])")
ENC = re.compile(r"ENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:[^,]*,tag:[^,]*,type:(\w+)\]")


def die(text):
    sys.exit(f"twins.py: {text}")


def tool(name):
    path = CACHE / "bin" / name
    return str(path) if path.exists() else die(f"{path} is missing: run tests/rig/build.sh first")


def yaml_reader():
    reader = YAML(typ="safe", pure=True)
    reader.allow_duplicate_keys = True
    return reader


def documents(text):
    """Every mapping in a text, or an empty list when it is not YAML (a template, say)."""
    try:
        return [d for d in yaml_reader().load_all(text) if isinstance(d, dict)]
    except (YAMLError, ValueError, RecursionError):
        return []


def dump(path, items):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = YAML()
    writer.default_flow_style = False
    writer.width = 200
    writer.explicit_start = True
    with path.open("w") as out:
        for item in items:
            writer.dump(item, out)


class Twin:
    def __init__(self, source, out, sync_path, as_is):
        self.source, self.out, self.repo, self.sync_path, self.as_is = source, out, out / "repo", sync_path, as_is
        self.identities = {}  # original recipient -> test recipient
        self.record = {
            "sealed": [], "remote": [], "stub_sources": [], "crds": [], "flux_crds_replaced": [], "old_kinds": [],
            "not_rendered": [], "not_rewritten": [],
        }

    # --- sealed files ---------------------------------------------------------------------------------------------

    def recipient(self, original):
        if original not in self.identities:
            keys = subprocess.run([tool("age-keygen")], check=True, capture_output=True, text=True).stdout
            self.identities[original] = re.search(r"public key: (age1\w+)", keys)[1]
            with (self.out / "age.agekey").open("a") as file:
                file.write("# A test identity of the rig: it guards nothing.\n" + keys)
        return self.identities[original]

    def reseal(self):
        """Invented values under the same keys, for every file that SOPS has sealed."""
        for path in files(self.repo):
            text = read(path)
            if text is None:
                continue
            if path.name in (".sops.yaml", ".sops.yml"):
                self.sops_config(path, text)
            elif "ENC[AES256_GCM," not in text:
                continue
            elif text.lstrip().startswith("{"):
                self.reseal_json(path, text)
            elif re.search(r"^sops_mac=", text, re.M):
                self.reseal_dotenv(path, text)
            elif re.search(r"^sops:", text, re.M):
                self.reseal_yaml(path, text)

    def sops_config(self, path, text):
        if re.search(r"^\s*-?\s*(pgp|kms|gcp_kms|azure_keyvault|hc_vault\w*):", text, re.M):
            self.record["not_rewritten"].append({"file": self.name(path), "what": "recipients that are not age"})
        path.write_text(re.sub(r"age1[0-9a-z]{58}", lambda m: self.recipient(m[0]), text))

    def reseal_yaml(self, path, text):
        start = re.search(r"^sops:", text, re.M).start()
        body, meta = text[:start], documents(text[start:])[0]["sops"]
        values = 0

        def value(match):
            nonlocal values
            values += 1
            before = body[: match.start()].rpartition("\n")[2]
            key = re.search(r"([\w.\-/]+)['\"]?:\s*$", before)
            key = key[1] if key else f"item{values}"
            if match[2] == "comment":
                return "invented comment"
            under_data = last_section(body[: match.start()]) == "data"
            return invent(self.name(path), key, match[1], match[2], under_data)

        # `#ENC[…]` is a sealed comment; everything else is a whole scalar.
        plain = ENC.sub(value, body)
        self.seal(path, plain, meta, "yaml", values)

    def reseal_json(self, path, text):
        value = json.loads(text)
        meta = value.pop("sops")
        sealed = ENC.findall(text)
        if set(value) == {"data"} and isinstance(value["data"], str) and ENC.fullmatch(value["data"]):
            # sops's binary store: the whole file in one value.
            plain = "\n".join(f'twin_{n} = "{token(self.name(path), str(n), 24)}"' for n in range(8)) + "\n"
            self.seal(path, plain, meta, "binary", 1)
            return
        plain = ENC.sub(lambda m: json_safe(invent(self.name(path), m[1][:12], m[1], m[2], False)), text)
        value = json.loads(plain)
        value.pop("sops")
        self.seal(path, json.dumps(value, indent="\t") + "\n", meta, "json", len(sealed) - 1)

    def reseal_dotenv(self, path, text):
        meta, lines, values = {"age": []}, [], 0
        for line in text.splitlines():
            key, _, rest = line.partition("=")
            if key.startswith("sops_"):
                found = re.search(r"age__list_\d+__map_recipient", key)
                if found:
                    meta["age"].append({"recipient": rest})
                elif key[5:] in RULES:
                    meta[key[5:]] = rest
            elif ENC.search(rest):
                values += 1
                lines.append(f"{key}={token(self.name(path), key, 24)}")
            else:
                lines.append(line)
        self.seal(path, "\n".join(lines) + "\n", meta, "dotenv", values)

    def seal(self, path, plain, meta, store, values):
        """Seals with the real sops, under the rule that the file's own metadata names."""
        recipients = [entry["recipient"] for entry in meta.get("age") or []]
        for group in meta.get("key_groups") or []:
            recipients += [entry["recipient"] for entry in group.get("age") or []]
        if not recipients:
            self.record["not_rewritten"].append({"file": self.name(path), "what": "was sealed without age: now for one"})
            recipients = ["none"]
        rule = {key: meta[key] for key in RULES if meta.get(key) not in (None, "", False)}
        rule["age"] = ",".join(self.recipient(r) for r in recipients)
        config = self.out / "sops.tmp.yaml"
        config.write_text(json.dumps({"creation_rules": [rule]}))
        scratch = self.out / "plain.tmp"
        scratch.write_text(plain)
        kinds = {"binary": ("binary", "json")}.get(store, (store, store))
        done = subprocess.run(
            [tool("sops"), "--config", str(config), "encrypt", "--input-type", kinds[0], "--output-type", kinds[1], str(scratch)],
            capture_output=True, text=True, env={"PATH": os.environ["PATH"], "HOME": str(self.out)},
        )
        scratch.unlink()
        config.unlink()
        if done.returncode:
            die(f"sops refuses the twin of {self.name(path)}: {done.stderr.strip()}")
        path.write_text(done.stdout)
        shown = {key: rule[key] for key in rule if key != "age"}
        self.record["sealed"].append({"file": self.name(path), "store": store, "values": values, "rule": shown})

    # --- remote parts ---------------------------------------------------------------------------------------------

    def cut_remotes(self):
        """Remote bases and remote generator files become local stubs beside the kustomization."""
        for path in files(self.repo):
            if path.name not in ("kustomization.yaml", "kustomization.yml", "Kustomization"):
                continue
            text = path.read_text()
            for item in documents(text):
                for field in ("resources", "bases", "components", "crds"):
                    for entry in strings(item.get(field)):
                        if REMOTE.match(entry) and not (path.parent / entry).exists():
                            text = self.stub_base(path, text, field, entry)
                for field in ("configMapGenerator", "secretGenerator"):
                    for generator in item.get(field) or []:
                        for entry in strings(generator.get("files")):
                            url = entry.partition("=")[2] if "=" in entry.partition("://")[0] else entry
                            if REMOTE.match(url):
                                text = self.stub_file(path, text, entry, url)
            path.write_text(text)

    def stub_base(self, path, text, field, url):
        slug = "rig-stub-" + hashlib.sha256(url.encode()).hexdigest()[:8]
        if field == "components":
            target = path.parent / slug
            dump(target / "kustomization.yaml", [{"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}])
        else:
            dump(path.parent / f"{slug}.yaml", [stub_object(slug, url)])
        local = slug if field == "components" else f"{slug}.yaml"
        self.record["remote"].append({"file": self.name(path), "field": field, "url": url, "stub": local})
        return replace_entry(text, url, local)

    def stub_file(self, path, text, entry, url):
        key = entry.partition("=")[0] if entry != url else url.rpartition("/")[2]
        local = f"rig-stub-{hashlib.sha256(url.encode()).hexdigest()[:8]}.json"
        (path.parent / local).write_text(json.dumps({"rig-stub": key}, indent=2) + "\n")
        self.record["remote"].append({"file": self.name(path), "field": "files", "url": url, "stub": local})
        return replace_entry(text, entry, f"{key}={local}")

    # --- what the tree renders ------------------------------------------------------------------------------------

    def seen_objects(self):
        """Every object of the tree: rendered by the real kustomize where a folder is a root, else as it lies there."""
        objects = []
        for path in files(self.repo):
            if path.suffix in (".yaml", ".yml"):
                objects += [(self.name(path), d) for d in documents(read(path) or "") if "apiVersion" in d and "kind" in d]
            if path.name in ("kustomization.yaml", "kustomization.yml", "Kustomization"):
                if any(d.get("kind") == "Component" for d in documents(path.read_text())):
                    continue
                folder = self.name(path.parent)
                done = subprocess.run(
                    [tool("kustomize"), "build", "--load-restrictor", "LoadRestrictionsNone", str(path.parent)],
                    capture_output=True, text=True, env={"PATH": "/nowhere", "HOME": str(self.out)},
                )
                if done.returncode:
                    why = done.stderr.replace(str(self.repo), "").strip()
                    self.record["not_rendered"].append({"folder": folder, "why": why[:300]})
                else:
                    objects += [(folder, d) for d in documents(done.stdout)]
        return [(where, d) for where, d in objects if isinstance(d.get("metadata"), dict) or d["kind"] == "List"]

    def make_crds(self, objects):
        wanted, own = {}, set()
        for _, item in objects:
            group, _, version = str(item["apiVersion"]).rpartition("/")
            if group == "apiextensions.k8s.io" and item["kind"] == "CustomResourceDefinition":
                own.add((item["spec"]["group"], item["spec"]["names"]["kind"]))
                continue
            if group in BUILTIN or group in NOT_OBJECTS:
                continue
            if not re.fullmatch(r"[A-Z]\w*", str(item["kind"])) or not re.fullmatch(r"[a-z0-9.\-]+", group):
                continue
            entry = wanted.setdefault((group, item["kind"]), {"versions": set(), "namespaced": False})
            entry["versions"].add(version)
            entry["namespaced"] |= bool((item.get("metadata") or {}).get("namespace"))

        flux = self.flux_crds()
        for key, crd in flux.items():
            old = sorted(wanted.get(key, {"versions": ()})["versions"])
            add_versions(crd, old)
            self.record["old_kinds"] += [f"{key[0]}/{v} {key[1]}" for v in old if v not in SERVED.get(key, ())]
            dump(self.out / "crds" / (crd["metadata"]["name"] + ".yaml"), [crd])
        for (group, kind), entry in sorted(wanted.items()):
            if (group, kind) in flux or (group, kind) in own:
                continue
            crd = open_crd(group, kind, sorted(entry["versions"]), scope(kind, entry["namespaced"]))
            dump(self.out / "crds" / (crd["metadata"]["name"] + ".yaml"), [crd])
            self.record["crds"].append(f"{group}/{','.join(sorted(entry['versions']))} {kind} {crd['spec']['scope']}")
        return flux

    def flux_crds(self):
        found = {}
        for folder in ("kustomize-controller", "source-controller"):
            for path in sorted((CACHE / "crds" / folder).glob("*.yaml")):
                for crd in documents(path.read_text()):
                    key = (crd["spec"]["group"], crd["spec"]["names"]["kind"])
                    SERVED[key] = {v["name"] for v in crd["spec"]["versions"]}
                    found[key] = crd
        return found or die("the Flux CRDs are missing: run tests/rig/build.sh crds")

    def replace_flux_crds(self, flux):
        """The repository's own copies of Flux's CRDs become the rig's: it must not take away what the controller needs."""
        for path in files(self.repo):
            text = read(path) or ""
            if "kind: CustomResourceDefinition" not in text or "toolkit.fluxcd.io" not in text:
                continue
            parts = re.split(r"(^---[^\n]*\n)", text, flags=re.M)
            for index, part in enumerate(parts):
                if "kind: CustomResourceDefinition" not in part:
                    continue
                for crd in documents(part):
                    spec = crd.get("spec", {})
                    key = (spec.get("group"), spec.get("names", {}).get("kind"))
                    if key not in flux:
                        continue
                    item = {"apiVersion": crd["apiVersion"], "kind": crd["kind"]}
                    item["metadata"] = {k: v for k, v in crd["metadata"].items() if k != "creationTimestamp"}
                    item["spec"] = copy.deepcopy(flux[key]["spec"])
                    scratch = self.out / "crd.tmp.yaml"
                    dump(scratch, [item])
                    parts[index] = scratch.read_text().removeprefix("---\n")
                    scratch.unlink()
                    self.record["flux_crds_replaced"].append(crd["metadata"]["name"])
            path.write_text("".join(parts))

    # --- Flux's own objects ---------------------------------------------------------------------------------------

    def sync(self, objects):
        """Finds (or makes) the objects that start the reconciliation; answers the name of the repository's own source."""
        kustomizations = [(w, d) for w, d in objects if flux_kind(d, "Kustomization")]
        sources = {name_of(d): (w, d) for w, d in objects if flux_kind(d, "GitRepository")}
        if self.sync_path:
            there = self.repo / self.sync_path / "flux-system" / "gotk-sync.yaml"
            held = documents(there.read_text()) if there.exists() else []
            if not held:
                return self.make_sync()
            dump(self.out / "bootstrap" / "2-sync.yaml", held)
            self.record["sync"] = self.name(there)
            own = sorted(name_of(d) for d in held if flux_kind(d, "GitRepository"))[0]
            self.stub_sources(kustomizations, sources, own)
            return own
        folder_name = self.source.name.split("@")[0].replace("__", "/")
        own = [n for n, (_, d) in sources.items() if folder_name in d["spec"].get("url", "")]
        if not own:
            die("no GitRepository of this repository was found: name the cluster's folder with --path")
        name = sorted(own)[0]
        # The file that holds the source and a Kustomization of it is what bootstrap applies.
        for path in files(self.repo):
            if path.suffix not in (".yaml", ".yml"):
                continue
            held = documents(read(path) or "")
            if any(flux_kind(d, "GitRepository") and name_of(d) == name for d in held) and any(
                flux_kind(d, "Kustomization") for d in held
            ):
                dump(self.out / "bootstrap" / "2-sync.yaml", held)
                self.record["sync"] = self.name(path)
                break
        else:
            die(f"no file holds both GitRepository {name} and a Kustomization")
        self.stub_sources(kustomizations, sources, name)
        return name

    def make_sync(self):
        objects = [
            {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
             "metadata": {"name": "flux-system", "namespace": "flux-system"},
             "spec": {"interval": "1m0s", "ref": {"branch": "main"}, "url": "https://rig.invalid/flux-system.git"}},
            {"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
             "metadata": {"name": "flux-system", "namespace": "flux-system"},
             "spec": {"interval": "10m0s", "path": f"./{self.sync_path}", "prune": True,
                      "sourceRef": {"kind": "GitRepository", "name": "flux-system"}}},
        ]
        empty = self.repo / self.sync_path / "flux-system" / "gotk-sync.yaml"
        if empty.exists() and not self.as_is:
            dump(empty, objects)  # as `flux bootstrap` does
        dump(self.out / "bootstrap" / "2-sync.yaml", objects)
        self.record["sync"] = self.name(empty)
        return ("flux-system", "flux-system")

    def stub_sources(self, kustomizations, sources, own):
        """Trees for the other sources that Kustomizations name."""
        for where, item in kustomizations:
            reference = item["spec"].get("sourceRef", {})
            namespace = reference.get("namespace") or item["metadata"].get("namespace", "flux-system")
            key = (namespace, reference.get("name"))
            if reference.get("kind") not in ("GitRepository", "OCIRepository", "Bucket") or key == own:
                continue
            folder = self.out / "stubs" / reference["kind"] / namespace / reference["name"] / item["spec"].get("path", ".")
            slug = "rig-stub-" + item["metadata"]["name"]
            dump(folder / "stub.yaml", [stub_object(slug, str(sources.get(key, ("", {"spec": {}}))[1]["spec"].get("url")))])
            entry = {"source": f"{reference['kind']}/{namespace}/{reference['name']}", "kustomization": item["metadata"]["name"]}
            if entry not in self.record["stub_sources"]:
                self.record["stub_sources"].append(entry)

    def bootstrap(self, objects):
        """The namespace and the decryption Secrets that Kustomizations name."""
        namespaces, secrets = {"flux-system"}, set()
        for _, item in objects:
            if flux_kind(item, "Kustomization"):
                reference = (item["spec"].get("decryption") or {}).get("secretRef") or {}
                if reference.get("name"):
                    secrets.add((item["metadata"].get("namespace", "flux-system"), reference["name"]))
        namespaces |= {n for n, _ in secrets}
        made = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": n}} for n in sorted(namespaces)]
        keys = self.out / "age.agekey"
        for namespace, name in sorted(secrets):
            made.append({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": {"name": name, "namespace": namespace},
                "stringData": {"age.agekey": keys.read_text() if keys.exists() else ""},
            })
        dump(self.out / "bootstrap" / "1-namespaces.yaml", made)

    # --- all of it ------------------------------------------------------------------------------------------------

    def make(self):
        if self.as_is:
            subprocess.run(["git", "clone", "--quiet", str(self.source), str(self.repo)], check=True)
        else:
            shutil.copytree(self.source, self.repo, symlinks=True, ignore=shutil.ignore_patterns(".git"))
            for path in [self.repo, *self.repo.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | 0o200)
            self.reseal()
            self.cut_remotes()
        objects = self.seen_objects()
        flux = self.make_crds(objects)
        if not self.as_is:
            self.replace_flux_crds(flux)
        source = self.sync(objects)
        self.bootstrap(objects)
        self.record["git_repository"] = {"namespace": source[0], "name": source[1]}
        if not self.as_is:
            self.commit()
        (self.out / "twin.json").write_text(json.dumps(self.record, indent=1, sort_keys=True) + "\n")
        counts = {k: len(v) for k, v in self.record.items() if isinstance(v, list)}
        print(f"{self.source.name}: " + ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in sorted(counts.items())))

    def commit(self):
        stamp = "2024-01-01T00:00:00Z"
        who = {"GIT_AUTHOR_NAME": "Rig", "GIT_AUTHOR_EMAIL": "rig@example.test", "GIT_AUTHOR_DATE": stamp,
               "GIT_COMMITTER_NAME": "Rig", "GIT_COMMITTER_EMAIL": "rig@example.test", "GIT_COMMITTER_DATE": stamp,
               "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "PATH": os.environ["PATH"]}
        for words in (["init", "-q", "-b", "main"], ["add", "-f", "-A"], ["commit", "-q", "-m", "The twin"]):
            subprocess.run(["git", *words], cwd=self.repo, env=who, check=True)

    def name(self, path):
        return str(path.relative_to(self.repo))


SERVED = {}
RULES = ("encrypted_regex", "unencrypted_regex", "encrypted_suffix", "unencrypted_suffix", "encrypted_comment_regex",
         "unencrypted_comment_regex", "mac_only_encrypted")


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and ".git" not in p.relative_to(folder).parts)


def read(path):
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return None


def strings(value):
    return [v for v in value or [] if isinstance(v, str)]


def replace_entry(text, old, new):
    """One list entry of a kustomization, whatever its quoting; the rest of the file keeps its bytes."""
    pattern = re.compile(r"(^\s*-\s*)(['\"]?)" + re.escape(old) + r"\2(\s*(?:#.*)?)$", re.M)
    text, count = pattern.subn(lambda m: m[1] + new + m[3], text)
    return text if count else die(f"could not find the entry {old} again")


def stub_object(name, url):
    # Cluster-scoped, so that it stands in any kustomization; grants nothing.
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "annotations": {"rig.sealane.dev/stands-for": url}}, "rules": []}


def flux_kind(item, kind):
    return item.get("kind") == kind and str(item.get("apiVersion", "")).split("/")[0] in FLUX_GROUPS


def name_of(item):
    return (item["metadata"].get("namespace", "flux-system"), item["metadata"]["name"])


def scope(kind, namespaced):
    if kind in CLUSTER_KINDS or (kind.startswith("Cluster") and kind not in NAMESPACED_CLUSTER_KINDS):
        return "Cluster"
    return "Namespaced" if namespaced else "Cluster"


def plural(kind):
    low = kind.lower()
    if low.endswith("y") and low[-2] not in "aeiou":
        return low[:-1] + "ies"
    return low + ("es" if low.endswith(("s", "x", "ch", "sh")) else "s")


OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def open_crd(group, kind, versions, found_scope):
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural(kind)}.{group}",
            # Groups under k8s.io are guarded; this says that the rig made the CRD up.
            "annotations": {"api-approved.kubernetes.io": "unapproved, made for a test rig"},
        },
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": kind + "List", "plural": plural(kind), "singular": kind.lower()},
            "scope": found_scope,
            "versions": [
                {"name": v, "served": True, "storage": v == versions[-1], "schema": {"openAPIV3Schema": OPEN},
                 "subresources": {"status": {}}}
                for v in versions
            ],
        },
    }


def add_versions(crd, names):
    """Old API versions, served and not stored, with an open schema; nothing is converted but the name."""
    have = {v["name"] for v in crd["spec"]["versions"]}
    for name in names:
        if name not in have:
            crd["spec"]["versions"].append({
                "name": name, "served": True, "storage": False, "schema": {"openAPIV3Schema": OPEN},
                "subresources": {"status": {}},
            })
    crd["spec"]["conversion"] = {"strategy": "None"}
    crd["metadata"].pop("creationTimestamp", None)
    crd.pop("status", None)


# --- invented values --------------------------------------------------------------------------------------------------


def token(where, key, length):
    """The same on every run; plain letters and digits, so that it can stand anywhere."""
    text = hashlib.sha256(f"{where}\n{key}".encode()).hexdigest()
    return ("t" + text * 4)[: max(length, 4)]


def last_section(before):
    """The top-level key under which a line stands."""
    found = re.findall(r"^(\w+):\s*$", before, re.M)
    return found[-1] if found else ""


def invent(where, key, data, kind, under_data):
    """A value of the same type, about as long, and such that what it is substituted into stays valid."""
    length = len(base64.b64decode(data)) if data else 0
    number = int(hashlib.sha256(f"{where}{key}".encode()).hexdigest()[:6], 16)
    if kind in ("int", "float"):
        return str(number % 9000 + 1000) + (".5" if kind == "float" else "")
    if kind == "bool":
        return "true" if number % 2 else "false"
    low = key.lower()
    if low.endswith("port") or re.search(r"_port(_\d+)?$", low):
        value = str(20000 + number % 10000)
    elif re.search(r"(^|_)(ip|addr|address)(_\d+)?$", low):
        value = f"192.0.2.{number % 250 + 1}"
    elif "cidr" in low:
        value = f"198.51.{number % 250}.0/24"
    elif "email" in low:
        value = f"twin{number % 100}@example.test"
    elif "domain" in low or low.endswith("host"):
        value = f"twin{number % 1000}.example.test"
    elif "url" in low or "webhook" in low:
        value = f"https://twin.example.test/{token(where, key, 12)}"
    elif length > 120:
        # A file of several lines, as configurations and keys are.
        count = min(length // 40, 40)
        value = "".join(f"twin{n}: {token(where, key + str(n), 24)}\n" for n in range(count))
    else:
        value = token(where, key, length)
    if under_data:
        value = base64.b64encode(value.encode()).decode()
    return json.dumps(value)


def json_safe(text):
    """For a place that already stands between quotes."""
    return text[1:-1] if text.startswith('"') else text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--path", default="", help="a cluster's folder")
    parser.add_argument("--as-is", action="store_true", help="change nothing in the repository")
    parser.add_argument("--keys", type=pathlib.Path, nargs="*", default=[], help="age identities of the cluster")
    options = parser.parse_args()
    if not options.source.is_dir():
        die(f"{options.source} is not a folder")
    if options.out.exists():
        die(f"{options.out} exists already")
    options.out.mkdir(parents=True)
    (options.out / "stubs").mkdir()
    if options.keys:
        (options.out / "age.agekey").write_text("".join(path.read_text() for path in options.keys))
    Twin(options.source.resolve(), options.out.resolve(), options.path.strip("./"), options.as_is).make()


if __name__ == "__main__":
    main()
