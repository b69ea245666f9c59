"""A manifest's hash is that of what was written, whatever later versions would write."""

from __future__ import annotations

from pathlib import Path

from kit import Study

from snakestudy.storage.manifest import Manifest
from snakestudy.tables.arrow import footer_of, read, write


def test_hash_of_a_manifest_that_lacks_keys_of_today_is_that_of_its_file(
    template: Study, tmp_path: Path
) -> None:
    source = template.path / "results/plan/chunks/00000.parquet"
    table, written = read(source), Manifest.load(source)
    footer = footer_of(table.schema)
    for name in ("grace", "restart", "isolation"):
        footer["spec"]["steps"]["run"]["task"].pop(name, None)
    write(table, tmp_path / "00000.parquet", footer)
    before = Manifest.load(tmp_path / "00000.parquet")
    assert before.spec == written.spec
    assert written.computed_hash() == written.hash
    changed = before.computed_hash()
    assert changed != written.hash  # as its version would have computed it
    write(table, tmp_path / "00000.parquet", {**footer, "manifest": changed})
    again = Manifest.load(tmp_path / "00000.parquet")
    assert again.computed_hash() == again.hash
