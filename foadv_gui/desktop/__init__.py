"""The window: Qt, and nothing that computes."""

import sys


def _load_pyqtgraph() -> None:
    """Load pyqtgraph without CUDA's bindings, which take a tenth of a second and serve a widget that is not used."""
    bindings = "cuda.bindings"
    if bindings in sys.modules:
        return
    sys.modules[bindings] = None  # type: ignore[assignment]
    try:
        import pyqtgraph  # noqa: F401
    finally:
        del sys.modules[bindings]


_load_pyqtgraph()
