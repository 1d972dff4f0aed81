"""Transfer of sealed records over a bad link: sans-IO sender and receiver, and the messages between them."""

from protocols.custody.jobs import Item
from protocols.custody.pace import Limits, Pace
from protocols.custody.receiver import Accepted, Receiver, Refused, Shelf
from protocols.custody.sender import Effect, SendChunk, SendEntry, Sender
from protocols.custody.wire import Ask, Chunk, Entry, Have, Message, Receipt, WireError, decode, encode

__all__ = [
    "Accepted",
    "Ask",
    "Chunk",
    "Effect",
    "Entry",
    "Have",
    "Item",
    "Limits",
    "Message",
    "Pace",
    "Receipt",
    "Receiver",
    "Refused",
    "SendChunk",
    "SendEntry",
    "Sender",
    "Shelf",
    "WireError",
    "decode",
    "encode",
]
