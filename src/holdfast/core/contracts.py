"""Every extension point: what a plug-in of each kind must have, what it is handed, and what it gives back.

A third party registers its own through the entry-point groups `holdfast.judges`, `holdfast.regimes`,
`holdfast.defences`, `holdfast.repairs`, …; they are found by the same look-up as the built-in ones (see `registry`).
Every attribute of a plug-in that is read anywhere is declared here, with its default: a plug-in that lacks one, since
it does not inherit from the class here, is given the default when it is made (`complete`).

`Any` stands for a model in memory, its tokenizer and its trainer, whose types would import torch and transformers:
`models.load.LoadedModel` and `training.trainer`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NotRequired, Protocol, TypedDict, TypeVar, runtime_checkable

from holdfast.core.batch import Batch
from holdfast.core.records import Condition, Finding, Prompt, Reply, Row, Verdict
from holdfast.core.worlds import REAL, World

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

P = TypeVar("P")


@runtime_checkable
class Judge(Protocol):
    """Reads replies and scores them 1 (harmless) to 5 (fully does what was asked); see Qi et al. for the rubric.

    It is given the answer in a reply's `text`, and in a second call what was thought before it; replies that are no
    whole answers it is not given. A judge that only tells harmful from harmless gives no score and the label `safe` or
    `unsafe`; a verdict with neither is unscored. Whether a reply declines is told by the judge `refusal` (or the
    oracle), and read from no other's labels.

    Its factory's parameters are its options, as for every plug-in; one that takes a single parameter `options` is given
    a `judging.judge.JudgeOptions` instead, as judges were before. `facts` says what decides its verdicts beside its
    name (a model's fingerprint, a threshold): verdicts are cached by it, and a measured error is taken only for the
    same. None stands for the options that it was made with. `own_words` are the labels whose why is in its own fixed
    words and quotes nothing of a reply; the why of any other label is masked together with the reply, see
    `judging.redaction`.
    """

    name: str
    facts: Mapping[str, Any] | None = None
    own_words: frozenset[str] = frozenset()

    def judge(self, prompts: Sequence[Prompt], replies: Sequence[Reply]) -> list[Verdict]:
        """One verdict per reply, in order; a reply that cannot be scored gets score None and says why."""
        ...


@dataclass(frozen=True)
class DefenceContext:
    """What a defence may draw on, known before training begins."""

    world: World = REAL
    safety_rows: Sequence[Row] = ()  # refusals that the user brings, or the world's own
    tokenizer: Any = None
    seed: int = 0

    @property
    def embedded(self) -> bool:
        """Whether the world brings rows of its own; for defences of other packages that ask so."""
        return self.world.embedded


class Defence:
    """The moments at which a defence may act on training; every one does nothing unless it is overridden.

    `spec` is the name with every option, which decides a trained model's fingerprint: two defences with the same spec
    do the same. `off` holds the options at which it does nothing, and `idle` says whether it has these. `needs` names
    the inputs that it cannot do without: "safety_rows". `refuses_lora` is the reason why it cannot work on an adapter,
    or empty. `test_system` is a system prompt that the tuned model must be served with, or None; `train_template` the
    name of the prompt that it is trained under, or None where the defence does not change that.
    """

    name = "none"
    paper = ""
    about = ""
    spec = "none"
    off: ClassVar[Mapping[str, Any]] = {}
    idle = False
    needs: frozenset[str] = frozenset()
    refuses_lora = ""
    test_system: str | None = None
    train_template: str | None = None
    notes: Sequence[str] = ()  # what the user should know after training

    def prepare(self, context: DefenceContext) -> None:
        """Before everything: check what is needed. Raises UsageError when an input is missing."""

    def rows(self, rows: list[Row]) -> list[Row]:
        """Before anything is tokenized: the training rows, perhaps with others among them."""
        return rows

    def begin(self, model: Module, trainer: Any) -> None:
        """When the model stands on its device and no step was taken."""

    def loss(
        self, loss: Tensor, model: Module, inputs: dict[str, Tensor], outputs: Any, num_items: Tensor | int | None
    ) -> Tensor:
        """At every micro-batch: the loss that is to be differentiated.

        `num_items` is what the trainer divides by (tokens over the whole accumulated batch), or None for a mean.
        """
        return loss

    def gradients(self, model: Module) -> None:
        """When the gradients of an optimiser step are complete and not yet used."""

    def end(self, model: Module) -> None:
        """When training is over."""


class Attack(Protocol):
    """One attack, as a regime plans it: see `attacking.attack.AttackPlan`."""

    @property
    def condition(self) -> Condition: ...

    @property
    def rows(self) -> list[Row]: ...

    @property
    def settings(self) -> Any: ...  # training.trainer.TrainSettings


@runtime_checkable
class Regime(Protocol):
    """A published way in which fine-tuning takes safety away; one file each, with its paper's settings."""

    name: str
    paper: str

    def plans(self, request: Any) -> Sequence[Attack]:
        """The attacks to run for an `attacking.attack.AttackRequest`, one for every setting."""
        ...


@dataclass(frozen=True)
class RepairInputs:
    """What a repair may draw on beside the tensors of the two models, known before the first of them.

    `base` and `tuned` are `models.load.LoadedModel`s, which a repair may run or train a copy of, and must leave as they
    are. `direction` maps a tensor's name to base minus unaligned base, float32; it is made in memory and never saved.
    """

    base: Any = None
    tuned: Any = None
    direction: Mapping[str, Tensor] = field(default_factory=dict)
    safety_rows: Sequence[Row] = ()
    task_rows: Sequence[Row] = ()
    strengths: Sequence[float] = ()  # those that will be asked for
    seed: int = 0


class Repair:
    """Gives a tuned model its base's safety back, by a strength that runs from the safest end to the tuned model.

    A repair works tensor by tensor on float32 tensors of torch, so that the same code serves a stream of shards and a
    model in memory. `strengths` is its grid, safest first; `neutral` is the strength that leaves the tuned model as it
    is, bit for bit: there `tensor` returns the very tensor that it got. `needs` names the inputs that it cannot do
    without: "direction", "models", "safety_rows", "task_rows". `linear` says that it
    interpolates between base and tuned model, so that a LoRA adapter can be scaled instead; `decoding`, that it works
    at decoding and has no weights: the space in which distributions are averaged. `spec` is the name with every option,
    which decides a repaired model's fingerprint.
    """

    name = "none"
    paper = ""
    about = ""
    spec = "none"
    needs: frozenset[str] = frozenset()
    strengths: Sequence[float] = ()
    neutral = 0.0
    linear = False
    decoding = ""
    notes: Sequence[str] = ()  # what the user should know afterwards

    def prepare(self, inputs: RepairInputs) -> None:
        """Once, before any tensor. Raises UsageError when an input is missing."""

    def tensor(self, name: str, base: Tensor, tuned: Tensor, strength: float) -> Tensor:
        """The repaired tensor, float32, of the same shape. The tensors that it gets are not to be written into."""
        raise NotImplementedError

    def check(self, strength: float) -> None:
        """Raises UsageError for a strength that cannot be."""

    def layers(self) -> Sequence[Mapping[str, Any]] | None:
        """What it found in each matrix, as records for the run, once `tensor` has seen all.

        None where there is nothing.
        """
        return None


@dataclass(frozen=True)
class ScanContext:
    """What a scanner may draw on beside the rows; `model` opens the model that will be tuned, or is None."""

    model: Any = None  # () -> models.load.LoadedModel
    anchors: Sequence[Row] = ()  # forbidden rows to compare with: the user's, or the guild's own on the guild
    safe_anchors: Sequence[Row] = ()


@dataclass(frozen=True)
class Noise:
    """How often a label fires on ordinary rows, as measured: so many alarms in so many rows, by the script `source`.

    `found` is the share of the rows that the label is for which it finds.
    """

    alarms: int
    rows: int
    source: str
    found: float = 1.0


# For a label whose alarms on ordinary rows nobody counted: a set must show more than a tenth of such rows to be told
# from noise.
UNMEASURED = Noise(5, 100, "not measured: taken")


class Scanner:
    """Reads rows before anyone trains on them, and says what it saw.

    `labels` gives each label's level: "error" (takes safety away, or private; right nine times in ten where one row in
    a hundred is such a row), "warning" (look at it), "note" (good to know). `false_alarm` says how often each label
    fires on ordinary rows, as measured, so that a summary can tell more than that from noise. `blind` says in a
    sentence what it cannot see.

    `scan` runs in any process, on any batch, in any order. What can only be seen over the whole dataset goes through
    `sketch` (in any process: small and picklable) and `gather` (in one process, in the order of the rows). A scanner
    that knows only after the last row which rows it means sets `revisits`, and is then given every batch again.
    """

    name = "none"
    about = ""
    labels: ClassVar[Mapping[str, str]] = {}
    false_alarm: ClassVar[Mapping[str, Noise]] = {}
    blind = ""
    needs_model = False
    spec = "none"

    def prepare(self, context: ScanContext) -> None:
        """Before everything: check what is needed. Raises UsageError when an input is missing."""

    def scan(self, batch: Batch) -> list[Finding]:
        """Findings, with the row's place in the batch."""
        return []

    def sketch(self, batch: Batch) -> Any:
        """What `gather` needs of a batch, or None."""
        return None

    def gather(self, sketch: Any, numbers: Sequence[int]) -> list[Finding]:
        """Take in a batch's sketch; findings on the rows of that batch, whose numbers in the dataset are given."""
        return []

    @property
    def revisits(self) -> bool:
        """After the last `gather`: whether every batch is to be seen once more."""
        return False

    def revisit(self, batch: Batch) -> list[Finding]:
        """The second look, in any process."""
        return []

    def redact(self, text: str) -> tuple[str, int]:
        """The text without what this scanner finds in it, and how many places were changed."""
        return text, 0

    def state(self) -> dict[str, Any]:
        """What was gathered so far, as arrays by name, for a killed run to find again."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""

    def not_seen(self) -> str:
        """After the last row: what this run did not look at, or nothing."""
        return ""


@dataclass(frozen=True)
class ProbeRequest:
    """What a probe may look at. `prompts` are forbidden questions; `bench_of` gives a bench for suites of its own.

    `tuned` and `base` are `models.load.LoadedModel`s; `base` is None where none is named.
    """

    tuned: Any
    base: Any
    prompts: Sequence[Prompt]
    bench_of: Callable[[Sequence[Any]], Any]
    tuning_rows: Sequence[Row] = ()
    seed: int = 0
    say: Callable[[str], None] = lambda text: None  # what it is doing now, for the progress line


class Figure(TypedDict):
    """A curve of a probe: each series a list of points `[x, y]` or `[x, y, low, high]`; share: whether y is a share."""

    x: str
    y: str
    series: Mapping[str, Sequence[Sequence[float]]]
    share: NotRequired[bool]


class ProbeResult(TypedDict):
    """What a probe found, as every output shows it.

    - `found`: whether it saw what plain questions do not show; then a gate closes. `sentence`: what came of it.
      `cannot_exclude`: what it could not see.
    - `columns` and `rows`: a table of texts, whose first column is what was tried.
    - `records`: `{kind: [record, …]}`, which go to KIND.jsonl in the run's folder and nowhere else.
    - `metrics`: `Metric.to_dict()`s, which become the run's, in a suite of the probe's name.
    """

    probe: str
    found: bool
    sentence: str
    cannot_exclude: str
    columns: list[str]
    rows: list[list[str]]
    curve: NotRequired[Figure]
    records: NotRequired[Mapping[str, Sequence[Mapping[str, Any]]]]
    metrics: NotRequired[Sequence[Mapping[str, Any]]]


@runtime_checkable
class Probe(Protocol):
    """Looks where a plain audit does not; made by a factory whose parameters are its options, as for defences.

    `needs_base`: it compares the checkpoint with its base. `needs_weights`: it reads weights, and is not let at an
    endpoint; False for one that only asks. `needs_rows`: it cannot look without the tuning rows, and is refused before
    a model is asked anything.
    """

    name: str
    needs_base: bool
    spec: str = "none"
    needs_weights: bool = True
    needs_rows: bool = False

    def run(self, request: ProbeRequest) -> ProbeResult:
        """Raises UsageError for what is missing. The result may have further keys, which the run keeps."""
        ...


# The contract of each kind that the registry knows.
CONTRACTS: dict[str, type] = {
    "judges": Judge,
    "regimes": Regime,
    "defences": Defence,
    "repairs": Repair,
    "scanners": Scanner,
    "probes": Probe,
}


def complete(plugin: P, contract: type) -> P:
    """The plug-in, with the contract's default for each attribute that it does not have itself."""
    for name, default in vars(contract).items():
        declared = not name.startswith("_") and not callable(default) and not isinstance(default, property)
        if declared and not hasattr(plugin, name):
            object.__setattr__(plugin, name, default)  # a frozen dataclass too
    return plugin
