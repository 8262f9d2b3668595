"""Avalanche plugins named on the command line: ``package.module:Class(option=value, ...)``."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from morph_cl.errors import UsageError
from morph_cl.specs import import_attribute

_FORM = re.compile(r"(?P<path>[\w.]+:\w+)\s*(?:\((?P<arguments>.*)\))?", re.DOTALL)


@dataclass(frozen=True)
class Attachment:
    """A plugin to build and attach.

    Args:
        path: ``package.module:Class``.
        arguments: its keyword arguments.
    """

    path: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def build(self) -> Any:
        """Import the class and build the plugin.

        Returns:
            A fresh plugin.

        Raises:
            UsageError: the class refuses its arguments, or is no Avalanche plugin.
            PluginError: the module or the class does not exist.
        """
        from avalanche.core import BasePlugin

        cls = import_attribute(self.path)
        if not (isinstance(cls, type) and issubclass(cls, BasePlugin)):
            raise UsageError(f"{self.path!r} is no Avalanche plugin; attach a subclass of SupervisedPlugin.")
        try:
            return cls(**self.arguments)
        except (TypeError, ValueError, AssertionError) as error:
            raise UsageError(f"{self.path!r} refuses {self.arguments}: {error}") from error


def parse_attachment(text: str) -> Attachment:
    """Read one ``--attach`` text.

    Args:
        text: such as ``avalanche.training.plugins:LwFPlugin(alpha=1, temperature=2)``.

    Returns:
        The attachment, its class not imported yet.

    Raises:
        UsageError: the text has another form, or an argument is no literal.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise UsageError(_message(text))
    try:
        call = ast.parse(f"f({match['arguments'] or ''})", mode="eval").body
        plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args
        if not isinstance(call, ast.Call) or not plain or any(keyword.arg is None for keyword in call.keywords):
            raise UsageError(_message(text))
        arguments = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise UsageError(_message(text)) from error
    return Attachment(match["path"], arguments)


def _message(text: str) -> str:
    return (
        f"cannot read plugin {text!r}; write package.module:Class(option=value), such as "
        "avalanche.training.plugins:EWCPlugin(ewc_lambda=10)."
    )
