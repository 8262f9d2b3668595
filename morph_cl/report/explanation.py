"""What MORPH tells of its predictions, as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.console import Group as Stack
from rich.table import Table
from rich.text import Text

from morph_cl.report.adaptive_table import AdaptiveTable, Heading
from morph_cl.report.ascii import EncodingSafe
from morph_cl.report.expert_cells import experience_name, expert_shares, kin, owned_experiences, owned_numbers
from morph_cl.report.formats import number_ranges, one_line, percent
from morph_cl.report.picture import Picture
from morph_cl.results.explanation import (
    ClassExplanation,
    ExperienceShares,
    ExpertSummary,
    Explanation,
    ImageExplanation,
    OverviewExplanation,
    Relation,
)

_TOP_CLASSES = 5
_RELATIONS = 10
_SIDE_BY_SIDE = 72  # columns from which the facts stand beside the picture


def explanation_report(explanation: Explanation, *, ascii_only: bool = False) -> RenderableType:
    """An explanation of one image, of one class, or of all experts.

    Args:
        explanation: what was explained.
        ascii_only: whether to draw in plain ASCII whatever the terminal knows.

    Returns:
        A renderable for any console from 24 columns on.
    """
    parts: list[RenderableType] = []
    if isinstance(explanation, ImageExplanation):
        parts = _image(explanation)
    elif isinstance(explanation, ClassExplanation):
        parts = _class(explanation)
    elif isinstance(explanation, OverviewExplanation):
        parts = _overview(explanation)
    where = f"{explanation.run_id}: {explanation.scenario}, {explanation.dataset}, seed {explanation.seed}"
    spaced: list[RenderableType] = [Text(one_line(where), style="dim", overflow="fold")]
    for part in parts:
        spaced += [part, Text("")]
    return EncodingSafe(Stack(*spaced[:-1]), ascii_only=ascii_only)


# --- one image ---------------------------------------------------------------------------------------------------


class _Beside:
    """The facts beside the picture where there is room, else below it."""

    def __init__(self, picture: Picture, facts: RenderableType) -> None:
        self.picture, self.facts = picture, facts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width < _SIDE_BY_SIDE:
            yield from (self.picture, Text(""), self.facts)
            return
        grid = Table.grid(padding=(0, 3))
        grid.add_column(width=max(map(len, self.picture.rows)))
        grid.add_column()
        grid.add_row(self.picture, self.facts)
        yield grid


def _image(explanation: ImageExplanation) -> list[RenderableType]:
    name = experience_name(explanation, explanation.experience)
    right = "right" if explanation.true_label == explanation.predicted else "wrong"
    facts = Stack(
        Text(f"Image {explanation.index} of experience {name}", style="bold"),
        Text.assemble(
            f"predicted {explanation.predicted} with ",
            (f"{percent(explanation.probabilities[explanation.predicted])} %", "bold"),
            f"; labelled {explanation.true_label}: {right}",
        ),
        Text("(the label is told here and never to the model)", style="dim"),
        Text(""),
        _class_table(explanation),
    )
    return [_Beside(Picture(explanation.picture), facts), _answers_table(explanation), _concepts_table(explanation)]


def _class_table(explanation: ImageExplanation) -> RenderableType:
    order = sorted(range(len(explanation.probabilities)), key=lambda label: -explanation.probabilities[label])
    shared = explanation.shared
    headings = [Heading("class"), *(Heading(name, right=True) for name in ("final %", "routed %", "shared %"))]
    rows = [
        [
            Text(str(label), style="bold"),
            *(
                Text("" if said is None else percent(said[label]))
                for said in (explanation.probabilities, explanation.routed, shared)
            ),
        ]
        for label in order[:_TOP_CLASSES]
    ]
    return AdaptiveTable(headings if shared else headings[:-1], rows if shared else [row[:-1] for row in rows])


def _answers_table(explanation: ImageExplanation) -> RenderableType:
    headings = [
        Heading("expert"),
        Heading("share\n%", right=True),
        Heading("gate\n%", right=True),
        Heading("says"),
        Heading("owns classes"),
        Heading("of experiences"),
        Heading("kin", share=1),
    ]
    rows = []
    for answer in explanation.experts:
        best = max(range(len(answer.probabilities)), key=answer.probabilities.__getitem__)
        rows.append(
            [
                Text(str(answer.profile.number), style="bold"),
                Text(percent(answer.share)),
                Text(percent(answer.gate)),
                Text(f"{best} ({percent(answer.probabilities[best])} %)"),
                Text(number_ranges(answer.profile.samples_by_class)),
                Text(owned_experiences(explanation, answer.profile)),
                Text(kin(answer.profile)),
            ]
        )
    return AdaptiveTable(headings, rows, title="Experts that answered")


def _concepts_table(explanation: ImageExplanation) -> RenderableType:
    if not explanation.concepts:
        return Text("No concepts were learned: nothing but the gate decides who answers.", style="dim")
    headings = [
        Heading("concept"),
        Heading("log-\ndensity", right=True),
        Heading("posterior\n%", right=True),
    ]
    rows = [
        [
            Text(f"expert {fit.expert}, class {fit.label}"),
            Text(f"{fit.log_density:.1f}"),
            Text(percent(fit.posterior)),
        ]
        for fit in explanation.concepts
    ]
    return AdaptiveTable(headings, rows, title="Nearest concepts")


# --- one class ---------------------------------------------------------------------------------------------------


def _class(explanation: ClassExplanation) -> list[RenderableType]:
    images = sum(part.images for part in explanation.experiences)
    concepts = AdaptiveTable(
        [Heading("nearest concept"), Heading("images\n%", right=True), Heading("mean\nlog-density", right=True)],
        [
            [
                Text(f"expert {use.expert}, class {use.label}"),
                Text(percent(use.images)),
                Text(f"{use.log_density:.1f}"),
            ]
            for use in explanation.concepts
        ],
        title="Concepts nearest to its images",
    )
    experts = AdaptiveTable(
        [
            Heading("expert"),
            Heading("own samples\nof the class", right=True),
            Heading("of experiences"),
            Heading("kin", share=1),
        ],
        [
            [
                Text(str(profile.number), style="bold"),
                Text(str(profile.samples_by_class.get(explanation.label, 0))),
                Text(owned_experiences(explanation, profile)),
                Text(kin(profile)),
            ]
            for profile in explanation.experts
        ],
        title="Experts that answer for it",
    )
    title = f"Class {explanation.label}: {images:,} test images"
    return [_experiences_table(explanation, explanation.experiences, title), concepts, experts]


# --- all experts -------------------------------------------------------------------------------------------------


def _overview(explanation: OverviewExplanation) -> list[RenderableType]:
    headings = [
        Heading("expert"),
        Heading("born\nin"),
        Heading("parent"),
        Heading("samples", right=True),
        Heading("classes"),
        Heading("exper-\niences"),
        Heading("leads\n%", right=True),
        Heading("accu-\nracy %", right=True),
        Heading("spread:\nexper.", right=True),
        Heading("spread:\nclasses", right=True),
    ]
    rows = [_expert_row(expert) for expert in explanation.experts]
    note = (
        "samples, classes, experiences: what its concepts hold; leads: test images of which it has the greatest share; "
        "accuracy: of the predictions for those; spread: normalised entropy of its shares over experiences and over "
        "predicted classes: 0 answers for one only, 1 for all alike."
    )
    tables: list[RenderableType] = [
        Stack(AdaptiveTable(headings, rows, title="Experts"), *_later_events(explanation), Text(note, style="dim")),
        _experiences_table(explanation, explanation.experiences, "Who answers"),
    ]
    return [*tables, _relations_table(explanation.relations)]


def _expert_row(expert: ExpertSummary) -> list[Text]:
    profile = expert.profile
    return [
        Text(str(profile.number), style="bold"),
        Text(str(profile.born + 1)),
        Text("-" if profile.parent is None else str(profile.parent)),
        Text(f"{sum(profile.samples_by_class.values()):,}"),
        Text(number_ranges(profile.samples_by_class)),
        Text(owned_numbers(profile)),
        Text(percent(expert.led)),
        Text(percent(expert.accuracy)),
        *(
            Text("-" if spread != spread else f"{spread:.2f}")
            for spread in (expert.spread_over_experiences, expert.spread_over_classes)
        ),
    ]


def _later_events(explanation: OverviewExplanation) -> list[Text]:
    """A line for each expert that was trained again or merged after its birth."""
    lines = []
    for expert in explanation.experts:
        events = [event for event in expert.profile.events if event.kind not in ("growth", "split")]
        later = [f"{event.kind} in {event.experience + 1}" for event in events]
        if later:
            lines.append(Text(one_line(f"expert {expert.profile.number}: {', '.join(later)}")))
    return lines


def _relations_table(relations: Sequence[Relation]) -> RenderableType:
    if not relations:
        return Text("The knowledge graph relates no two experts.", style="dim")
    headings = [Heading("experts"), Heading("relation"), Heading("strength", right=True)]
    rows = [
        [
            Text(f"{relation.experts[0]} - {relation.experts[1]}"),
            Text(one_line(relation.kind)),
            Text(f"{relation.weight:.2f}"),
        ]
        for relation in relations[:_RELATIONS]
    ]
    return AdaptiveTable(headings, rows, title="Strongest relations")


# --- parts -------------------------------------------------------------------------------------------------------


def _experiences_table(explanation: Explanation, parts: Sequence[ExperienceShares], title: str) -> RenderableType:
    headings = [
        Heading("experience"),
        Heading("images", right=True),
        Heading("accuracy\n%", right=True),
        Heading("share of each expert, %", share=1),
    ]
    rows = [
        [
            Text(experience_name(explanation, part.experience)),
            Text(f"{part.images:,}"),
            Text(percent(part.accuracy)),
            Text(expert_shares(part.shares)),
        ]
        for part in parts
    ]
    return AdaptiveTable(headings, rows, title=title)
