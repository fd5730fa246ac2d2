"""The command line: parse, call the verb, print, exit code. No decision lives here.

Verbs are imported when they run, so that `holdfast --help` imports no torch and answers at once; their settings are
imported only to show a verb's own help or to run it.
"""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from holdfast import __version__
from holdfast.core import remarks
from holdfast.core.errors import EXIT_BUG, EXIT_ERROR, HoldfastError, HoldfastWarning, UsageError
from holdfast.core.faults import storage_fault
from holdfast.core.launch import launch, refuse_several
from holdfast.core.secrets import sealed, without_secrets

# name: (module, function, settings, one line of help)
VERBS = {
    "demo": ("demo", "demo", "DemoSettings", "The papers' finding, shown on the embedded model in minutes, offline."),
    "scan": ("scan", "scan", "ScanSettings", "What is in a fine-tuning set, before anyone trains on it."),
    "tune": ("tune", "tune", "TuneSettings", "Fine-tune, full or LoRA, measured before and after."),
    "align": ("align", "align", "AlignSettings", "Teach a model that was never aligned to decline."),
    "audit": ("audit", "audit", "AuditSettings", "Compare a checkpoint with its base on the same prompts."),
    "repair": (
        "repair",
        "repair",
        "RepairSettings",
        "Restore safety without training, at a strength chosen under a guarantee.",
    ),
    "stress": (
        "stress",
        "stress",
        "StressSettings",
        "Attack a model by published fine-tuning regimes and measure what is left.",
    ),
    "report": (
        "report",
        "report",
        "ReportSettings",
        "One page of a run or of several side by side, and the safety card.",
    ),
    "gate": ("gate", "gate", "GateSettings", "Hold a run against rules: an exit code for a pipeline."),
    "models": ("models", "models", "ModelsSettings", "List the models that have a name, and how to get them."),
    "ls": ("ls", "ls", "LsSettings", "List judges, regimes, defences, repairs, probes, scanners, suites, rows."),
}
GUILD_VERBS = {
    "build": ("guild", "build", "BuildSettings", "Train the embedded model from nothing."),
    "rows": ("guild", "rows", "RowsSettings", "Training rows of its world, as JSON lines."),
    "prompts": ("guild", "prompts", "PromptsSettings", "Questions of its world, as JSON lines."),
}
CANARY_VERBS = {
    "make": ("canaries", "make", "MakeSettings", "Made-up secrets to plant in training data, and their key file."),
}


JUDGE_VERBS = {
    "check": ("judge", "check", "CheckSettings", "Judges against labelled replies: agreement, misses, false alarms."),
}


# What trains on all processes of a launch; everything else is the work of one.
SEVERAL = ("tune", "align")


def load_verb(name: str, entry: tuple[str, str, str, str]) -> Any:
    """The click command of a verb, built from its settings. Raises UsageError in a launch that it cannot use."""
    if name not in SEVERAL:
        refuse_several(name)
    flags = importlib.import_module("holdfast.core.config").flags
    module = importlib.import_module(f"holdfast.verbs.{entry[0]}")
    app = typer.Typer(add_completion=False, rich_markup_mode="rich")
    app.command(name)(flags(getattr(module, entry[2]), getattr(module, entry[1])))
    command = get_command(app)
    command.name = name
    return command


# What an install without extras leaves out, and the extra that brings it.
EXTRAS = dict.fromkeys(("torch", "transformers", "trl", "peft", "datasets", "accelerate", "tokenizers"), "models")
EXTRAS["pyarrow"] = "parquet"


def lacks_extra(error: ModuleNotFoundError) -> UsageError | None:
    """The error to show for a module that an extra brings; None for any other, which is a bug."""
    name = (error.name or "").partition(".")[0]
    if name not in EXTRAS:
        return None
    return UsageError(
        f"this needs `{name}`, which the light install leaves out", f'pip install "holdfast[{EXTRAS[name]}]"'
    )


class LazyGroup(TyperGroup):
    """A group whose verbs are imported when they are asked for; its help needs only their names."""

    table: ClassVar[dict[str, tuple[str, str, str, str]]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self.table, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        entry = self.table.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        if ctx.meta.get("holdfast.wanted") == cmd_name:
            return load_verb(cmd_name, entry)
        # Under the group's own --help only the name and the one line are shown.
        return TyperCommand(cmd_name, help=entry[3], short_help=entry[3])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args:
            ctx.meta["holdfast.wanted"] = args[0]
        return super().resolve_command(ctx, args)


class Verbs(LazyGroup):
    table = VERBS


class GuildVerbs(LazyGroup):
    table = GUILD_VERBS


class JudgeVerbs(LazyGroup):
    table = JUDGE_VERBS


class CanaryVerbs(LazyGroup):
    table = CANARY_VERBS


app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
guild_app = typer.Typer(cls=GuildVerbs, no_args_is_help=True, help="The embedded world: build, rows, prompts.")
app.add_typer(guild_app, name="guild")
judge_app = typer.Typer(cls=JudgeVerbs, no_args_is_help=True, help="Judges, and how far they can be trusted: check.")
app.add_typer(judge_app, name="judge")
canaries_app = typer.Typer(cls=CanaryVerbs, no_args_is_help=True, help="Secrets planted to measure memory: make.")
app.add_typer(canaries_app, name="canaries")


def show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"holdfast {__version__}")
        raise typer.Exit


@guild_app.callback()
def guild_root() -> None:
    """The embedded world: its recipe, its rows, its questions."""


@judge_app.callback()
def judge_root() -> None:
    """Judges, and how far they can be trusted."""


@canaries_app.callback()
def canaries_root() -> None:
    """Secrets that you plant in training data, to measure what a model remembers."""


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=show_version, is_eager=True),
) -> None:
    """holdfast keeps an aligned language model's safety through fine-tuning: measure, prevent, repair, prove."""


@contextmanager
def said_plainly() -> Iterator[None]:
    """holdfast's own warnings as one line each, the same one once; those of libraries stay as they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", HoldfastWarning)
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *more: Any, **options: Any) -> None:
            if issubclass(category, HoldfastWarning):
                if launch().first:
                    print(without_secrets(sealed(f"warning: {message}")), file=sys.stderr, flush=True)
            else:
                before(message, category, *more, **options)

        warnings.showwarning = show
        yield


def tell(error: HoldfastError) -> int:
    """An error in a sentence, and what to do; its exit code."""
    said = f"error: {error}" + (f"\n\nhint: {error.hint}" if error.hint else "")
    if not error.told:
        print(without_secrets(sealed(said)), file=sys.stderr)
    return error.exit_code


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; the exit code. What was remarked on the way is printed at its end."""
    remarks.forget()
    first = launch().first  # of several processes one alone speaks; an error that only another has, that one tells
    try:
        with said_plainly():
            result: Any = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except ModuleNotFoundError as error:
        lacking = lacks_extra(error)
        if lacking is None:
            raise
        return tell(lacking)
    except HoldfastError as error:
        return tell(error)
    except typer.TyperException as error:
        error.message = without_secrets(sealed(error.message))  # type: ignore[attr-defined]
        if first:
            error.show()  # type: ignore[attr-defined]
        return EXIT_ERROR
    except (KeyboardInterrupt, typer.Abort):
        if first:
            print("stopped; the same command resumes the run where it was", file=sys.stderr)
        return 130
    except Exception as error:
        fault = storage_fault(error)
        if fault is None:
            raise
        return tell(fault)
    finally:
        for sentence in remarks.remarks() if first else ():
            print(f"note: {without_secrets(sealed(sentence))}", file=sys.stderr)


def main() -> None:
    """The command line of this process. A bug keeps its traceback, without the secrets that may stand in it."""
    # It tells of a faster kernel that is not installed whenever it is imported, which PEFT does for every model.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        code = run()
    except Exception:
        sys.stderr.write(without_secrets(sealed(traceback.format_exc())))
        code = EXIT_BUG
    sys.exit(code)


if __name__ == "__main__":
    main()
