"""Options of MORPH and of its bundled experts; no torch here, so that `morph-cl show` stays quick."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from morph_cl.options import Options

Width = Annotated[int, Field(ge=1, le=65_536)]


class MlpExpertOptions(Options):
    """Fully connected layers with ReLU."""

    hidden: Annotated[tuple[Width, ...], Field(min_length=1)] | None = Field(
        None, description="width of each hidden layer. None takes two layers as wide as max_bytes allows, at most 256"
    )
    max_bytes: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="most bytes of the weights where hidden is not given; MORPH gives a fifteenth of its own max_bytes",
    )


class CnnExpertOptions(Options):
    """3x3 convolutions with ReLU, each followed by a 2x2 maximum, and a linear head over the mean."""

    channels: tuple[Width, ...] = Field((16, 32, 64), min_length=1, description="channels of each convolution")


class NoveltyOptions(Options):
    """So many batches above a threshold in a row; MORPH gives its own ``novelty`` and ``patience``."""

    threshold: Annotated[float, Field(ge=0, le=1_000)] = Field(0.1, description="a batch above it is novel")
    patience: Annotated[int, Field(ge=1, le=1_000)] = Field(3, description="novel batches in a row that make a drift")


class PageHinkleyOptions(Options):
    """The Page-Hinkley test; figures are novelties, in standard deviations."""

    delta: Annotated[float, Field(ge=0, le=1_000)] = Field(
        0.05, description="rise above the running mean that is tolerated"
    )
    threshold: Annotated[float, Field(gt=0, le=1_000_000)] = Field(
        3.0, description="sum of what exceeds that which makes a drift"
    )
    warmup: Annotated[int, Field(ge=1, le=1_000_000)] = Field(10, description="figures before the first drift")


class TransformerExpertOptions(Options):
    """Attention blocks over the patches of an image, and a linear head over the mean of the patches."""

    patch: Annotated[int, Field(ge=1, le=1_024)] = Field(
        4, description="height and width of a patch in pixels; divides those of the image"
    )
    width: Width = Field(64, description="numbers that describe a patch")
    heads: Annotated[int, Field(ge=1, le=256)] = Field(4, description="attention heads; divides width")
    depth: Annotated[int, Field(ge=1, le=64)] = Field(2, description="attention blocks")
    mlp_ratio: Annotated[float, Field(gt=0, le=16)] = Field(
        2.0, description="width of a block's hidden layer, as a multiple of width"
    )

    @model_validator(mode="after")
    def _heads_divide_width(self) -> TransformerExpertOptions:
        if self.width % self.heads:
            allowed = ", ".join(str(heads) for heads in range(1, self.width + 1) if self.width % heads == 0)
            raise ValueError(f"heads={self.heads} does not divide width={self.width}; heads can be {allowed}")
        return self


class MorphOptions(Options):
    """MORPH. Sizes are in samples or bytes; thresholds in the units that their descriptions name."""

    # --- experts
    expert: str = Field("mlp", description="the registered expert that routed and shared experts are built from")
    shared: bool = Field(
        False, description="train one always-on expert on everything, with replay, beside the routed ones"
    )
    clone: Literal["closest", "newest", "scratch"] = Field(
        "closest",
        description="what a grown expert starts from: the expert with the nearest concepts, the newest, or nothing",
    )
    half: bool = Field(True, description="store frozen experts in half precision")
    bfloat16: bool = Field(
        True,
        description="multiply in bfloat16 where the processor does that itself: experts in training; experts, "
        "gate and densities in predictions. Results then differ a little from those on other processors",
    )
    lr: Annotated[float, Field(gt=0, le=1)] = Field(
        3e-3, description="Adam's learning rate for the routed expert in training"
    )
    shared_lr: Annotated[float, Field(gt=0, le=1)] = Field(
        1e-3, description="Adam's learning rate for the shared expert"
    )
    decay: bool = Field(True, description="let both learning rates fall over each experience (boundaries=aware only)")
    ema: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.999,
        description="decay of the averaged copy of the shared expert that evaluation uses; 0 evaluates the live one",
    )

    # --- replay memory
    memory: Annotated[int, Field(ge=10, le=10_000_000)] = Field(
        20_000, description="most samples kept; fewer where max_bytes leaves less room"
    )
    memory_bits: Literal[8, 4, 2] = Field(
        2, description="bits of a stored pixel; images beyond [0, 1] take 16 whatever this says"
    )
    holdout: Annotated[float, Field(ge=0, lt=0.5)] = Field(
        0.02,
        description="share of the stream kept from training, to judge novelty and what sleep does on",
    )
    replay: Annotated[int, Field(ge=0, le=65_536)] = Field(
        128, description="memory samples joined to each training step"
    )
    memory_policy: Literal["reservoir", "balanced"] = Field(
        "reservoir", description="reservoir: each sample has the same chance to be kept; balanced: each class its share"
    )
    priority: Literal["uniform", "loss", "age", "uncertainty", "specialisation", "mixed"] = Field(
        "uniform", description="what memory samples are drawn by; loss, age and uncertainty take bytes of each sample"
    )
    distil: Annotated[float, Field(ge=0, le=100)] = Field(
        0.5, description="weight of keeping the shared expert's stored logits (DER++); 0 keeps no logits"
    )

    # --- concepts, graph and gate
    dims: Annotated[int, Field(ge=1, le=1_024)] = Field(
        40, description="principal components that concept densities live in"
    )
    modes: Annotated[int, Field(ge=1, le=1_024)] = Field(
        24, description="most Gaussians in the density of one class within one expert"
    )
    split: Annotated[int, Field(ge=4, le=1_000_000)] = Field(
        64, description="samples that a Gaussian meets before it is cut in two"
    )
    window: Annotated[int, Field(ge=16, le=1_000_000)] = Field(
        2_048, description="samples that fix the principal components, and that the start of an experience is judged on"
    )
    shrink: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="share of the pooled covariance in each concept's covariance"
    )
    gate: bool = Field(True, description="use the learned gate in routing")
    gate_noise: Annotated[float, Field(ge=0, le=10)] = Field(
        0.0, description="standard deviation of the noise on the gate's logits while it learns; 0 adds none"
    )
    gate_balance: Annotated[float, Field(ge=0, le=10)] = Field(
        0.0, description="weight of using experts in proportion to the memory samples they own; 0 leaves it out"
    )
    gate_z: Annotated[float, Field(ge=0, le=10)] = Field(
        0.0, description="weight of keeping the gate's logits small (router z-loss); 0 leaves it out"
    )
    graph: bool = Field(True, description="use the knowledge graph's prior in routing")
    margin: Annotated[float, Field(ge=0, le=1_000_000)] = Field(
        8.0,
        description="nats of log-probability behind the likeliest, by one rough Gaussian a concept, within which an "
        "expert's densities are looked at closely",
    )
    closely: Annotated[int, Field(ge=1, le=4_096)] = Field(
        8, description="most experts whose densities are looked at closely for one input, the likeliest of them"
    )
    top_k: Annotated[int, Field(ge=1, le=64)] = Field(2, description="routed experts that run for one input")
    graph_decay: Annotated[float, Field(gt=0, le=1)] = Field(
        0.97, description="factor on every similarity and dependency in the graph at each sleep"
    )

    # --- growth
    boundaries: Literal["aware", "free"] = Field(
        "aware", description="aware: judge each experience at its start; free: watch every batch, ignore experiences"
    )
    novelty: Annotated[float, Field(ge=0, le=1_000)] = Field(
        0.1,
        description="growth threshold: fall of log-density beyond chance, in the closest expert's standard deviations",
    )
    surprise: Annotated[float, Field(ge=0, le=1_000)] = Field(
        4.0,
        description="growth threshold: rise of the closest expert's loss beyond chance above that on held-out data, in "
        "standard deviations; 0 looks at densities alone",
    )
    patience: Annotated[int, Field(ge=1, le=1_000)] | None = Field(
        None,
        description="novel batches in a row before growth. None takes 3, and 4 with boundaries=free: there a "
        "disturbance of two batches may touch three",
    )
    detector: str = Field(
        "novelty", description="the registered drift detector that watches novelty (boundaries=free only)"
    )
    cooldown: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        50, description="batches after a growth in which no other happens (boundaries=free only)"
    )
    effort: Annotated[int, Field(ge=0, le=1_000)] = Field(
        20,
        description="most training steps on recent and remembered samples after each batch: many for an expert just "
        "grown or wrong more often than it was, one in the end; 0 takes none (boundaries=free only)",
    )
    recent: Annotated[int, Field(ge=10, le=1_000_000)] = Field(
        1_000, description="latest samples of the expert in training that those steps are on (boundaries=free only)"
    )
    augment: Literal["none", "affine"] = Field(
        "none",
        description="affine turns, scales, shears and shifts the images of those steps a little (boundaries=free only)",
    )
    align: Literal["none", "affine"] = Field(
        "affine",
        description="affine: where an expert knows the samples of a new context once they are turned, what is grown "
        "starts from it and looks through that turn, which small affine steps keep up to date (boundaries=free only)",
    )
    expert_ema: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.99,
        description="decay of the average of the weights of the expert in training, which predicts in its place; 0 "
        "keeps none (boundaries=free only)",
    )
    follow: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        300,
        description="latest samples that a batch is compared with as well: slow change is followed, not grown for; 0 "
        "compares with whole concepts alone (boundaries=free only)",
    )
    max_experts: Annotated[int, Field(ge=1, le=4_096)] = Field(64, description="most routed experts")
    max_bytes: Annotated[int, Field(ge=1, le=10**12)] = Field(
        16_400_000, description="most bytes of weights, memory and statistics together, the optimizer's state left out"
    )

    # --- sleep
    sleep: bool = Field(True, description="sleep when an experience ends")
    sleep_share: Annotated[float, Field(ge=0.0, le=1.0)] = Field(
        0.05,
        description="sleep when an experience ends once what came since the last sleep is this share of all before, or "
        "an expert was added; 0 sleeps after every one (boundaries=aware only)",
    )
    sleep_every: Annotated[int, Field(ge=0, le=10_000_000)] = Field(
        0, description="sleep every so many training steps as well; 0 never does"
    )
    sleep_adaptive: bool = Field(
        False,
        description="let sleep_every be a start: sooner with more experts, twice as late after each sleep that changed "
        "nothing, at once as before after one that did or a growth",
    )
    sleep_least: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        10, description="fewest training steps from one adaptive sleep to the next"
    )
    sleep_most: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        10_000, description="most training steps from one adaptive sleep to the next"
    )
    sleep_steps: Annotated[int, Field(ge=0, le=100_000)] = Field(
        30,
        description="memory batches that the gate (with consolidate, the shared expert too) learns in a sleep",
    )
    consolidate: bool = Field(False, description="train the shared expert on memory in sleep, too")
    calibrate: bool = Field(
        True, description="fit the weights of densities, gate, routed and shared experts on held-out samples in sleep"
    )
    merge: bool = Field(True, description="merge near-identical experts in sleep")
    merge_agreement: Annotated[float, Field(gt=0, le=1)] = Field(
        0.98, description="least share of held-out samples on which two experts must agree before a merge is tried"
    )
    merge_by: Literal["average", "align", "distil"] = Field(
        "average",
        description="how two networks become one: their mean, their mean once hidden units are matched (networks of "
        "linear layers only, else the mean), or that mean trained to answer as both on memory samples",
    )
    prune: bool = Field(True, description="drop experts in sleep that nothing is routed to")
    prune_after: Annotated[int, Field(ge=1, le=10_000)] = Field(
        3, description="sleeps in a row without any held-out sample routed to it before an expert is dropped"
    )
    reorganise: bool = Field(False, description="split experts in sleep that own too much and answer it badly")
    overload: Annotated[float, Field(ge=1, le=4_096)] = Field(
        2.0,
        description="multiple of the fair share of held-out samples beyond which an expert may be split (reorganise)",
    )
    bound: Annotated[float, Field(ge=0, le=1)] = Field(
        0.002,
        description="most held-out accuracy that a change in sleep, or all of a sleep, may cost; what costs more is "
        "undone",
    )
    loss_bound: Annotated[float, Field(ge=0, le=100)] = Field(
        0.02,
        description="most that a change in sleep, or all of a sleep, may raise the mean loss on held-out samples, in "
        "nats; what raises it more is undone",
    )
    meta: bool = Field(
        False,
        description="adapt merge_agreement and novelty from sleep to sleep to what held-out samples say of merges and "
        "of experts opened again",
    )

    @property
    def novel_batches(self) -> int:
        """Novel batches in a row before growth."""
        return self.patience or (4 if self.boundaries == "free" else 3)

    @model_validator(mode="after")
    def _adaptive_sleep_has_a_start_within_bounds(self) -> MorphOptions:
        if self.sleep_adaptive and not self.sleep_every:
            raise ValueError(
                "sleep_adaptive=true with sleep_every=0 has no interval to adapt; give sleep_every, such as 200"
            )
        if self.sleep_least > self.sleep_most:
            raise ValueError(
                f"sleep_least={self.sleep_least} is above sleep_most={self.sleep_most}; give bounds in that order"
            )
        return self
