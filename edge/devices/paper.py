"""What keeps a printer from printing, as a refusal that tells a person what to do. Shared by slip and sheet printers."""

from edge.devices.interfaces import PrinterStatus
from edge.errors import DeviceRefused


def demand_ready(device: str, status: PrinterStatus) -> PrinterStatus:
    """The status of a printer that can print. Raises DeviceRefused `cover_open`, `paper_out`, `printer_offline`."""
    if status.cover_open:
        raise DeviceRefused("cover_open", device, "the cover is open", "Close the cover.")
    if status.paper_out:
        raise DeviceRefused("paper_out", device, "out of paper", "Put paper in.")
    if not status.online:
        raise DeviceRefused("printer_offline", device, "offline", "Press the printer's feed button, or switch it off and on.")
    return status
