"""The options of the data sets that take any. Importing this does not import torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from morph_cl.options import Options

Layout = Literal["auto", "NCHW", "NHWC"]

Extent = Annotated[int, Field(ge=1, le=4096)]


class ImageFolderOptions(Options):
    """How to read a folder of images."""

    size: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        None,
        description="resize every image to size x size pixels (bilinear); None demands one size of all",
    )
    grayscale: bool | None = Field(
        None, description="one channel (true) or three (false); None takes one where every image is grayscale"
    )


class NpzOptions(Options):
    """How to read an .npz file."""

    layout: Layout = Field(
        "auto",
        description="order of the axes of a four-dimensional x; auto takes one of size 1, 3 or 4 as channels",
    )
    shape: tuple[Extent, Extent, Extent] | None = Field(
        None,
        description="(C, H, W) of each row of a two-dimensional x; None takes a gray square where the row's "
        "length is a square number, else an image one pixel high",
    )
