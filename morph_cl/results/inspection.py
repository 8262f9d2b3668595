"""What a finished run looks like from close by: plain data for reports and files.

Experiences and images are counted from 0, classes are labels, experts are columns in the order of their names. Weights
and accuracies are fractions in [0, 1]; what does not exist is NaN in memory and ``null`` in JSON.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from morph_cl.results.figure import Figure
from morph_cl.results.record import CurvePoint

SCHEMA = "morph-cl/inspection/1"
"""Name and version of the layout of an inspection."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ExpertUse(_Part):
    """What one expert does on the test images of all experiences.

    Args:
        name: what the strategy calls it.
        weight: its mean weight.
        led: share of the images of which it has the greatest weight.
        accuracy: of the predictions for those.
        label_entropy: normalised entropy of the labels of those: 0 one label only, 1 all labels alike.
    """

    name: str
    weight: Figure
    led: Figure
    accuracy: Figure
    label_entropy: Figure


class Agreement(_Part):
    """How well the leading expert and a grouping of the images agree.

    Args:
        groups: what the images are grouped by: ``label``, ``experience`` or ``assigned expert``.
        nmi: normalised mutual information.
        purity: share of images that are of the most frequent group of their expert.
    """

    groups: str
    nmi: Figure
    purity: Figure


class Usage(_Part):
    """Who answers for what; labels are counted here and reach no gate.

    Args:
        experts: every expert.
        by_experience: (experiences, experts) mean weights.
        by_label: (classes, experts) mean weights, NaN where no test image has the label.
        entropy: normalised entropy of the mean weights: 1 where all experts are used alike.
        agreement: with labels, with experiences and, where training assigns experts, with those.
        assigned_led: share of images whose assigned expert leads, of those that have one.
    """

    experts: list[ExpertUse]
    by_experience: list[list[Figure]]
    by_label: list[list[Figure]]
    entropy: Figure
    agreement: list[Agreement]
    assigned_led: Figure


class Mistake(_Part):
    """A wrong prediction.

    Args:
        experience: the experience whose test data the image is of.
        sample: where it stands there.
        label: what it is.
        predicted: what was predicted.
        confidence: probability of the predicted class.
        expert: the expert with the greatest weight; None of a monolith.
        picture: its rows of pixels, each of one grey value or three colours in 0..255.
    """

    experience: int
    sample: int
    label: int
    predicted: int
    confidence: Figure
    expert: str | None
    picture: list[list[list[int]]]


class Inspection(_Part):
    """A finished run, its final model asked about every test image.

    Args:
        schema_: name and version of this layout; ``schema`` in JSON.
        run_id: the run's id.
        scenario: the scenario's name.
        strategy: the strategy's name.
        dataset: the data set's name.
        seed: the seed.
        experience_labels: a label for each experience, in order.
        accuracy: of the final model, by experience.
        confusion: (classes, classes) counts of test images: a row for each label, a column for each prediction.
        mistakes: the wrong predictions of the greatest confidence, the most confident first.
        risk: the risk-coverage curve: shares of wrong answers among the 5, 10, ... 100 % most confident ones.
        aurc: the area under it, over all images.
        usage: who answers for what; None of a monolith.
        curve: training accuracy and expert weights as training went on.
        own_figures: what the strategy measured of itself at the end.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True, serialize_by_alias=True)

    schema_: str = Field(SCHEMA, alias="schema")
    run_id: str
    scenario: str
    strategy: str
    dataset: str
    seed: int
    experience_labels: list[str]
    accuracy: list[Figure]
    confusion: list[list[int]]
    mistakes: list[Mistake]
    risk: list[Figure]
    aurc: Figure
    usage: Usage | None
    curve: list[CurvePoint]
    own_figures: dict[str, Figure]

    def to_json(self) -> str:
        """The inspection as JSON text, NaN as ``null``."""
        return self.model_dump_json(by_alias=True, indent=2)
