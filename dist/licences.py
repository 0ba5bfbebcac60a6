#!/usr/bin/env python3
"""licences.py TARGET — print NOTICE, and after it the licence texts of all that is linked into a release of replctl for TARGET.

These are the crates that `cargo metadata` names, what C source they bring (OpenSSL, libssh2, zlib), and the unwinder of the cross
linker. A crate without a licence file of its own, or one that has C source of which no text is known here, is an error: a release
does not go out without it. The standard library's notices are a file of the Rust toolchain, which build.sh puts beside NOTICE.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULE = "=" * 100

# C source inside crates: the texts beside those of the crate itself.
BROUGHT = {
    "openssl-src": ["openssl/LICENSE.txt"],
    "libssh2-sys": ["libssh2/COPYING"],
    "libz-sys": ["src/zlib/LICENSE"],
}
# Crates whose name ends so link C; one that is not listed here has to be looked at.
LINKS_NOTHING_OF_ITS_OWN = {"openssl-sys"}
NAMES = re.compile(r"(un)?licen[sc]e|copying|notice|copyright", re.IGNORECASE)


def linked(target):
    """The packages that are linked: normal dependencies, from the root on, no procedural macros, and the source of OpenSSL."""
    metadata = json.loads(
        subprocess.check_output(
            ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target, "--features", "vendored-openssl"],
            cwd=ROOT,
        )
    )
    packages = {p["id"]: p for p in metadata["packages"]}
    nodes = {n["id"]: n for n in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, ahead = set(), [root]
    while ahead:
        at = ahead.pop()
        if at in seen:
            continue
        seen.add(at)
        for dependency in nodes[at]["deps"]:
            package = packages[dependency["pkg"]]
            runs_at_build = any("proc-macro" in t["kind"] for t in package["targets"])
            normal = any(k["kind"] is None for k in dependency["dep_kinds"])
            if (normal and not runs_at_build) or package["name"] == "openssl-src":
                ahead.append(dependency["pkg"])
    seen.remove(root)
    return sorted((packages[i] for i in seen), key=lambda p: (p["name"], p["version"]))


def texts(package):
    """The licence texts of a package, as (what they are of, text)."""
    folder = Path(package["manifest_path"]).parent
    name = f"{package['name']} {package['version']} - {package['license']}"
    own = sorted(f for f in folder.iterdir() if f.is_file() and NAMES.match(f.name))
    if not own:
        sys.exit(f"licences: {name}: {folder} has no licence text")
    if package["links"] and package["name"] not in BROUGHT and package["name"] not in LINKS_NOTHING_OF_ITS_OWN and list(folder.rglob("*.c")):
        sys.exit(f"licences: {name} brings C source: say in dist/licences.py where its licence is")
    for file in own:
        yield name, file.read_text(errors="replace")
    for path in BROUGHT.get(package["name"], []):
        if not (folder / path).is_file():
            sys.exit(f"licences: {name}: {folder / path} is not there any more: look for the licence of the C source")
        yield f"{path.split('/')[-2]}, which {package['name']} {package['version']} brings", (folder / path).read_text(errors="replace")


def unwinder():
    """The linker is Zig, whose libunwind and compiler-rt stand where libgcc_s would."""
    found = subprocess.check_output([sys.executable, "-c", "import ziglang; print(ziglang.__path__[0])"], text=True).strip()
    yield "libunwind (LLVM) - Apache-2.0 WITH LLVM-exception", (Path(found) / "lib/libunwind/LICENSE.TXT").read_text()
    yield "compiler-rt (Zig) - MIT", (Path(found) / "LICENSE").read_text()


def main():
    """Equal texts are printed once."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    of = {}
    packages = linked(sys.argv[1])
    for package in packages:
        for name, text in texts(package):
            of.setdefault(text.strip(), []).append(name)
    for name, text in unwinder():
        of.setdefault(text.strip(), []).append(name)
    print((ROOT / "NOTICE").read_text().rstrip())
    print(f"\n{RULE}\nWhat is linked into this program: {len(packages)} crates, OpenSSL, libssh2, zlib and libunwind\n{RULE}\n")
    print("Where a crate offers several licences, replctl takes MIT where it is one of them. All texts that the crates bring are here.")
    print("The notices of the Rust standard library are in NOTICE-rust-std.html.")
    for text, names in of.items():
        print(f"\n{RULE}\n" + "\n".join(dict.fromkeys(names)) + f"\n{RULE}\n\n{text}")


main()
