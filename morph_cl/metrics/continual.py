"""Figures of continual learning, as pure functions of the accuracy matrix R.

``R[i][j]`` is the test accuracy, on experience ``j`` after training on experience ``i``. Both count
from 0, accuracies are fractions in [0, 1], T is their number, and NaN stands for what was not measured.

One rule for NaN: a mean that needs an entry which was not measured is NaN, never the mean of the others, so
that two figures of one name always average the same experiences. A maximum or a minimum is taken over the
entries that were measured. A figure that needs an earlier experience is NaN where T is 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from morph_cl.errors import UsageError

Matrix = Sequence[Sequence[float]]
"""R, (T, T), fractions in [0, 1]."""


def _size(matrix: Matrix) -> int:
    """T, once it is known that the matrix is square."""
    size = len(matrix)
    widths = {len(row) for row in matrix}
    if widths - {size}:
        raise UsageError(
            f"an accuracy matrix of {size} rows has rows of {sorted(widths)} entries; give one row and one "
            "column an experience."
        )
    return size


def _mean(values: Iterable[float]) -> float:
    """The mean; NaN where there is nothing to average or one of the values is NaN."""
    terms = list(values)
    return math.fsum(terms) / len(terms) if terms else math.nan


def _column(matrix: Matrix, experience: int, rows: range) -> list[float]:
    """What was measured on an experience in the given rows, in order."""
    return [matrix[i][experience] for i in rows if not math.isnan(matrix[i][experience])]


def average_accuracy(matrix: Matrix) -> float:
    """Accuracy over all experiences at the end: ``mean_j R[T-1, j]``.

    Args:
        matrix: R, (T, T), fractions in [0, 1].

    Returns:
        A fraction in [0, 1].

    Raises:
        UsageError: the matrix is not square.

    Source:
        ACC of Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017.
    """
    size = _size(matrix)
    return _mean(matrix[-1]) if size else math.nan


def anytime_accuracy(matrix: Matrix) -> float:
    """Average anytime accuracy: ``mean_i mean_{j<=i} R[i, j]``.

    Args:
        matrix: R, (T, T), fractions in [0, 1].

    Returns:
        A fraction in [0, 1]: the accuracy on what was seen so far, averaged over the stream.

    Raises:
        UsageError: the matrix is not square.

    Source:
        AAA of Caccia et al., New Insights on Reducing Abrupt Representation Change in Online Continual
        Learning, ICLR 2022, evaluated where experiences end; average incremental accuracy of Rebuffi et al.,
        iCaRL, CVPR 2017.
    """
    return _mean(_mean(matrix[i][: i + 1]) for i in range(_size(matrix)))


def just_learned_accuracy(matrix: Matrix) -> float:
    """Accuracy on each experience right after training on it: ``mean_i R[i, i]``.

    Args:
        matrix: R, (T, T), fractions in [0, 1].

    Returns:
        A fraction in [0, 1]: how plastic the learner is.

    Raises:
        UsageError: the matrix is not square.

    Source:
        Learning accuracy of Riemer et al., Learning to Learn without Forgetting, ICLR 2019.
    """
    return _mean(matrix[i][i] for i in range(_size(matrix)))


def forgetting(matrix: Matrix) -> float:
    """Forgetting, best minus last: ``mean_{j<T-1} (max_{i<T-1} R[i, j] - R[T-1, j])``.

    The maximum runs over every earlier row, those before experience ``j`` was learned included, as the
    definition is written. Avalanche calls another figure forgetting: see :func:`first_minus_last`.

    Args:
        matrix: R, (T, T), fractions in [0, 1].

    Returns:
        A fraction in [-1, 1]; NaN where T is 1. Negative where old experiences got better at the end.

    Raises:
        UsageError: the matrix is not square.

    Source:
        Chaudhry et al., Riemannian Walk for Incremental Learning, ECCV 2018.
    """
    size = _size(matrix)
    return _mean(max(_column(matrix, j, range(size - 1)), default=math.nan) - matrix[-1][j] for j in range(size - 1))


def first_minus_last(matrix: Matrix) -> float:
    """What Avalanche calls forgetting, minus backward transfer: ``mean_{j<T-1} (R[j, j] - R[T-1, j])``.

    Args:
        matrix: R, (T, T), fractions in [0, 1].

    Returns:
        A fraction in [-1, 1]; NaN where T is 1. Never more than :func:`forgetting`.

    Raises:
        UsageError: the matrix is not square.

    Source:
        ``StreamForgetting`` of Avalanche 0.6.
    """
    size = _size(matrix)
    return _mean(matrix[j][j] - matrix[-1][j] for j in range(size - 1))


def backward_transfer(matrix: Matrix) -> float:
    """What later experiences did to earlier ones: ``mean_{j<T-1} (R[T-1, j] - R[j, j])``.

    Args:
        matrix: R, (T, T), fractions in [0, 1].

    Returns:
        A fraction in [-1, 1]; NaN where T is 1. Negative where the learner forgot.

    Raises:
        UsageError: the matrix is not square.

    Source:
        BWT of Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017.
    """
    size = _size(matrix)
    return _mean(matrix[-1][j] - matrix[j][j] for j in range(size - 1))


def forward_transfer(matrix: Matrix, initial: Sequence[float]) -> float:
    """What earlier experiences did for the next: ``mean_{j>=1} (R[j-1, j] - b[j])``.

    Args:
        matrix: R, (T, T), fractions in [0, 1].
        initial: b, (T,), the accuracies of the untrained model; empty where they were not measured.

    Returns:
        A fraction in [-1, 1]; NaN where T is 1 or b is empty.

    Raises:
        UsageError: the matrix is not square, or b has another length.

    Source:
        FWT of Lopez-Paz and Ranzato, Gradient Episodic Memory for Continual Learning, NeurIPS 2017.
    """
    size = _size(matrix)
    if not initial:
        return math.nan
    if len(initial) != size:
        raise UsageError(f"{len(initial)} initial accuracies do not fit {size} experiences; give one an experience.")
    return _mean(matrix[j - 1][j] - initial[j] for j in range(1, size))


def min_accuracy(matrix: Matrix) -> float:
    """Min-ACC, the worst moment of each experience after its own: ``mean_{j<T-1} min_{i>j} R[i, j]``.

    R holds one row an experience, so a drop that recovers within an experience is not in it.

    Args:
        matrix: R, (T, T), fractions in [0, 1].

    Returns:
        A fraction in [0, 1]; NaN where T is 1.

    Raises:
        UsageError: the matrix is not square.

    Source:
        De Lange, van de Ven and Tuytelaars, Continual evaluation for lifelong learning: Identifying the
        stability gap, ICLR 2023.
    """
    size = _size(matrix)
    return _mean(min(_column(matrix, j, range(j + 1, size)), default=math.nan) for j in range(size - 1))


def worst_case_accuracy(matrix: Matrix) -> float:
    """WC-ACC, the newest and the worst moments of the others: ``R[T-1, T-1] / T + (1 - 1/T) Min-ACC``.

    Args:
        matrix: R, (T, T), fractions in [0, 1].

    Returns:
        A fraction in [0, 1]; ``R[0, 0]`` where T is 1.

    Raises:
        UsageError: the matrix is not square.

    Source:
        De Lange, van de Ven and Tuytelaars, Continual evaluation for lifelong learning: Identifying the
        stability gap, ICLR 2023.
    """
    size = _size(matrix)
    if size < 2:
        return matrix[0][0] if size else math.nan
    return matrix[-1][-1] / size + (1 - 1 / size) * min_accuracy(matrix)


def windowed_forgetting(matrix: Matrix, window: int = 2) -> float:
    """The sharpest drop of each experience: ``mean_{j<T-1} max_{j<=m<n, n-m<window} (R[m, j] - R[n, j])``.

    Args:
        matrix: R, (T, T), fractions in [0, 1].
        window: successive evaluations that a drop may span, at least 2; 2 takes the steps from one experience
            to the next.

    Returns:
        A fraction in [-1, 1]; NaN where T is 1. Negative where accuracies only rise.

    Raises:
        UsageError: the matrix is not square, or the window is smaller than 2.

    Source:
        WF of De Lange, van de Ven and Tuytelaars, Continual evaluation for lifelong learning: Identifying the
        stability gap, ICLR 2023.
    """
    size = _size(matrix)
    if window < 2:
        raise UsageError(f"window={window} holds no drop; give at least 2 evaluations.")
    return _mean(_sharpest_drop(matrix, j, window) for j in range(size - 1))


def _sharpest_drop(matrix: Matrix, experience: int, window: int) -> float:
    """The largest drop on one experience within a window; NaN where no two rows of one were measured."""
    size = len(matrix)
    drops = [
        matrix[m][experience] - matrix[n][experience]
        for m in range(experience, size)
        for n in range(m + 1, min(m + window, size))
    ]
    return max((drop for drop in drops if not math.isnan(drop)), default=math.nan)


def intransigence(matrix: Matrix, joint: Matrix) -> float:
    """How much worse each experience is learned than by joint training: ``mean_i (R_joint[i, i] - R[i, i])``.

    Args:
        matrix: R of the learner, (T, T), fractions in [0, 1].
        joint: R of a learner that trained on all data so far, on the same stream, (T, T).

    Returns:
        A fraction in [-1, 1]; negative where the learner beats joint training.

    Raises:
        UsageError: a matrix is not square, or they differ in size.

    Source:
        Chaudhry et al., Riemannian Walk for Incremental Learning, ECCV 2018.
    """
    size, joint_size = _size(matrix), _size(joint)
    if size != joint_size:
        raise UsageError(f"{size} experiences do not fit joint training on {joint_size}; take runs of one stream.")
    return _mean(joint[i][i] - matrix[i][i] for i in range(size))
