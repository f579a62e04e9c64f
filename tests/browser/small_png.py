"""Pictures for the repository: a screenshot with few colours takes a third of its bytes."""

from __future__ import annotations

import base64
import struct
import zlib

from playwright.sync_api import Browser

COLOURS = 64  # a page has a dozen; between them are the edges of letters

# The most frequent colours, and for each pixel the number of the nearest.
REDUCE = """async ([source, count]) => {
  const image = new Image();
  image.src = source;
  await image.decode();
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  const frequency = new Map();
  for (const pixel of pixels) frequency.set(pixel, (frequency.get(pixel) ?? 0) + 1);
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
  let indices = "";
  for (const pixel of pixels) indices += String.fromCharCode(nearest.get(pixel));
  return { width, height, palette: palette.map(channels), indices: btoa(indices) };
}"""


def small_png(browser: Browser, screenshot: bytes, colours: int = COLOURS) -> bytes:
    """The same picture with a palette."""
    page = browser.new_page()
    source = f"data:image/png;base64,{base64.b64encode(screenshot).decode()}"
    reduced = page.evaluate(REDUCE, [source, colours])
    page.close()
    width, height = reduced["width"], reduced["height"]
    indices = base64.b64decode(reduced["indices"])
    # Each row begins with its filter: none.
    rows = b"".join(b"\0" + indices[y * width : (y + 1) * width] for y in range(height))
    palette = bytes(value for colour in reduced["palette"] for value in colour)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + _chunk(b"PLTE", palette)
        + _chunk(b"IDAT", zlib.compress(rows, 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
