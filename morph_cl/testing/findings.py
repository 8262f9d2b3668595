"""What a check reports, and how it runs foreign code."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import BaseModel

from morph_cl.catalog import Catalog, load_catalog
from morph_cl.errors import PluginError
from morph_cl.options import validate_options
from morph_cl.specs import Spec

SpecT = TypeVar("SpecT", bound=Spec)
ResultT = TypeVar("ResultT")


class CheckError(PluginError, AssertionError):
    """A record that does not keep its contract."""


class Subject:
    """The record under check, which every finding names.

    Args:
        spec: the record.
        where: what else a finding shall say, such as the setting.
    """

    def __init__(self, spec: Spec, where: str = "") -> None:
        self.spec = spec
        self.where = where

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        return f"{self.spec.kind} {self.spec.name!r}{place}"

    def require(self, condition: object, finding: str) -> None:
        """Raise unless a condition holds.

        Args:
            condition: what must be true.
            finding: what is wrong and how to mend it.

        Raises:
            CheckError: the condition is false.
        """
        if not condition:
            raise CheckError(f"{self}: {finding}")

    def attempt(self, doing: str, function: Callable[..., ResultT], *arguments: Any, **named: Any) -> ResultT:
        """Run foreign code, its failure told as a finding.

        Args:
            doing: what is being done, for the message.
            function: what to call.
            arguments: its positional arguments.
            named: its keyword arguments.

        Returns:
            What it returned.

        Raises:
            CheckError: it raised.
        """
        try:
            return function(*arguments, **named)
        except CheckError:
            raise
        except Exception as error:
            raise CheckError(f"{self}: {doing} raised {type(error).__name__}: {error}") from error

    def options(self, values: Mapping[str, Any] | None) -> BaseModel:
        """The validated options of the record.

        Args:
            values: option names and values; what is left out takes its default.

        Returns:
            The options.

        Raises:
            CheckError: an option has no default, or a value does not fit.
        """
        return self.attempt("validating its options", validate_options, self.spec.params, values or {}, self.spec.name)


def find(kind: str, record: Spec | str, spec_type: type[SpecT], catalog: Catalog | None) -> SpecT:
    """The record to check.

    Args:
        kind: the kind of record.
        record: the record itself, or the name under which the catalogue has it.
        spec_type: the type that it must have.
        catalog: where to look names up; None takes the installed plugins.

    Returns:
        The record.

    Raises:
        CheckError: it is a record of another kind.
        UnknownNameError: no record has the name.
    """
    if isinstance(record, str):
        record = (catalog or load_catalog()).host.registries[kind].get(record).spec
    if not isinstance(record, spec_type):
        raise CheckError(f"{record!r} is no {spec_type.__name__}; give one, or the name of a registered {kind}.")
    return record


@contextmanager
def own_randomness(seed: int) -> Iterator[None]:
    """Seed the global generators within, and put them back after.

    Args:
        seed: for torch's, numpy's and Python's generators.
    """
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)
