"""Facts about experts as short texts for the cells of tables."""

from __future__ import annotations

from collections.abc import Mapping

from morph_cl.report.formats import number_ranges, one_line, percent
from morph_cl.results.explanation import ExpertProfile, Explanation

_KIN = 3
_LEAST_SHARE = 0.0005  # a smaller share would be shown as 0.0


def experience_name(explanation: Explanation, index: int) -> str:
    """An experience by number, from 1 as in every report, and label.

    Args:
        explanation: what was explained.
        index: the experience, from 0.
    """
    return one_line(f"{index + 1} ({explanation.experience_labels[index]})")


def owned_experiences(explanation: Explanation, profile: ExpertProfile) -> str:
    """The experiences that an expert's concepts hold, a single one with its label.

    Args:
        explanation: what was explained.
        profile: the expert.
    """
    owned = profile.samples_by_experience or {}
    return experience_name(explanation, next(iter(owned))) if len(owned) == 1 else owned_numbers(profile)


def owned_numbers(profile: ExpertProfile) -> str:
    """The numbers, from 1, of the experiences that an expert's concepts hold.

    Args:
        profile: the expert.
    """
    owned = profile.samples_by_experience
    return "not told" if owned is None else number_ranges(index + 1 for index in owned) or "none"


def expert_shares(shares: Mapping[int, float]) -> str:
    """Shares in per cent, the greatest first.

    Args:
        shares: fractions by expert.

    Returns:
        Such as ``0: 97.9, 2: 1.2``; what rounds to nothing is left out.
    """
    order = sorted(shares, key=lambda number: -shares[number])
    return ", ".join(f"{number}: {percent(shares[number])}" for number in order if shares[number] >= _LEAST_SHARE)


def kin(profile: ExpertProfile) -> str:
    """The strongest relations of an expert.

    Args:
        profile: the expert.

    Returns:
        Such as ``1 (similarity 0.31), 4 (specialisation 0.50)``.
    """
    parts = []
    for relation in profile.relations[:_KIN]:
        first, second = relation.experts
        other = second if first == profile.number else first
        parts.append(f"{other} ({relation.kind} {relation.weight:.2f})")
    return one_line(", ".join(parts)) or "none"
