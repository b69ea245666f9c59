"""Try careless changes: does a test fail on each?

One change, and what to run (anything that pytest takes):

    python tests/careless.py FILE OLD NEW -- tests/storage tests/results -n 2

Or a list of them in a YAML file, each a mapping of file, old and new:

    python tests/careless.py CHANGES.yaml -- tests/planning

Each is made alone, in a copy of the checkout; OLD has to be in FILE once. Told are those that
passed unnoticed. Run the narrowest tests that ought to notice, not the whole suite. Write what it
takes at the lowest level that can see it, and throw the list away: it ages with the code.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
OPTIONS = ["-q", "--exitfirst", "--no-header", "--tb=no", "-p", "no:cacheprovider"]


def copy_of_checkout(target: Path) -> None:
    """All files but those that git ignores, as they are now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def passes(checkout: Path, tests: list[str]) -> bool:
    done = subprocess.run([sys.executable, "-m", "pytest", *OPTIONS, *tests], cwd=checkout)
    return done.returncode == 0


def is_noticed(change: dict[str, str], checkout: Path, tests: list[str]) -> bool:
    file = checkout / change["file"]
    text = file.read_text(encoding="utf-8")
    assert text.count(change["old"]) == 1, f"not once in {change['file']}: {change['old']!r}"
    file.write_text(text.replace(change["old"], change["new"]), encoding="utf-8")
    try:
        return not passes(checkout, tests)
    finally:
        file.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], usage=__doc__)
    parser.add_argument("change", nargs="+", help="FILE OLD NEW, or a YAML file")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    given, tests = parser.parse_args(words[:cut]).change, words[cut + 1 :]
    if len(given) == 3:
        changes = [dict(zip(("file", "old", "new"), given, strict=True))]
    else:
        changes = yaml.safe_load(Path(given[0]).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as directory:
        copy_of_checkout(Path(directory))
        if not passes(Path(directory), tests):
            sys.exit("these tests fail without any change")
        unnoticed = [c for c in changes if not is_noticed(c, Path(directory), tests)]
    for change in unnoticed:
        print(f"\nunnoticed in {change['file']}:\n- {change['old']}\n+ {change['new']}")
    print(f"\n{len(unnoticed)} of {len(changes)} changes passed unnoticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
