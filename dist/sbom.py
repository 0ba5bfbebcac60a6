#!/usr/bin/env python3
"""sbom.py SBOM.json MANIFEST.toml — print a CycloneDX SBOM with what the crates do not tell: the C libraries and the server inside.

SBOM.json is that of cargo-cyclonedx; MANIFEST.toml is payload/manifest.toml, of the server that replctl carries.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

# Which crate brings which C library: its name, its licence, and where its version stands.
BROUGHT = {
    "openssl-src": ("openssl", "Apache-2.0", "openssl/VERSION.dat", r"MAJOR=(\d+)\nMINOR=(\d+)\nPATCH=(\d+)"),
    "libssh2-sys": ("libssh2", "BSD-3-Clause", "libssh2/include/libssh2.h", r'define LIBSSH2_VERSION\s+"([^"]+)"'),
    "libz-sys": ("zlib", "Zlib", "src/zlib/zlib.h", r'define ZLIB_VERSION\s+"([^"]+)"'),
}
ROOT = Path(__file__).resolve().parent.parent


def folders():
    """Where the source of each crate that brings C is."""
    line = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu", "--features", "vendored-openssl"]
    packages = json.loads(subprocess.check_output(line, cwd=ROOT))["packages"]
    return {p["name"]: Path(p["manifest_path"]).parent for p in packages if p["name"] in BROUGHT}


def manifest(path):
    """The head of the manifest, and its files: the form that build.rs reads."""
    head, files = {}, []
    for line in open(path, encoding="utf-8"):
        if line.strip() == "[[file]]":
            files.append({})
        elif " = " in line and not line.startswith("#"):
            key, value = line.strip().split(" = ", 1)
            (files[-1] if files else head)[key] = value.strip('"')
    return head, files


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    # The path of the repository is no part of a name.
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    sbom = json.loads(text.replace(f"path+file://{ROOT}#", "path+file:///replctl#"))
    head, files = manifest(sys.argv[2])
    components = sbom["components"]
    sources = folders()
    for crate, (name, licence, file, pattern) in BROUGHT.items():
        found = re.search(pattern, (sources[crate] / file).read_text(encoding="utf-8"))
        if not found:
            sys.exit(f"sbom: the version of {name} is not in {sources[crate] / file} any more")
        version = ".".join(found.groups())
        components.append(
            {"type": "library", "bom-ref": f"c:{name}", "name": name, "version": version, "licenses": [{"license": {"id": licence}}],
             "purl": f"pkg:generic/{name}@{version}", "description": f"linked, from the crate {crate}"}
        )
    for file in files:
        components.append(
            {"type": "application", "bom-ref": f"carried:{file['arch']}/{file['name']}", "name": file["name"], "version": head["version"],
             "description": f"carried inside, for hosts of {file['arch']}: {head['origin']}", "licenses": [{"license": {"id": head["licence"]}}],
             "hashes": [{"alg": "SHA-256", "content": file["sha256"]}], "purl": f"pkg:generic/{head['engine']}@{head['version']}"}
        )
    # By what names them: the order does not change from one machine to another.
    components.sort(key=lambda c: (c["name"], c["version"], c["bom-ref"]))
    json.dump(sbom, sys.stdout, indent=1, ensure_ascii=False)
    print()


main()
