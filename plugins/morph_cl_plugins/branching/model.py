"""A parent and the tree of branches that grew on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from morph_cl_plugins.branching.branch import Branch
from morph_cl_plugins.branching.density import ClassDensities
from morph_cl_plugins.branching.expert import Expert
from morph_cl_plugins.branching.options import BranchingOptions
from morph_cl_plugins.branching.parent import build_parent
from morph_cl_plugins.branching.routing import Decision, decide

DENSITY_LAYER = 1
"""Hidden layer of the parent whose features the densities are of: the first one knows least of the parent's task."""


class BranchedModel(nn.Module):
    """Experts by number: 0 is the parent, n the n-th branch.

    Args:
        input_shape: (C, H, W).
        classes: number of classes.
        options: validated options.
        beside_parent: whether branches grow from the parent's own training data; else each part of a stream has its
            own expert, and the parent is that of the first.
    """

    trained: Tensor

    def __init__(
        self, input_shape: tuple[int, int, int], classes: int, options: BranchingOptions, *, beside_parent: bool
    ) -> None:
        super().__init__()
        self.class_count = classes
        self.options = options
        self.beside_parent = beside_parent
        self.routing = options.routing
        if self.routing == "auto":
            self.routing = "parent" if beside_parent else "density"
        self.parent = build_parent(input_shape, classes, options)
        self.branches = nn.ModuleList()
        self.densities = ClassDensities(self.parent.widths[DENSITY_LAYER - 1])
        self.register_buffer("trained", torch.zeros(classes, dtype=torch.bool))

    # --- the tree --------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return 1 + len(self.branches)

    def branch(self, number: int) -> Branch:
        """The n-th branch, counted from 1."""
        branch = self.branches[number - 1]
        assert isinstance(branch, Branch)
        return branch

    def expert(self, number: int) -> Expert:
        """The parent for 0, else a branch."""
        return self.branch(number) if number else self.parent

    def layer(self, number: int) -> int:
        """The hidden layer of an expert that branches hang on."""
        if number:
            return self.options.nested_layer
        # The last layers know only what the parent's task needs; later parts of a stream need something else.
        return self.options.layer or (min(2, len(self.options.hidden)) if self.beside_parent else 1)

    def branches_on(self, number: int) -> list[int]:
        """The branches that hang on an expert."""
        return [child for child in range(1, len(self)) if self.branch(child).host == number]

    def grow(self, classes: Sequence[int], host: int, experience: int) -> int:
        """Add a branch.

        Args:
            classes: its classes.
            host: the expert that it hangs on.
            experience: index of the experience in training.

        Returns:
            Its number.
        """
        fan_in = self.expert(host).widths[self.layer(host) - 1]
        branch = Branch(fan_in, classes, host, experience, self.options)
        branch.to(self.parent.classes.device).train(self.training)
        self.branches.append(branch)
        return len(self.branches)

    # --- answers ---------------------------------------------------------------------------------------------------

    def features(self, x: Tensor, number: int) -> Tensor:
        """What branches on an expert see.

        Args:
            x: (B, C, H, W) images.
            number: the expert.

        Returns:
            (B, width) activations of its hidden layer.
        """
        if not number:
            return self.parent.vector(self.parent.hidden(x, self.layer(0)))
        branch = self.branch(number)
        return branch.hidden(self.features(x, branch.host), self.options.nested_layer)

    def logits(self, x: Tensor, number: int) -> Tensor:
        """Logits (B, n) of one expert for its own classes."""
        expert = self.expert(number)
        logits: Tensor = expert(self.features(x, self.branch(number).host) if number else x)
        return logits

    def decide(self, x: Tensor, allowed: Tensor | None = None) -> Decision:
        """Who answers what, and how surely. No label reaches this.

        Args:
            x: (B, C, H, W) images.
            allowed: (B, classes) bool, the classes that may be answered; None allows all.

        Returns:
            The decision.
        """
        return decide(self, x, allowed)

    def forward(self, x: Tensor, allowed: Tensor | None = None) -> Tensor:
        """Logarithms (B, classes) of calibrated probabilities, of who answers."""
        return self.decide(x, allowed).log_probs

    def density_features(self, x: Tensor) -> Tensor:
        """The features (B, width) that densities are of."""
        return self.parent.vector(self.parent.hidden(x, DENSITY_LAYER))

    # --- who was trained for what ----------------------------------------------------------------------------------

    def specialist(self, label: int, experience: int) -> int:
        """The expert that training meant for a class of an experience: the deepest branch with it, else the parent."""
        own = [
            number
            for number in range(1, len(self))
            if (self.beside_parent or self.branch(number).experience == experience)
            and label in self.branch(number).classes.tolist()
        ]
        return max(own, default=0)  # branches of branches come after what they hang on

    def assigned(self) -> Tensor:
        """The one expert that was trained for each class.

        Returns:
            (classes,) int64, -1 for classes of which no expert, or more than one, was trained.
        """
        column = torch.full((self.class_count,), -1)
        experiences = sorted({self.branch(number).experience for number in range(1, len(self))})
        for label in range(self.class_count):
            owners = {self.specialist(label, experience) for experience in experiences} - {0}
            if bool(self.trained[label]) and (not self.beside_parent or not owners):
                owners.add(0)
            if len(owners) == 1:
                column[label] = owners.pop()
        return column

    # --- state -----------------------------------------------------------------------------------------------------

    def structure(self) -> dict[str, Any]:
        """The tree and what is frozen, as plain data."""
        return {
            "parent_frozen": self.parent.frozen,
            "branches": [
                {"classes": branch.classes.tolist(), "host": branch.host, "experience": branch.experience}
                for branch in map(self.branch, range(1, len(self)))
            ],
        }

    def take_structure(self, structure: dict[str, Any]) -> None:
        """Grow the tree that :meth:`structure` told; weights are loaded after that.

        Args:
            structure: of a model with the same options, between two experiences: its branches are frozen.
        """
        self.branches = nn.ModuleList()
        with torch.random.fork_rng(devices=[]):  # fresh weights are drawn only to be overwritten
            for node in structure["branches"]:
                number = self.grow(node["classes"], int(node["host"]), int(node["experience"]))
                self.branch(number).freeze()
        if structure["parent_frozen"]:
            self.parent.freeze()
