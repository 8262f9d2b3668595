"""Which studies there are."""

from __future__ import annotations

STUDIES = {
    "drift": "how soon MORPH is back after a drift, beside a plain network, one that ADWIN resets, and replay",
}
"""The studies by name, each with the question that it answers."""
