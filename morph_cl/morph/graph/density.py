"""What the graph takes from densities: a signature of each concept, and how much experts overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from morph_cl.morph.concepts import Concepts

_DIGITS = 4


@dataclass(frozen=True)
class Signature:
    """Where a concept's Gaussian lies and how large it is.

    Args:
        mean: its mean on the axes of the projection, four decimals.
        log_volume: half the logarithm of its covariance's determinant, in nats: the volume within one standard
            deviation, up to a constant that only the number of axes decides.
    """

    mean: tuple[float, ...]
    log_volume: float

    @property
    def text(self) -> str:
        """The mean as one text, for formats that have no lists."""
        return " ".join(map(repr, self.mean))

    @classmethod
    def parse(cls, text: str, log_volume: float) -> Signature:
        """The signature that :attr:`text` and ``log_volume`` were taken from.

        Args:
            text: numbers, separated by spaces.
            log_volume: in nats.

        Returns:
            An equal signature.

        Raises:
            ValueError: a part of the text is not a number.
        """
        return cls(tuple(map(float, text.split())), log_volume)


def signatures(concepts: Concepts) -> list[dict[int, Signature]]:
    """The signatures of all concepts.

    Args:
        concepts: concepts whose projection is fitted.

    Returns:
        For each expert, in the order of rows, the signatures of the classes that it knows.
    """
    mean, _, factor = concepts.gaussians()
    volume = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)  # (E, classes)
    found: list[dict[int, Signature]] = [{} for _ in range(len(concepts))]
    for row, label in concepts.owned.nonzero().tolist():
        place = tuple(round(value, _DIGITS) for value in mean[row, label].tolist())
        found[row][label] = Signature(place, round(float(volume[row, label]), _DIGITS))
    return found


def concept_similarity(divergence: Tensor, experts: int, width: int) -> Tensor:
    """How much the densities of two experts overlap, from the divergence between their concepts.

    Args:
        divergence: (E * classes, E * classes) in nats, infinite where a concept does not exist.
        experts: E.
        width: number of axes that the densities have: divergences grow in proportion to it.

    Returns:
        (E, E) in [0, 1]: for each concept of the one the best match among those of the other, averaged, both ways.
    """
    classes = len(divergence) // max(experts, 1)
    overlap = (-divergence / width).exp().view(experts, classes, experts, classes)
    owned = (overlap.amax((2, 3)) > 0).to(overlap)  # a concept that exists matches at least itself
    best = overlap.amax(3) * owned.unsqueeze(2)  # (E, classes, E)
    one_way = best.sum(1) / owned.sum(1).clamp_min(1.0).unsqueeze(1)
    return (0.5 * (one_way + one_way.T)).clamp(0.0, 1.0)
