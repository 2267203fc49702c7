"""What decides a row's digits: the versions of this package and of what it computes with."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import foadv_gui


@cache
def versions() -> dict[str, str]:
    """The versions by name, found without importing what takes seconds.

    That of this package comes with a hash of the sources of `core` and `lab`, where they are there to be read: two
    checkouts of one version may differ.
    """
    found = {"foadv_gui": " ".join([foadv_gui.__version__, *_sources()])}
    for name in ("torch", "numpy", "scipy"):
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = "unknown"
    return found | {"python": ".".join(platform.python_version_tuple()[:2])}


def difference(here: dict[str, str], there: dict[str, str]) -> str | None:
    """The first version in which two machines differ, in words; None if they agree."""
    for name, ours in here.items():
        theirs = there.get(name, "none")
        if theirs != ours:
            return f"{name} {theirs}, but this machine has {ours}"
    return None


def _sources() -> list[str]:
    root = Path(foadv_gui.__file__).parent
    files = sorted(path for floor in ("core", "lab") for path in (root / floor).rglob("*.py"))
    if not files:
        return []
    digest = hashlib.blake2b(digest_size=4)
    for path in files:
        digest.update(f"{path.relative_to(root).as_posix()}\n{path.read_text(encoding='utf-8')}".encode())
    return [f"(sources {digest.hexdigest()})"]
