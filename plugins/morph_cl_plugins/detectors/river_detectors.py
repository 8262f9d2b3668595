"""river's drift detectors, each told figures of which higher is worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from river import drift
from river.drift import binary

from morph_cl_plugins.detectors import options as o
from morph_cl_plugins.detectors.river_state import export_state, restored

# river types only some of its classes.
_ADWIN: Any = drift.ADWIN
_HDDMA: Any = binary.HDDMA
_HDDMW: Any = binary.HDDMW


class RiverDetector:
    """A detector of river's that is told a figure at a time.

    Args:
        make: makes river's object; a reset makes another one.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self.detector = make()

    @property
    def drift_detected(self) -> bool:
        """Whether the last figure made a drift."""
        return bool(self.detector.drift_detected)

    def update(self, value: float) -> None:
        """Take in one figure; after a drift the test begins anew.

        Args:
            value: the figure.
        """
        self.detector.update(float(value))

    def reset(self) -> None:
        """Forget every figure."""
        self.detector = self._make()

    def export(self) -> dict[str, Any]:
        """River's attributes."""
        state: dict[str, Any] = export_state(self.detector)
        return state

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over exported attributes.

        Args:
            state: what :meth:`export` returned.
        """
        self.detector = restored(self._make(), dict(state))


class RisingOnly(RiverDetector):
    """A two-sided detector of river's whose falls are no drifts: it goes on with the window that it has cut.

    Args:
        make: makes river's object.
        before: the mean of the older figures that river's object holds.
        after: the mean of what it holds after a drift.
    """

    def __init__(self, make: Callable[[], Any], before: Callable[[Any], float], after: Callable[[Any], float]) -> None:
        super().__init__(make)
        self._before, self._after = before, after

    def update(self, value: float) -> None:
        """Take in one figure.

        Args:
            value: the figure.
        """
        before = self._before(self.detector)
        super().update(value)
        if self.drift_detected and self._after(self.detector) <= before:
            self.detector._drift_detected = False


class BinaryDetector(RiverDetector):
    """A detector of errors.

    Args:
        make: makes river's object.
        error: what river's object calls an error: 1, or 0 where it wants 1 for a right answer.
    """

    def __init__(self, make: Callable[[], Any], error: int = 1) -> None:
        super().__init__(make)
        self._error = error

    def update(self, value: float) -> None:
        """Take in one answer.

        Args:
            value: 1 where it was wrong, 0 where it was right.

        Raises:
            ValueError: another value.
        """
        if value not in (0, 1):
            raise ValueError(f"{value!r} is neither 0 (right) nor 1 (wrong)")
        self.detector.update(self._error if value else 1 - self._error)


class BoundedDetector(RiverDetector):
    """A detector whose bound holds for figures in [0, 1]."""

    def update(self, value: float) -> None:
        """Take in one figure.

        Args:
            value: in [0, 1].

        Raises:
            ValueError: another value.
        """
        if not 0 <= value <= 1:
            raise ValueError(f"{value!r} is not in [0, 1]")
        super().update(value)


def _mean(window: Any) -> float:
    return sum(window) / len(window) if window else 0.0


def build_adwin(options: o.AdwinOptions) -> RiverDetector:
    """ADWIN.

    Args:
        options: its options.
    """
    settings = options.model_dump(exclude={"direction"})

    def make() -> Any:
        return _ADWIN(**settings)

    if options.direction == "both":
        return RiverDetector(make)
    return RisingOnly(make, before=lambda adwin: adwin.estimation, after=lambda adwin: adwin.estimation)


def build_kswin(options: o.KswinOptions) -> RiverDetector:
    """KSWIN.

    Args:
        options: its options.
    """
    settings = options.model_dump(exclude={"direction"})
    older = options.window_size - options.stat_size

    def make() -> Any:
        return drift.KSWIN(**settings)

    if options.direction == "both":
        return RiverDetector(make)
    return RisingOnly(
        make,
        before=lambda kswin: _mean(list(kswin.window)[:older]),
        after=lambda kswin: _mean(kswin.window),
    )


def build_page_hinkley(options: o.RiverPageHinkleyOptions) -> RiverDetector:
    """Page-Hinkley as river has it.

    Args:
        options: its options.
    """
    settings = options.model_dump(exclude={"direction"})
    return RiverDetector(lambda: drift.PageHinkley(mode=options.direction, **settings))


def build_ddm(options: o.DdmOptions) -> RiverDetector:
    """DDM.

    Args:
        options: its options.
    """
    return BinaryDetector(lambda: binary.DDM(**options.model_dump()))


def build_eddm(options: o.EddmOptions) -> RiverDetector:
    """EDDM.

    Args:
        options: its options.
    """
    # alpha is that of warnings, which nobody is told of; it may not be below beta.
    return BinaryDetector(lambda: binary.EDDM(alpha=1.0, **options.model_dump()))


def build_hddm_a(options: o.HddmAOptions) -> RiverDetector:
    """HDDM-A.

    Args:
        options: its options.
    """
    return BoundedDetector(lambda: _HDDMA(drift_confidence=options.drift_confidence))


def build_hddm_w(options: o.HddmWOptions) -> RiverDetector:
    """HDDM-W.

    Args:
        options: its options.
    """
    return BoundedDetector(lambda: _HDDMW(drift_confidence=options.drift_confidence, lambda_val=options.fading))


def build_fhddm(options: o.FhddmOptions) -> RiverDetector:
    """FHDDM, which river tells of right answers.

    Args:
        options: its options.
    """
    return BinaryDetector(
        lambda: binary.FHDDM(
            sliding_window_size=options.window_size,
            confidence_level=options.confidence,
            short_window_size=options.short_window_size,
        ),
        error=0,
    )
