"""Data that a scenario makes for itself, where no data set is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

from morph_cl.errors import MorphClError, PluginError
from morph_cl.registry import Entry
from morph_cl.specs import ScenarioSpec, import_attribute

if TYPE_CHECKING:
    from morph_cl.data.images import ImageData


def draw_data(scenario: Entry[ScenarioSpec], options: BaseModel, seed: int) -> ImageData:
    """Let a scenario draw its samples.

    Args:
        scenario: its record, which has ``draw``, and who offers that.
        options: its validated options.
        seed: the stream's seed.

    Returns:
        The samples, as a data set of one-pixel-high or any other images.

    Raises:
        UsageError: samples that cannot be drawn as the options say.
        PluginError: a third party's ``draw`` failed or returned something else.
    """
    from morph_cl.data.images import ImageData

    draw, owner = scenario.spec.draw, f"scenario {scenario.spec.name!r} of plugin {scenario.provider}"
    try:
        data = (import_attribute(draw) if isinstance(draw, str) else draw)(seed, options)  # type: ignore[misc]
    except MorphClError:
        raise
    # It may be foreign code: say whose it is, whatever it raises.
    except Exception as error:
        raise PluginError(f"{owner} cannot draw its samples: {type(error).__name__}: {error}") from error
    if not isinstance(data, ImageData):
        raise PluginError(f"{owner} drew {type(data).__name__}; its draw must return an ImageData.")
    return data
