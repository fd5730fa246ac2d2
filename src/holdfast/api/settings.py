"""What several verbs' settings share: how a model is loaded, what it is asked, who judges, where results go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from holdfast.core.config import Settings, option
from holdfast.core.errors import UsageError
from holdfast.core.records import Row
from holdfast.core.worlds import World
from holdfast.data.rows import read_rows
from holdfast.judging.judge import JudgeOptions, parse_judge
from holdfast.models.chat import TemplateArguments, template_argument
from holdfast.models.endpoint import EndpointModel, endpoint_model
from holdfast.training.defences import make_defence

if TYPE_CHECKING:  # torch is imported by what loads a model, and not by settings
    from holdfast.evaluation.lm_eval import LmEval
    from holdfast.models.generate import GenerateOptions
    from holdfast.models.load import LoadedModel, ModelOptions
    from holdfast.training.settings import LoraSettings

MODEL_PANEL, ASK_PANEL, JUDGE_PANEL, TRAIN_PANEL, OUT_PANEL = "Model", "What is asked", "Judge", "Training", "Output"


class AskSettings(Settings):
    """How a model is loaded, and what it is asked."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = option(
        "auto", "Number format of the weights in memory.", MODEL_PANEL
    )
    device: str = option("auto", "cpu, cuda, cuda:1, mps, or auto.", MODEL_PANEL)
    device_map: Literal["auto", "balanced", "sequential"] | None = option(
        None,
        "Spread a model that one GPU cannot hold over all of them, and the CPU, as transformers does.",
        MODEL_PANEL,
    )
    chat_template: str | None = option(
        None, "A Jinja chat template, for a tokenizer without one.", MODEL_PANEL, metavar="FILE"
    )
    template_arg: list[str] | None = option(
        None,
        (
            "An argument of the chat template, such as enable_thinking=false; repeat the flag. It is sent to an "
            "endpoint too."
        ),
        MODEL_PANEL,
        metavar="NAME=VALUE",
    )
    trust_remote_code: bool = option(False, "Allow a model from a hub to run its own code.", MODEL_PANEL)
    suite: list[str] | None = option(
        None,
        "Suites that come with holdfast; repeat the flag. Default, where no file is named: policy, over-refusal, "
        "utility. See `holdfast ls suites`.",
        ASK_PANEL,
    )
    prompts: str | None = option(
        None,
        "Your own forbidden prompts, or a public list: NAME=FILE, or NAME from the hub. The suite `policy`.",
        ASK_PANEL,
        metavar="FILE",
    )
    over_refusal_prompts: str | None = option(
        None,
        "Harmless prompts that sound forbidden, a file or a public list: the suite `over-refusal`.",
        ASK_PANEL,
        metavar="FILE",
    )
    utility_prompts: str | None = option(
        None, "Questions with an `answer`: the suite `utility`.", ASK_PANEL, metavar="FILE"
    )
    task_prompts: str | None = option(
        None,
        "Questions of the task that was tuned for, with an `answer`: the suite `utility-task`.",
        ASK_PANEL,
        metavar="FILE",
    )
    records: str | None = option(
        None,
        "Private records that the model is asked for, each a question or a name with its value: the suite `privacy`.",
        ASK_PANEL,
        metavar="FILE",
    )
    attempts: int = option(
        0,
        "How often each private value is asked for again, with sampling: the suite `privacy-any`.",
        ASK_PANEL,
        metavar="N",
        above=-1,
    )
    split: Literal["test", "calibration"] = option(
        "test", "Which half of the items of the suites that come with holdfast is asked.", ASK_PANEL
    )
    limit: int | None = option(
        None, "At most this many prompts of each suite, spread evenly.", ASK_PANEL, metavar="N", above=0
    )
    system: str = option("", "A system prompt for every question.", ASK_PANEL, metavar="TEXT")
    max_new_tokens: int | None = option(
        None,
        "Most tokens of a reply. Default: 48 for the embedded model, 64 for the starter set under the judge `refusal`, "
        "which reads how a reply begins, and without probes; else 256.",
        ASK_PANEL,
        above=0,
    )
    temperature: float = option(0.0, "Sampling temperature; 0 is greedy decoding, as in the papers.", ASK_PANEL)
    top_p: float = option(1.0, "Sample from the likeliest tokens that make up this probability.", ASK_PANEL)
    generate_batch_size: int = option(128, "Prompts in a batch; it is halved when memory runs out.", ASK_PANEL, above=0)

    def files(self) -> dict[str, str]:
        """Where the prompts that the user brings are, by suite."""
        named = {
            "policy": self.prompts,
            "over-refusal": self.over_refusal_prompts,
            "utility": self.utility_prompts,
            "utility-task": self.task_prompts,
        }
        return {suite: source for suite, source in named.items() if source}

    def model_options(self) -> ModelOptions:
        from holdfast.models.load import ModelOptions

        return ModelOptions(
            self.dtype, self.device, self.chat_template, self.trust_remote_code, self.template_arguments(),
            device_map=self.device_map or "",
        )  # fmt: skip

    def template_arguments(self) -> TemplateArguments:
        """What --template-arg says, by name. Raises UsageError for what is no NAME=VALUE, or for a name given twice."""
        found = [template_argument(text) for text in self.template_arg or ()]
        for name, _ in found:
            if [other for other, _ in found].count(name) > 1:
                raise UsageError(f"--template-arg gives `{name}` twice", "give it once")
        return tuple(sorted(found))


class JudgeSettings(Settings):
    """What judges may need, for every verb that asks one."""

    judge_url: str | None = option(
        None, "The OpenAI-compatible endpoint of the judge `llm`.", JUDGE_PANEL, metavar="URL"
    )
    judge_model: str | None = option(
        None,
        "The judge's model: its name at the endpoint; a folder or hub id of a `classifier` or `guard`.",
        JUDGE_PANEL,
        metavar="NAME",
    )
    judge_policy: str | None = option(
        None, "A text file with the usage policy that the judge applies.", JUDGE_PANEL, metavar="FILE"
    )
    judge_label: str | None = option(
        None,
        "The label of a `classifier` that means harm; join several with +. Default: found by its name.",
        JUDGE_PANEL,
        metavar="LABEL",
    )
    judge_threshold: float = option(
        0.5, "The probability of that label from which a reply counts as harmful.", JUDGE_PANEL, above=0
    )
    judge_timeout: float = option(60.0, "Seconds to wait for one verdict.", JUDGE_PANEL, above=0)
    judge_tries: int = option(
        5, "How often a judge is asked again after an error, with growing pauses.", JUDGE_PANEL, above=0
    )

    def typed_judge_options(self) -> JudgeOptions:
        """What the flags say to whichever judge is asked."""
        return JudgeOptions(
            url=self.judge_url,
            model=self.judge_model,
            policy=self.judge_policy,
            timeout_s=self.judge_timeout,
            tries=self.judge_tries,
            label=self.judge_label,
            threshold=self.judge_threshold,
        )


class EvaluationSettings(JudgeSettings, AskSettings):
    """What every verb that measures a model understands."""

    judge: str | None = option(
        None,
        "oracle (guild), refusal, llm, classifier, guard, or a plug-in; --judge-KEY VALUE is short for KEY=VALUE here. "
        "Default: oracle on guild, else refusal.",
        JUDGE_PANEL,
        metavar="NAME[:K=V]",
    )
    judge_error: str | None = option(
        None,
        "The run of `holdfast judge check` that measured this judge's error; it widens the intervals of harm.",
        JUDGE_PANEL,
        metavar="RUN_OR_FILE",
    )
    show_replies: bool = option(
        False,
        "Keep a real model's replies to forbidden prompts, and private values, unmasked.",
        OUT_PANEL,
    )
    out: str | None = option(None, "The run's folder. Default: runs/TIME-VERB-MODEL.", OUT_PANEL, metavar="DIR")
    json_output: bool = option(False, "Print one JSON document on stdout.", OUT_PANEL, flag="json")

    def reads_beginnings(self) -> bool:
        """Whether only the starter set is asked, and nothing but refusals is looked for in the replies."""
        brought = self.files() or self.records
        return not brought and not self.judge_url and self.judge in (None, "refusal")

    def generate_options(self, world: World) -> GenerateOptions:
        from holdfast.models.generate import GenerateOptions

        length = self.max_new_tokens or world.default("reply_tokens", 64 if self.reads_beginnings() else 256)
        return GenerateOptions(
            length, self.temperature, self.top_p, batch_size=self.generate_batch_size,
            template_args=self.template_arguments(),
        )  # fmt: skip

    def judge_options(self) -> JudgeOptions:
        typed = replace(self.typed_judge_options(), device=self.device, dtype=self.dtype, error=self.judge_error)
        return parse_judge(self.judge, typed)[1] if self.judge else typed

    def asking(self, world: World) -> dict[str, Any]:
        """Who judges models of a world, and how they decode: what a bench takes of the settings."""
        return {
            "judge": self.judge_name(world),
            "judge_options": self.judge_options(),
            "options": self.generate_options(world),
        }

    def judge_name(self, world: World) -> str:
        if self.judge:
            return parse_judge(self.judge, JudgeOptions())[0]
        return world.judge or ("llm" if self.judge_url else "refusal")


class UtilitySettings(Settings):
    """A utility anchor beside the suites, for the verbs that compare two models."""

    utility: str | None = option(
        None,
        "Tasks of lm-eval, separated by commas: the suites `utility:TASK`.",
        ASK_PANEL,
        metavar="TASK,…",
    )
    utility_limit: int | None = option(
        None, "At most this many questions of each lm-eval task.", ASK_PANEL, metavar="N", above=0
    )
    utility_tasks_dir: str | None = option(
        None, "A folder with your own lm-eval tasks, as YAML.", ASK_PANEL, metavar="DIR"
    )
    utility_chat: bool = option(False, "Put lm-eval's questions into the model's chat template.", ASK_PANEL)

    def lm_eval(self) -> LmEval | None:
        """What is asked of lm-eval, seen to be there. Raises UsageError before anything is loaded."""
        from holdfast.evaluation.lm_eval import LmEval, task_manager

        names = tuple(dict.fromkeys(name.strip() for name in (self.utility or "").split(",") if name.strip()))
        if not names:
            for flag, value in (
                ("limit", self.utility_limit),
                ("tasks-dir", self.utility_tasks_dir),
                ("chat", self.utility_chat),
            ):
                if value:
                    raise UsageError(
                        f"--utility-{flag} is for lm-eval's tasks, and none is named", "add --utility TASK"
                    )
            return None
        asked = LmEval(names, self.utility_limit, self.utility_tasks_dir, self.utility_chat)
        task_manager(asked)
        return asked


class TrainingSettings(Settings):
    """LoRA and length, for the verbs that tune."""

    lora: bool = option(False, "Tune a LoRA adapter instead of all weights.", TRAIN_PANEL)
    lora_rank: int = option(8, "Rank of the adapter.", TRAIN_PANEL, above=0)
    lora_alpha: int = option(16, "Scale of the adapter.", TRAIN_PANEL)
    lora_target: str | None = option(
        None,
        "Layers to adapt, separated by commas, or all-linear. Default: PEFT's for the architecture.",
        TRAIN_PANEL,
    )
    use_rslora: bool = option(False, "Scale the adapter by alpha / sqrt(rank).", TRAIN_PANEL)
    use_dora: bool = option(False, "A weight-decomposed adapter: direction and magnitude apart.", TRAIN_PANEL)
    max_length: int = option(1024, "Most tokens of a training row; longer rows are cut.", TRAIN_PANEL, above=0)

    def lora_settings(self) -> LoraSettings | None:
        from holdfast.training.settings import LoraSettings

        targets = tuple(self.lora_target.split(",")) if self.lora_target else None
        if not self.lora:
            return None
        return LoraSettings(self.lora_rank, self.lora_alpha, 0.0, targets, self.use_rslora, self.use_dora)


class DefenceSettings(Settings):
    """Defences during tuning, for the verbs that tune."""

    defence: list[str] | None = option(
        None,
        "A defence during tuning; repeat the flag to combine several. See `holdfast ls defences`.",
        TRAIN_PANEL,
        metavar="NAME[:K=V]",
    )
    safety_rows: str | None = option(
        None,
        "Forbidden questions with refusals, for the defences that need them. Default on guild: its own.",
        TRAIN_PANEL,
        metavar="FILE",
    )

    def check_defences(self) -> None:
        """Read every --defence before anything is loaded. Raises UsageError for a wrong name, option or value."""
        if self.safety_rows and not self.defence and not getattr(self, "repair", None):
            raise UsageError("--safety-rows are for a defence, and none is named", "add --defence safety-mix")
        for text in self.defence or ():
            make_defence(text)

    def open_safety_rows(self, world: World, seed: int, always: bool = False) -> list[Row]:
        """The user's refusals, else the guild's own; without `always`, none where no defence could want them."""
        if not self.defence and not always:
            return []
        if self.safety_rows:
            return read_rows(self.safety_rows)
        return world.rows("safety", seed=seed) or []


def open_model(reference: str, options: ModelOptions) -> LoadedModel | EndpointModel:
    from holdfast.models.served import open_loaded

    return endpoint_model(reference) or open_loaded(reference, options)
