"""The records of the drift detectors; neither torch nor river here."""

from __future__ import annotations

from collections.abc import Iterable

from morph_cl import DetectorSpec, hookimpl
from morph_cl_plugins.detectors import options as o

_RIVER = "morph_cl_plugins.detectors.river_detectors"
_SCALARS = ("loss", "error", "confidence", "density")
_BOUNDED = ("error", "confidence")  # Hoeffding's and McDiarmid's bounds hold for figures in [0, 1]


@hookimpl
def register_detectors() -> Iterable[DetectorSpec]:
    """Offer river's detectors, the two-sample test and the controls.

    Returns:
        Their records.
    """
    return [*_river(), *_own()]


def _river() -> Iterable[DetectorSpec]:
    yield DetectorSpec(
        name="adwin",
        build=f"{_RIVER}:build_adwin",
        summary="a window of adaptive length, cut where the means of its two parts differ (river)",
        source="Bifet & Gavalda, Learning from time-changing data with adaptive windowing, SDM 2007",
        params=o.AdwinOptions,
        watches=_SCALARS,
    )
    yield DetectorSpec(
        name="kswin",
        build=f"{_RIVER}:build_kswin",
        summary="a Kolmogorov-Smirnov test of the newest figures against older ones (river)",
        source="Raab, Heusinger & Schleif, Reactive Soft Prototype Computing for Concept Drift Streams, 2020",
        params=o.KswinOptions,
        watches=_SCALARS,
    )
    yield DetectorSpec(
        name="river-page-hinkley",
        build=f"{_RIVER}:build_page_hinkley",
        summary="the Page-Hinkley test with a sum that forgets (river)",
        source="E. S. Page, Continuous inspection schemes, Biometrika 41, 1954",
        params=o.RiverPageHinkleyOptions,
        watches=_SCALARS,
    )
    yield DetectorSpec(
        name="ddm",
        build=f"{_RIVER}:build_ddm",
        summary="an error rate some standard deviations above its least (river)",
        source="Gama et al., Learning with Drift Detection, SBIA 2004",
        params=o.DdmOptions,
        watches=("error",),
    )
    yield DetectorSpec(
        name="eddm",
        build=f"{_RIVER}:build_eddm",
        summary="errors that come closer together (river)",
        source="Baena-Garcia et al., Early Drift Detection Method, 2006",
        params=o.EddmOptions,
        watches=("error",),
    )
    yield DetectorSpec(
        name="hddm-a",
        build=f"{_RIVER}:build_hddm_a",
        summary="Hoeffding's bound on the rise of a mean (river)",
        source="Frias-Blanco et al., Online and Non-Parametric Drift Detection Methods, IEEE TKDE 27, 2015",
        params=o.HddmAOptions,
        watches=_BOUNDED,
    )
    yield DetectorSpec(
        name="hddm-w",
        build=f"{_RIVER}:build_hddm_w",
        summary="McDiarmid's bound on the rise of a fading mean (river)",
        source="Frias-Blanco et al., Online and Non-Parametric Drift Detection Methods, IEEE TKDE 27, 2015",
        params=o.HddmWOptions,
        watches=_BOUNDED,
    )
    yield DetectorSpec(
        name="fhddm",
        build=f"{_RIVER}:build_fhddm",
        summary="the accuracy of a window far below its best (river)",
        source="Pesaranghader & Viktor, Fast Hoeffding Drift Detection Method, ECML PKDD 2016",
        params=o.FhddmOptions,
        watches=("error",),
    )


def _own() -> Iterable[DetectorSpec]:
    yield DetectorSpec(
        name="two-sample",
        build="morph_cl_plugins.detectors.two_sample:TwoSample",
        summary="an exact test of the inputs' densities against a reference window; needs no labels",
        params=o.TwoSampleOptions,
        watches=("features",),
    )
    yield DetectorSpec(
        name="oracle",
        build="morph_cl_plugins.detectors.controls:Oracle",
        summary="control: it is told where the drifts are",
        params=o.OracleOptions,
        watches=("position",),
        told_drifts=True,
    )
    yield DetectorSpec(
        name="periodic",
        build="morph_cl_plugins.detectors.controls:Periodic",
        summary="control: an alarm every so many samples, whatever happens",
        params=o.PeriodicOptions,
        watches=("position",),
    )
