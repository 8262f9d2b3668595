"""What MORPH tells of its predictions: plain data for reports and files.

Experts have the numbers of events and graph, experiences and images are counted from 0, classes are labels. Shares,
probabilities and accuracies are fractions in [0, 1]; what does not exist is NaN in memory and ``null`` in JSON.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from morph_cl.results.figure import Figure
from morph_cl.results.record import Event

SCHEMA = "morph-cl/explanation/1"
"""Name and version of the layout of an explanation."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Relation(_Part):
    """What relates two experts in the knowledge graph.

    Args:
        experts: their numbers.
        kind: the relation, such as ``similarity``.
        weight: its strength in [0, 1].
    """

    experts: tuple[int, int]
    kind: str
    weight: float


class ExpertProfile(_Part):
    """One expert: where it comes from and what it has learned.

    Args:
        number: its number.
        parent: the expert that it was cloned from, None for fresh weights.
        born: the experience in which it was added.
        events: growth, reuse and merges that name it.
        samples_by_class: training samples that its concepts hold, by class.
        samples_by_experience: samples of the experiences that it learned, held-out ones too; None if none were told
        relations: its kin in the knowledge graph, the strongest first.
    """

    number: int
    parent: int | None
    born: int
    events: list[Event] = Field(default_factory=list)
    samples_by_class: dict[int, int]
    samples_by_experience: dict[int, int] | None
    relations: list[Relation]


class ConceptFit(_Part):
    """How well what an expert knows of a class explains one image.

    Args:
        expert: the expert's number.
        label: the class.
        log_density: logarithm of the concept's density at the image, in nats.
        posterior: its share of the densities of all concepts, each given the same weight.
    """

    expert: int
    label: int
    log_density: float
    posterior: float


class ExpertAnswer(_Part):
    """What one routed expert said.

    Args:
        profile: the expert.
        share: its share of the routed answer.
        gate: what the learned gate gives it; NaN without a gate.
        probabilities: its own probability of each class.
    """

    profile: ExpertProfile
    share: float
    gate: Figure
    probabilities: list[float]


class ConceptUse(_Part):
    """A concept that lies nearest to some of a class's images.

    Args:
        expert: the expert's number.
        label: the class that the concept is of.
        images: share of the images to which it is the nearest.
        log_density: its mean logarithm of the density at those, in nats.
    """

    expert: int
    label: int
    images: float
    log_density: float


class ExperienceShares(_Part):
    """Who answers for test images of one experience.

    Args:
        experience: its index.
        images: how many there are.
        accuracy: of the predictions.
        shares: mean share of the routed answer by expert.
    """

    experience: int
    images: int
    accuracy: Figure
    shares: dict[int, float]


class ExpertSummary(_Part):
    """One expert and what it does on the test images of all experiences.

    Args:
        profile: the expert.
        share: its mean share of the routed answers.
        led: share of the images for which no other expert has a greater share.
        accuracy: of the predictions for those.
        spread_over_experiences: normalised entropy of its shares over experiences: 0 answers for one, 1 for all alike.
        spread_over_classes: the same over predicted classes.
    """

    profile: ExpertProfile
    share: float
    led: float
    accuracy: Figure
    spread_over_experiences: Figure
    spread_over_classes: Figure


class Explanation(_Part):
    """What all explanations say of the run.

    Args:
        schema_: name and version of this layout; ``schema`` in JSON.
        run_id: the run's id.
        scenario: the scenario's name.
        dataset: the data set's name.
        seed: the seed.
        experience_labels: a label for each experience, in order.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True, serialize_by_alias=True)

    schema_: str = Field(SCHEMA, alias="schema")
    run_id: str
    scenario: str
    dataset: str
    seed: int
    experience_labels: list[str]

    def to_json(self) -> str:
        """The explanation as JSON text, NaN as ``null``."""
        return self.model_dump_json(by_alias=True, indent=2)


class ImageExplanation(Explanation):
    """Why one test image got its prediction.

    Args:
        experience: the experience whose test data it is of.
        index: where it stands there.
        true_label: its label, which no part of the model was given.
        predicted: the predicted class.
        probabilities: final probability of each class.
        routed: that of the routed experts together.
        shared: that of the shared expert; None without one.
        experts: the experts that answered, the greatest share first.
        concepts: the concepts nearest to it, the nearest first.
        picture: its rows of grey values in 0..255, channels averaged.
    """

    kind: Literal["image"] = "image"
    experience: int
    index: int
    true_label: int
    predicted: int
    probabilities: list[float]
    routed: list[float]
    shared: list[float] | None
    experts: list[ExpertAnswer]
    concepts: list[ConceptFit]
    picture: list[list[int]]


class ClassExplanation(Explanation):
    """Who answers for the test images of one class.

    Args:
        label: the class.
        experiences: the experiences that test it.
        concepts: the concepts nearest to its images, the most frequent first.
        experts: the experts that answer for it, the greatest share first.
    """

    kind: Literal["class"] = "class"
    label: int
    experiences: list[ExperienceShares]
    concepts: list[ConceptUse]
    experts: list[ExpertProfile]


class OverviewExplanation(Explanation):
    """All experts and who answers for what.

    Args:
        experts: every expert, oldest first.
        experiences: every experience.
        relations: what relates experts in the knowledge graph, the strongest first.
    """

    kind: Literal["overview"] = "overview"
    experts: list[ExpertSummary]
    experiences: list[ExperienceShares]
    relations: list[Relation]
