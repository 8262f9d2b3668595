"""From flags and a file to a validated configuration: flags beat the file, the file beats the defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from morph_cl.config import AblationConfig, RunConfig, StudyConfig
from morph_cl.errors import UnknownNameError, UsageError
from morph_cl.options import merge_options, parse_assignments, parse_value

RUN_KEYS = frozenset(RunConfig.model_fields)
"""What a file of ``morph-cl run`` may hold."""

_SHORTHANDS = {"experiences": "experiences", "pattern": "patterns"}
"""Flags that are short for an option of the scenario."""

STUDY_KEYS = RUN_KEYS - {"strategy", "seed"} | {"strategies", "seeds", "baseline"}
"""What a file of ``morph-cl compare`` may hold."""

ABLATION_KEYS = RUN_KEYS - {"seed"} | {"seeds", "only"}
"""What a file of ``morph-cl ablate`` may hold."""

MOST_SEEDS = 1_000


@dataclass(frozen=True)
class Given:
    """What the user gave, before validation.

    Args:
        flags: the flags that were given, by the names of ``RunConfig``.
        file: the content of the configuration file, empty where there is none.
        source: the file's path as the user wrote it.
    """

    flags: Mapping[str, Any]
    file: Mapping[str, Any]
    source: str = ""

    def value(self, key: str, default: Any = None) -> Any:
        """The value of a key: the flag's, else the file's, else the default.

        Args:
            key: a name of ``RunConfig`` or ``StudyConfig``.
            default: what it is where neither gives it.
        """
        return self.flags.get(key, self.file.get(key, default))

    def named(self, key: str) -> str:
        """How to call a key in an error: as the flag, argument or file entry that it came from.

        Args:
            key: a name of ``RunConfig``.
        """
        if key in self.flags or key not in self.file:
            return "SCENARIO" if key == "scenario" else f"--{_FLAG_NAMES.get(key, key.replace('_', '-'))}"
        return f"{key} in {self.source}"


_FLAG_NAMES = {"plugin_files": "plugin", "options": "option", "keep_model": "no-model"}


def read_config_file(path: Path | None, known: Iterable[str]) -> dict[str, Any]:
    """Read a TOML configuration.

    Args:
        path: the file, None where none was given.
        known: the keys that it may hold.

    Returns:
        Its content, empty without a file.

    Raises:
        UnknownNameError: a key that is not known.
        UsageError: the file is missing or no TOML.
    """
    if path is None:
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read --config {path}: {error.strerror}; give the path of a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path} is not valid TOML: {error}.") from error
    known = sorted(known)
    for key in content:
        if key not in known:
            raise UnknownNameError(f"key of {path}", key, known)
    options = content.get("options", {})
    if not (isinstance(options, dict) and all(isinstance(table, dict) for table in options.values())):
        raise UsageError(f"options in {path} must be tables by name, such as [options.replay] with mem_size = 500.")
    return content


def gather(
    flags: Mapping[str, Any], *, config: Path | None, known: Iterable[str], assignments: Iterable[str] = ()
) -> Given:
    """Put flags and file side by side.

    Args:
        flags: every flag by the names of ``RunConfig``, None where it was not given; ``experiences`` and ``pattern``
            besides.
        config: the configuration file.
        known: the keys that the file may hold.
        assignments: the texts of ``-o``.

    Returns:
        What was given. Options are merged key by key, plugin files joined, all else replaced by the flag.

    Raises:
        UsageError: the file cannot be used, an option is malformed or given twice, or no scenario is named.
    """
    file = read_config_file(config, known)
    given = {key: value for key, value in flags.items() if value is not None and value != () and value != []}
    shorthands = {name: given.pop(name, None) for name in _SHORTHANDS}
    scenario = given.get("scenario", file.get("scenario"))
    if not isinstance(scenario, str):
        raise UsageError("no scenario is named; give one, such as rotated-mnist (`morph-cl list scenarios`).")
    options = parse_assignments(assignments)
    for flag, value in shorthands.items():
        if value is not None:
            _add_shorthand(options.setdefault(scenario, {}), scenario, flag, value)
    if options:
        given["options"] = merge_options(file.get("options", {}), options)
    if "plugin_files" in given:
        given["plugin_files"] = tuple(dict.fromkeys([*file.get("plugin_files", ()), *given["plugin_files"]]))
    return Given(given, file, str(config or ""))


def _add_shorthand(options: dict[str, Any], scenario: str, flag: str, value: Any) -> None:
    """Put a flag that is short for an option of the scenario among its options."""
    name = _SHORTHANDS[flag]
    if name in options:
        raise UsageError(f"--{flag} and -o {scenario}.{name} are the same option; give one of them.")
    options[name] = parse_value(value) if isinstance(value, str) else value


def run_config(given: Given) -> RunConfig:
    """Validate what was given for one run.

    Args:
        given: flags and file.

    Returns:
        The configuration.

    Raises:
        UsageError: a value out of its range or of the wrong type.
    """
    values = {key: value for key, value in {**given.file, **given.flags}.items() if key in RUN_KEYS}
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key, *rest = (str(part) for part in first["loc"])
        where = ".".join([given.named(key), *rest]) if rest else given.named(key)
        message = first["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        raise UsageError(f"{where} is {first['input']!r}: {message}.") from error


def study_config(given: Given) -> StudyConfig:
    """Validate what was given for a comparison.

    Args:
        given: flags and file, with ``strategies`` and ``seeds``.

    Returns:
        The study.

    Raises:
        UsageError: a value out of range, no strategy, the same strategy or seed twice.
    """
    strategies = parse_strategies(given.value("strategies"))
    seeds = parse_seeds(given.value("seeds", 1))
    base = run_config(given).model_copy(update={"strategy": strategies[0], "seed": seeds[0]})
    return StudyConfig(base=base, strategies=strategies, seeds=seeds)


def baseline(given: Given, study: StudyConfig, *, online: bool) -> str | None:
    """Read the strategy that the others are held against.

    Args:
        given: flags and file.
        study: what will be run.
        online: whether its stream is test-then-train.

    Returns:
        Its name, None where none is given.

    Raises:
        UsageError: it is not among the strategies, or the stream does not drift.
    """
    name = given.value("baseline")
    if name is None:
        return None
    if not online:
        raise UsageError(
            f"{given.named('baseline')} is for drifting streams, and {study.base.scenario} is none; leave it out."
        )
    if name not in study.strategies:
        raise UsageError(
            f"{given.named('baseline')} is {name!r}, which is not among the strategies; "
            f"give one of {', '.join(study.strategies)}."
        )
    return str(name)


def ablation_config(given: Given) -> AblationConfig:
    """Validate what was given for a study of ablations.

    Args:
        given: flags and file, with ``only`` and ``seeds``.

    Returns:
        The study.

    Raises:
        UsageError: a value out of range, the same mechanism or seed twice.
    """
    seeds = parse_seeds(given.value("seeds", 1))
    only = given.value("only")
    base = run_config(given).model_copy(update={"seed": seeds[0]})
    return AblationConfig(base=base, only=() if only is None else parse_only(only), seeds=seeds)


def parse_only(value: Any) -> tuple[str, ...]:
    """Read the mechanisms to switch off.

    Args:
        value: a text with commas, or a list from a file.

    Returns:
        Their names in order.

    Raises:
        UsageError: none, or one of them twice.
    """
    names = _split(value)
    if not names:
        raise UsageError(f"--only {value!r} names no mechanism; give names with commas between, such as gate,graph.")
    _refuse_twice("ablation", names)
    return names


def parse_strategies(value: Any) -> tuple[str, ...]:
    """Read the strategies of a comparison.

    Args:
        value: a text with commas, or a list from a file.

    Returns:
        Their names in order.

    Raises:
        UsageError: none, or one of them twice.
    """
    names = _split(value)
    if names is None:
        raise UsageError("no strategies are named; give --strategies, such as --strategies morph,naive,replay.")
    if not names:
        raise UsageError("--strategies is empty; give names with commas between, such as morph,naive,replay.")
    _refuse_twice("strategy", names)
    return names


def parse_seeds(value: Any) -> tuple[int, ...]:
    """Read the seeds of a comparison: ``3`` stands for 0, 1, 2 and ``0,3,5`` (or ``7,``) for themselves.

    Args:
        value: a number, a text, or a list from a file.

    Returns:
        The seeds in order.

    Raises:
        UsageError: no number of at least 1, a seed that is no non-negative integer, or one of them twice.
    """
    text = str(value).strip() if isinstance(value, (int, str)) else ""
    if text.isascii() and text.isdecimal():
        count = int(text)
        if not 1 <= count <= MOST_SEEDS:
            raise UsageError(
                f"--seeds {text} is not in 1..{MOST_SEEDS}; give a number of seeds or a list such as 0,3,5."
            )
        return tuple(range(count))
    parts = value if isinstance(value, (list, tuple)) else [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(str(part).isascii() and str(part).isdecimal() and int(part) < 2**31 for part in parts):
        raise UsageError(f"--seeds {value!r} is neither a number of seeds nor a list of seeds such as 0,3,5.")
    seeds = tuple(int(part) for part in parts)
    _refuse_twice("seed", seeds)
    return seeds


def _split(value: Any) -> tuple[str, ...] | None:
    """The names in a text with commas or a list; None for anything else."""
    parts = value.split(",") if isinstance(value, str) else value
    if not (isinstance(parts, (list, tuple)) and all(isinstance(part, str) for part in parts)):
        return None
    return tuple(part.strip() for part in parts if part.strip())


def _refuse_twice(kind: str, values: tuple[Any, ...]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise UsageError(f"{kind} {value} is given twice; give each {kind} once.")
