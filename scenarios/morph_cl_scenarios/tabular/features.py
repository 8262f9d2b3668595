"""Rows of a table as what a network takes: numbers standardised, categories one-hot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LEAST = 1e-6
"""Deviation, as a share of the mean, below which a number counts as constant and is not divided."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Args:
        categories: the values of a category; none where the column is a number.
        standard: whether a number is standardised; else it stays as it is, as a flag of 0 or 1 does.
    """

    categories: tuple[int, ...] = ()
    standard: bool = True


NUMBER, FLAG = Column(), Column(standard=False)


class Encoder:
    """Turns rows into features, by the mean and deviation of the rows before a stream alone.

    Args:
        columns: the columns.
        warm_up: (W, F) the rows before the stream.
    """

    def __init__(self, columns: Sequence[Column], warm_up: NDArray[np.float64]) -> None:
        self.columns = tuple(columns)
        standard = np.array([column.standard and not column.categories for column in columns])
        self.mean = np.where(standard, warm_up.mean(0), 0.0)
        deviation = warm_up.std(0)
        constant = deviation <= _LEAST * np.maximum(np.abs(warm_up.mean(0)), 1)
        self.deviation = np.where(standard & ~constant, deviation, 1.0)

    def __call__(self, rows: NDArray[np.float64]) -> Tensor:
        """Encode rows.

        Args:
            rows: (N, F).

        Returns:
            (N, 1, 1, d) float32: images one pixel high, with a pixel a number and one a category's value.
        """
        scaled = (rows - self.mean) / self.deviation
        parts = [
            rows[:, [place]] == np.array(column.categories) if column.categories else scaled[:, [place]]
            for place, column in enumerate(self.columns)
        ]
        features = np.concatenate([part.astype(np.float32) for part in parts], axis=1)
        return torch.from_numpy(features)[:, None, None]
