# SPDX-License-Identifier: Apache-2.0
"""One request to strongSwan's VICI socket, as far as commands with plain keys and values need it.

A packet is its length (32 bits), its type, for a request the command's name, then the message:
elements of a type, a name with its length in 8 bits, and a value with its length in 16.
"""

import socket
import struct

CMD_REQUEST, CMD_RESPONSE = 0, 1
KEY_VALUE = 3
TIMEOUT_S = 20


def _name(text):
    return bytes([len(text)]) + text.encode()


def _value(text):
    return struct.pack("!H", len(text)) + text.encode()


def _read(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError("the VICI socket was closed")
        data += more
    return data


def _plain(message):
    """The keys and values of a message; what is nested is an error."""
    found, at = {}, 0
    while at < len(message):
        if message[at] != KEY_VALUE:
            raise ValueError(f"element of type {message[at]} in {message!r}")
        name_end = at + 2 + message[at + 1]
        (size,) = struct.unpack_from("!H", message, name_end)
        name = message[at + 2 : name_end].decode()
        at = name_end + 2 + size
        found[name] = message[name_end + 2 : at].decode()
    return found


def request(path, command, arguments):
    """Send a command with these keys and values; returns the answer's."""
    packet = bytes([CMD_REQUEST]) + _name(command)
    for name, value in arguments.items():
        packet += bytes([KEY_VALUE]) + _name(name) + _value(value)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect(str(path))
        sock.sendall(struct.pack("!I", len(packet)) + packet)
        (size,) = struct.unpack("!I", _read(sock, 4))
        answer = _read(sock, size)
    if answer[0] != CMD_RESPONSE:
        raise ValueError(f"{command}: answer of type {answer[0]}")
    return _plain(answer[1:])
