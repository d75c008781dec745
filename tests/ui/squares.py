"""A font in which every character is the same square: text takes the same room wherever it is drawn.

The tables are those that OpenType requires of a font with outlines (OpenType specification, "The OpenType Font File");
cmap format 13 maps all characters to one glyph.
"""

from __future__ import annotations

from struct import pack

EM, ADVANCE, SIDE = 1000, 520, 430
ASCENT, DESCENT = 800, 200


def font() -> bytes:
    """The font, as TrueType."""
    tables = {
        b"OS/2": pack(">4H12h", 0, ADVANCE, 400, 5, *[0] * 12)
        + bytes(10)
        + pack(">4I4s3H3h2H", *[0] * 4, b"none", 64, 0x20, 0xFFFF, ASCENT, -DESCENT, 0, ASCENT, DESCENT),
        b"cmap": pack(">4HI", 0, 1, 3, 10, 12) + pack(">2H6I", 13, 0, 28, 0, 1, 0x20, 0x10FFFF, 1),
        b"glyf": pack(">5h2H4B8h2x", 1, 0, 0, SIDE, SIDE, 3, 0, *[1] * 4, 0, 0, SIDE, 0, 0, SIDE, 0, -SIDE),
        b"head": pack(">4I2H2q4h2H3h", 1 << 16, 1 << 16, 0, 0x5F0F3CF5, 0, EM, 0, 0, 0, 0, SIDE, SIDE, 0, 8, 2, 0, 0),
        b"hhea": pack(">I3hH11hH", 1 << 16, ASCENT, -DESCENT, 0, ADVANCE, 0, 0, SIDE, 1, *[0] * 7, 1),
        b"hmtx": pack(">Hhh", ADVANCE, 0, 0),
        b"loca": pack(">3H", 0, 0, 18),
        b"maxp": pack(">I14H", 1 << 16, 2, 4, 1, 0, 0, 2, *[0] * 8),
        b"name": pack(">3H", 0, 0, 6),
        b"post": pack(">2I2h5I", 3 << 16, 0, 0, 0, 1, *[0] * 4),
    }
    head, body = pack(">I4H", 1 << 16, len(tables), 128, 3, 16 * len(tables) - 128), b""
    start = len(head) + 16 * len(tables)
    for tag, table in sorted(tables.items()):
        padded = table + bytes(-len(table) % 4)
        total = sum(int.from_bytes(padded[at : at + 4]) for at in range(0, len(padded), 4)) % (1 << 32)
        head += pack(">4s3I", tag, total, start + len(body), len(table))
        body += padded
    return head + body
