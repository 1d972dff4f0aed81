"""Transfer of sealed records over a bad link: sans-IO sender and receiver, and the messages between them."""

from protocols.custody.jobs import Item
from protocols.custody.pace import Limits, Pace
from protocols.custody.receiver import Accepted, Receiver, Refused, Shelf
from protocols.custody.sender import Effect, SendChunk, SendEntry, Sender, Sending
from protocols.custody.wire import Ask, Chunk, Entry, Have, Message, Policy, Receipt, WireError, decode, encode

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
    "Policy",
    "Receipt",
    "Receiver",
    "Refused",
    "SendChunk",
    "SendEntry",
    "Sender",
    "Sending",
    "Shelf",
    "WireError",
    "decode",
    "encode",
]
