#!/usr/bin/env python3
"""sbom.py SBOM.json MANIFEST.toml — print a CycloneDX SBOM with what the crates do not tell: the C libraries and the server inside.

SBOM.json is that of cargo-cyclonedx; MANIFEST.toml is payload/manifest.toml, of the server that replctl carries.
"""

import json
import re
import sys

# Which crate brings which C library, and where its version stands.
BUILD_METADATA = {"openssl-src": ("openssl", "Apache-2.0")}


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
    sbom = json.load(open(sys.argv[1], encoding="utf-8"))
    head, files = manifest(sys.argv[2])
    components = sbom["components"]
    for crate in [c for c in components if c["name"] in BUILD_METADATA]:
        name, licence = BUILD_METADATA[crate["name"]]
        version = re.sub(r"^.*\+", "", crate["version"])
        components.append(
            {"type": "library", "bom-ref": f"c:{name}", "name": name, "version": version, "licenses": [{"license": {"id": licence}}],
             "purl": f"pkg:generic/{name}@{version}", "description": f"linked, from the crate {crate['name']}"}
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
