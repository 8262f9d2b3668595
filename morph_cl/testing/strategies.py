"""The contract of a strategy: it trains, evaluates blind to labels, repeats from its seed and resumes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from avalanche.training.templates.base_sgd import BaseSGDTemplate
from torch import Tensor, nn

from morph_cl.bridge.context import StrategyContext
from morph_cl.bridge.randomness import random_state, set_random_state
from morph_cl.bridge.reactions import ASKED
from morph_cl.bridge.state import encode_strategy, restore_strategy
from morph_cl.bridge.stream import Stream
from morph_cl.bridge.tree import load_tree, save_tree, walk_tensors
from morph_cl.catalog import Catalog, load_catalog
from morph_cl.experiment.profile import profile_options
from morph_cl.options import validate_options
from morph_cl.specs import Spec, StrategySpec
from morph_cl.testing.findings import Subject, find, own_randomness
from morph_cl.testing.inspection import check_inspection
from morph_cl.testing.samples import sample_stream

_SEED = 5


def check_strategy(
    record: Spec | str, options: Mapping[str, Any] | None = None, *, catalog: Catalog | None = None
) -> None:
    """Check a strategy on a small stream of three experiences, in each setting that its record names.

    Its profiles fit the experts that they name, and each of its ablations changes an option. It builds, passes on
    the plugins of its context, trains with finite losses, trains every parameter that it lists as trainable,
    predicts over all classes without looking at labels, is not changed by evaluation, tells of its experts in the
    shapes that reports read, repeats from its seed, and goes on from a checkpoint exactly as if it had never been
    stopped.

    Args:
        record: the record or its name.
        options: options other than the defaults, such as smaller sizes.
        catalog: where to look up its name and experts; None takes the installed plugins.

    Raises:
        CheckError: what is wrong.
    """
    spec = find("strategy", record, StrategySpec, catalog)
    _check_profiles(spec, catalog or load_catalog())
    _check_ablations(spec, options)
    for setting in spec.settings:
        trial = _Trial(spec, setting, options, catalog)
        with own_randomness(_SEED):
            trial.whole()
        with own_randomness(_SEED):
            trial.stopped()


def _check_profiles(spec: StrategySpec, catalog: Catalog) -> None:
    for profile in spec.profiles:
        Subject(spec).attempt("reading its profiles", profile_options, spec, profile, catalog)


def _check_ablations(spec: StrategySpec, options: Mapping[str, Any] | None) -> None:
    subject = Subject(spec)
    for name, (switched, _) in spec.ablations.items():
        others = {option: value for option, value in (options or {}).items() if option not in switched}
        subject.require(
            subject.options({**others, **switched}) != subject.options(others),
            f"ablation {name!r} changes none of its options; switch something off.",
        )


class _Watch(SupervisedPlugin):
    """Attached as a user's plugin would be; looks at every batch."""

    stateless = True  # for checkpoints: nothing of it belongs to the strategy's state

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.subject = subject
        self.outputs: list[Tensor] = []
        self.trained = 0

    def after_training_iteration(self, strategy: Any, **_: Any) -> None:
        self.trained += 1
        loss = torch.as_tensor(strategy.loss).detach()
        self.subject.require(torch.isfinite(loss).all(), f"the loss is {float(loss.sum())} in training.")

    def after_eval_iteration(self, strategy: Any, **_: Any) -> None:
        self.outputs.append(strategy.mb_output.detach().clone())


class _Trial:
    """One strategy in one setting."""

    def __init__(
        self, spec: StrategySpec, setting: str, options: Mapping[str, Any] | None, catalog: Catalog | None
    ) -> None:
        self.subject = Subject(spec, f"{setting} setting")
        self.offers = spec.offers
        self.setting = setting
        self.options = self.subject.options(options)
        self.catalog = catalog
        self.stream = sample_stream(setting)
        self.shuffled = sample_stream(setting, shuffle_test_labels=True)
        self.expected: list[Tensor] = []

    # --- the two runs ---

    def whole(self) -> None:
        """Train without a stop, checking on the way."""
        strategy, watch = self._build()
        self._evaluate(strategy, watch, "evaluating before any training")
        for number in range(len(self.stream)):
            self._train(strategy, watch, number)
            self._check_optimizer(strategy)
            self._check_evaluation(strategy, watch)
        self._check_inspection(strategy)
        self.expected = self._evaluate(strategy, watch)

    def stopped(self) -> None:
        """Train again from the seed, stop before the last experience, go on with a fresh instance."""
        subject, last = self.subject, len(self.stream) - 1
        strategy, watch = self._build()
        self._evaluate(strategy, watch)
        for number in range(last):
            self._train(strategy, watch, number)
            for stream in (self.stream, self.stream, self.shuffled):
                self._evaluate(strategy, watch, stream=stream)
        with tempfile.TemporaryDirectory() as folder:
            tree = {
                "strategy": subject.attempt("encoding its state", encode_strategy, strategy),
                "random": random_state(),
            }
            subject.attempt("saving its state", save_tree, tree, Path(folder))
            saved = load_tree(Path(folder))
        fresh, fresh_watch = self._build()
        subject.attempt("restoring its state", restore_strategy, fresh, saved["strategy"], self.stream)
        for doing, (learner, eyes) in {
            "repeated": (strategy, watch),
            "resumed": (fresh, fresh_watch),
        }.items():
            set_random_state(saved["random"])
            self._train(learner, eyes, last)
            same = _equal(self.expected, self._evaluate(learner, eyes))
            subject.require(same, _DIFFERENCES[doing])

    # --- steps ---

    def _build(self) -> tuple[Any, _Watch]:
        watch = _Watch(self.subject)
        context = StrategyContext(
            input_shape=self.stream.input_shape,
            classes=self.stream.classes,
            experiences=len(self.stream),
            setting=self.setting,
            epochs=1,
            batch_size=10,
            eval_batch_size=16,
            device="cpu",
            seed=_SEED,
            build_expert=self._build_expert,
            plugins=(watch,),
        )
        strategy = self.subject.attempt("build", self.subject.spec.resolve(), context, self.options)
        self.subject.require(
            isinstance(strategy, BaseSGDTemplate),
            f"build returned {type(strategy).__name__}; return an Avalanche SupervisedTemplate.",
        )
        self.subject.require(
            watch in strategy.plugins,
            "it does not attach the plugins of its context; pass **context.loop() to the Avalanche template.",
        )
        for action in self.offers:
            self.subject.require(
                callable(getattr(strategy, ASKED[action], None)),
                f"it offers {action!r} but has no method {ASKED[action]}(); define it or leave the offer out.",
            )
        return strategy, watch

    def _build_expert(self, name: str, options: Mapping[str, Any] | None) -> nn.Module:
        spec = (self.catalog or load_catalog()).experts.get(name).spec
        validated = validate_options(spec.params, options or {}, name)
        expert: nn.Module = spec.resolve()(self.stream.input_shape, self.stream.classes, validated)
        return expert

    def _train(self, strategy: Any, watch: _Watch, number: int) -> None:
        before = watch.trained
        experience = self.stream.benchmark.train_stream[number]
        self.subject.attempt(f"training on experience {number}", strategy.train, experience, eval_streams=[])
        self.subject.require(watch.trained > before, f"training on experience {number} made no training iteration.")

    def _evaluate(
        self, strategy: Any, watch: _Watch, doing: str = "evaluating", stream: Stream | None = None
    ) -> list[Tensor]:
        watch.outputs = []
        self.subject.attempt(doing, strategy.eval, (stream or self.stream).benchmark.test_stream)
        for output in watch.outputs:
            self.subject.require(
                output.ndim == 2 and output.shape[1] == self.stream.classes,
                f"outputs have shape {tuple(output.shape)}; return (batch, {self.stream.classes}).",
            )
            self.subject.require(torch.isfinite(output).all(), "outputs are not finite.")
        return watch.outputs

    # --- findings ---

    def _check_optimizer(self, strategy: Any) -> None:
        """Every parameter with a gradient must be one that the optimizer steps."""
        stepped = {id(p) for group in strategy.optimizer.param_groups for p in group["params"]}
        for name, parameter in strategy.model.named_parameters():
            self.subject.require(
                id(parameter) in stepped or parameter.grad is None or not parameter.requires_grad,
                f"parameter {name!r} gets gradients but is not in the optimizer; add it as the model grows.",
            )

    def _check_evaluation(self, strategy: Any, watch: _Watch) -> None:
        before = [value.clone() for _, value in walk_tensors(encode_strategy(strategy))]
        first = self._evaluate(strategy, watch)
        after = [value for _, value in walk_tensors(encode_strategy(strategy))]
        self.subject.require(_equal(before, after), "evaluation changed its state; learn in training only.")
        self.subject.require(
            _equal(first, self._evaluate(strategy, watch)),
            "two evaluations differ; draw no random numbers there.",
        )
        self.subject.require(
            _equal(first, self._evaluate(strategy, watch, stream=self.shuffled)),
            "outputs change when test labels are shuffled; it must not look at mb_y in evaluation.",
        )

    def _check_inspection(self, strategy: Any) -> None:
        """What it tells of its experts, which must leave it as it is."""
        before = [value.clone() for _, value in walk_tensors(encode_strategy(strategy))]
        check_inspection(self.subject, strategy, self.stream)
        after = [value for _, value in walk_tensors(encode_strategy(strategy))]
        self.subject.require(_equal(before, after), "telling of its experts changed its state; learn in training only.")


_DIFFERENCES = {
    "repeated": "two runs from one seed differ; draw only from the global generators or the context's seed.",
    "resumed": "a run that went on from a checkpoint differs from one never stopped; name all attributes "
    "that training changes in state_attributes, or write state_dict and load_state_dict.",
}


def _equal(first: list[Tensor], second: list[Tensor]) -> bool:
    return len(first) == len(second) and all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
