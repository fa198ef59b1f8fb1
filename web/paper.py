"""A PDF's paper: fonts, heads and feet, tables. CPU-bound, and a second of imports: only what makes a file imports it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace
from pylopdf_fonts_zh_cn import sans_path

FONT = "noto"
INK, SOFT, LINE, PAPER, STRONG = (
    (27, 37, 41),
    (90, 104, 112),
    (219, 226, 230),
    (243, 246, 247),
    (15, 118, 110),
)
WIDEST = 52.0
MARGIN = 16.0
"""Millimetres."""


class Paper(FPDF):
    """A4 pages with what they are `about` above and their number below (`numbered` says it, given `{nb}` for the last)."""

    def __init__(self, title: str, about: str, made: datetime, numbered: Callable[[int, str], str]) -> None:
        super().__init__(format="A4")
        self.about, self.numbered = about, numbered
        self.add_font(FONT, "", sans_path())
        self.set_margins(MARGIN, MARGIN + 6, MARGIN)
        self.set_auto_page_break(True, MARGIN + 4)
        self.set_lang("zh-CN")
        self.set_title(f"{title} {about}")
        self.set_creation_date(made)
        self.add_page()

    def header(self) -> None:
        self.set_y(10)
        self._write(9, SOFT)
        self.cell(0, 5, self.about, align="R")
        self.set_y(MARGIN + 6)

    def footer(self) -> None:
        self.set_y(-14)
        self._write(9, SOFT)
        self.cell(0, 5, self.numbered(self.page_no(), "{nb}"), align="C")

    def _write(self, size: float, colour: tuple[int, int, int] = INK) -> None:
        self.set_font(FONT, size=size)
        self.set_text_color(*colour)

    def say(self, text: str, size: float = 10, colour: tuple[int, int, int] = INK, after: float = 2) -> None:
        """A paragraph."""
        self._write(size, colour)
        self.multi_cell(0, size * 0.55, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT, align="L")
        self.ln(after)

    def heading(self, text: str, room: float) -> None:
        """A section's title; on a new page where less than `room` millimetres are left for what follows."""
        if self.get_y() + room > self.h - MARGIN - 4:
            self.add_page()
        self.ln(3)
        self.say(text, 14, STRONG)

    def put_table(self, lines: Sequence[Sequence[str]], *, total: bool) -> None:
        """Heads, rows, and (with `total`) the last row set off."""
        self._write(8)
        self.set_draw_color(*LINE)
        self.set_line_width(0.2)
        self.set_fill_color(255, 255, 255)
        # A column as wide as its longest cell asks for, within reason: what is longer is broken.
        widths = [
            min(WIDEST, max(map(self.get_string_width, cells)) + 4) for cells in zip(*lines, strict=True)
        ]
        head = FontFace(color=INK, fill_color=PAPER)
        aligned = ("LEFT", *(["RIGHT"] * (len(lines[0]) - 1)))
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=tuple(widths),
            text_align=aligned,
            headings_style=head,
            line_height=5,
            padding=0.8,
        ) as drawn:
            for place, cells in enumerate(lines):
                row = drawn.row()
                for cell in cells:
                    row.cell(cell, style=head if total and place == len(lines) - 1 else None)
        self.ln(3)
