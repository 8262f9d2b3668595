"""Checks for plugin authors: one call in a test tells whether a record keeps its contract.

::

    from morph_cl.testing import check_expert

    def test_my_expert():
        check_expert("my-expert")

Each check raises :class:`CheckError`, whose message names the record, what is wrong and how to mend it. The
checks run on small made-up data on the CPU, take seconds, and leave the global random generators as they
found them. They say nothing of how well something learns.
"""

from __future__ import annotations

from morph_cl.testing.experts import check_expert
from morph_cl.testing.findings import CheckError
from morph_cl.testing.plugins import check_plugin
from morph_cl.testing.records import check_dataset, check_detector, check_metric
from morph_cl.testing.samples import sample_data, sample_record, sample_stream
from morph_cl.testing.scenarios import check_scenario
from morph_cl.testing.strategies import check_strategy

__all__ = [
    "CheckError",
    "check_dataset",
    "check_detector",
    "check_expert",
    "check_metric",
    "check_plugin",
    "check_scenario",
    "check_strategy",
    "sample_data",
    "sample_record",
    "sample_stream",
]
