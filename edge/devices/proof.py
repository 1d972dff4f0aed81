"""The proof of recording on an A4 sheet: what it says as a document, and that document as PDF.

The document is JSON so that the driver that prints it, and not the procedure, pays for the PDF library (0.3 s and 20 MB once).
"""

import io
import json
from collections.abc import Iterable

MARGIN_MM = 25
LINE_MM = 8
LABEL_MM = 60
QR_MM = 45
TITLE_POINTS, TEXT_POINTS = 18, 11


def encode_proof(title: str, lines: Iterable[tuple[str, str]], notes: Iterable[str], code: str) -> bytes:
    """lines: label and value; code: what the QR says."""
    return json.dumps({"title": title, "lines": list(lines), "notes": list(notes), "code": code}).encode("utf-8")


def render_pdf(document: bytes) -> bytes:
    """One A4 page, the same bytes each time. Blocking. Raises ValueError for anything that `encode_proof` did not make."""
    from reportlab.graphics import renderPDF
    from reportlab.graphics.barcode.qr import QrCodeWidget
    from reportlab.graphics.shapes import Drawing
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.pdfgen.canvas import Canvas

    said = json.loads(document)
    file = io.BytesIO()
    page = Canvas(file, pagesize=A4, pageCompression=0, invariant=1)
    height = A4[1] - MARGIN_MM * mm
    page.setFont("Helvetica-Bold", TITLE_POINTS)
    page.drawString(MARGIN_MM * mm, height, said["title"])
    page.setFont("Helvetica", TEXT_POINTS)
    for label, value in (("", ""), *said["lines"], ("", ""), *(("", note) for note in said["notes"])):
        height -= LINE_MM * mm
        page.drawString(MARGIN_MM * mm, height, label)
        page.drawString((MARGIN_MM + (LABEL_MM if label else 0)) * mm, height, value)
    code = Drawing(QR_MM * mm, QR_MM * mm)
    code.add(QrCodeWidget(said["code"], barLevel="M", barWidth=QR_MM * mm, barHeight=QR_MM * mm))
    renderPDF.draw(code, page, MARGIN_MM * mm, height - (QR_MM + LINE_MM) * mm)
    page.save()
    return file.getvalue()
