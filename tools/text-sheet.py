#!/usr/bin/env python3
"""Renders the sheet of text that tests/functional/ocr_test.cpp reads: FOLDER/sheet.{png,jpg,txt},
turned.png (by half a turn) and white.png. Needs Pillow and Debian's fonts-dejavu-core.
"""

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
LINES = """The quick brown fox jumps over the lazy dog.
Invoice No. 48213 of 27 November 2026
Total amount due: 1,249.50 EUR
Please pay within 30 days of receipt.
Ship to: 12 Harbour Street, Bristol
Telephone +44 117 496 0123
Order placed by Margaret O'Neill
Item 1: Garden chair, folding, oak
Item 2: Table cloth, linen, 140 x 220 cm
Item 3: Candle holders (set of four)
Weight: 18.7 kg, two parcels
Delivery on Tuesday between 9 and 12
Thank you for shopping with us!
Returns are free for sixty days.
Customer number: AZ-77-1093
VAT identification: GB 123 4567 89
Payment by bank transfer or card
See the terms on the other side.
Page 1 of 1
Questions? write to help@example.org""".splitlines()


def main():
    folder = Path(sys.argv[1])
    sheet = Image.new("RGB", (800, 60 + 44 * len(LINES)), "white")
    white = sheet.copy()
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.truetype(FONT, 24)
    for number, line in enumerate(LINES):
        draw.text((40, 30 + 44 * number), line, font=font, fill="black")
    sheet.save(folder / "sheet.png")
    sheet.save(folder / "sheet.jpg", quality=85)
    sheet.rotate(180).save(folder / "turned.png")
    white.save(folder / "white.png")
    (folder / "sheet.txt").write_text("".join(line + "\n" for line in LINES))


if __name__ == "__main__":
    main()
