const socket = new WebSocket(`ws://${location.host}/socket`);
socket.binaryType = 'arraybuffer';
socket.onmessage = (event) => socket.send(event.data);
