"""Stands in for systemd's notification socket: binds the datagram socket named first, prints each message as it comes.

A descriptor that comes with a message (BARRIER=1) is closed once the message is read, as systemd does: whoever sent it
waits for that.
"""
import os
import socket
import sys

receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print("bound", flush=True)
while True:
    message, descriptors, _, _ = socket.recv_fds(receiver, 4096, 8)
    print(message.decode().replace("\n", " "), flush=True)
    for descriptor in descriptors:
        os.close(descriptor)
