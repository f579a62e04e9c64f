"""Pictures for the repository: a screenshot with few colours takes a third of its bytes."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

from playwright.sync_api import Browser

COLOURS = 64  # a page has a dozen; between them are the edges of letters

# The most frequent colours, and for each pixel the number of the nearest.
REDUCE = """async ([sources, count]) => {
  const pictures = [];
  const frequency = new Map();
  for (const source of sources) {
    const image = new Image();
    image.src = source;
    await image.decode();
    const { width, height } = image;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
    for (const pixel of pixels) frequency.set(pixel, (frequency.get(pixel) ?? 0) + 1);
    pictures.push({ width, height, pixels });
  }
  const colours = [...frequency].sort((a, b) => b[1] - a[1]).map(([colour]) => colour);
  const palette = colours.slice(0, count);
  const channels = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const nearest = new Map(colours.map((colour) => {
    const distances = palette.map((other) => {
      const wanted = channels(other);
      return channels(colour).reduce((sum, value, i) => sum + (value - wanted[i]) ** 2, 0);
    });
    return [colour, distances.indexOf(Math.min(...distances))];
  }));
  const { width, height } = pictures[0];
  const all = pictures.map(({ pixels }) => {
    let indices = "";
    for (const pixel of pixels) indices += String.fromCharCode(nearest.get(pixel));
    return btoa(indices);
  });
  return { width, height, palette: palette.map(channels), indices: all };
}"""
_AFTER_HEADER = 8 + 25  # bytes: the signature, and the first chunk
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def small_png(browser: Browser, screenshot: bytes, colours: int = COLOURS) -> bytes:
    """The same picture with a palette."""
    beginning, (rows,) = _reduced(browser, [screenshot], colours)
    return beginning + _chunk(b"IDAT", _packed(rows)) + _chunk(b"IEND", b"")


def animated_png(
    browser: Browser, frames: Sequence[tuple[bytes, int]], colours: int = COLOURS
) -> bytes:
    """One that moves, for ever (PNG, third edition, section 4.9).

    :param frames: screenshots, and how many milliseconds each is shown.
    """
    beginning, pictures = _reduced(browser, [picture for picture, _ in frames], colours)
    control = _chunk(b"acTL", struct.pack(">II", len(frames), 0))
    head, tail = beginning[:_AFTER_HEADER], beginning[_AFTER_HEADER:]
    chunks, number, before = [head + control + tail], 0, [b""] * len(pictures[0])
    for rows, (_, milliseconds) in zip(pictures, frames, strict=True):
        # Only the rows that are others than before.
        changed = [y for y, row in enumerate(rows) if row != before[y]] or [0]
        top, bottom = changed[0], changed[-1] + 1
        place = struct.pack(">IIIII", number, len(rows[0]), bottom - top, 0, top)
        chunks.append(_chunk(b"fcTL", place + struct.pack(">HHBB", milliseconds, 1000, 0, 0)))
        packed = _packed(rows[top:bottom])
        number += 1
        if len(chunks) == 2:
            chunks.append(_chunk(b"IDAT", packed))
        else:
            chunks.append(_chunk(b"fdAT", struct.pack(">I", number) + packed))
            number += 1
        before = rows
    return b"".join([*chunks, _chunk(b"IEND", b"")])


def _reduced(
    browser: Browser, screenshots: Sequence[bytes], colours: int
) -> tuple[bytes, list[list[bytes]]]:
    """How their file begins, with the palette; and the rows of each."""
    page = browser.new_page()
    sources = [
        f"data:image/png;base64,{base64.b64encode(screenshot).decode()}"
        for screenshot in screenshots
    ]
    reduced = page.evaluate(REDUCE, [sources, colours])
    page.close()
    width, height = reduced["width"], reduced["height"]
    pictures = [base64.b64decode(indices) for indices in reduced["indices"]]
    rows = [[all[y * width : (y + 1) * width] for y in range(height)] for all in pictures]
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
    palette = bytes(value for colour in reduced["palette"] for value in colour)
    return _SIGNATURE + header + _chunk(b"PLTE", palette), rows


def _packed(rows: Sequence[bytes]) -> bytes:
    return zlib.compress(
        b"".join(b"\0" + row for row in rows), 9
    )  # each begins with its filter: none


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
