"""The bundled plugins pass the checks that are asked of a third party's."""

import pytest

from morph_cl import load_catalog
from morph_cl.testing import check_strategy
from morph_cl.testing.plugins import CHECKS

QUICK = {"gdumb": {"memory_epochs": 1}}
"""Options that make a strategy's check quick; every other one is checked with its defaults."""


def names(kind):
    return [entry.qualified_name for entry in load_catalog().host.registries[kind] if entry.provider.bundled]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in CHECKS if kind != "strategy" for name in names(kind)]
)
def test_record(kind, name):
    CHECKS[kind](name)


@pytest.mark.slow
@pytest.mark.parametrize("name", names("strategy"))
def test_strategy(name):
    check_strategy(name, QUICK.get(name.partition(":")[2]))
