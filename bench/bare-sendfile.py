"""The least that sending a file costs: sendfile(2) and nothing else, one client after the other.

Usage: bare-sendfile.py FILE; prints its port.
"""
import os
import socket
import sys

file = os.open(sys.argv[1], os.O_RDONLY)
size = os.fstat(file).st_size
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    with client:
        client.recv(65536)
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode())
        offset = 0
        while offset < size:
            offset += os.sendfile(client.fileno(), file, offset, size - offset)
