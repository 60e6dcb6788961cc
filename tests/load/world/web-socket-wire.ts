import { randomBytes } from "node:crypto";
import type net from "node:net";
import { connectFramed, Outbox, type Wire } from "./wire.ts";

const opcode = { binary: 2, close: 8, ping: 9, pong: 10 };
/** RFC 6455 wants a mask of every client; one of zeros leaves the bytes as they are. */
const maskBytes = 4;

/** A WebSocket for each player. @param pathOf where a player's is opened, such as `/`. */
export function createWebSocketWire(url: string, pathOf: (index: number) => Promise<string>): Wire {
  const open: { flush(): void; destroy(): void }[] = [];
  return {
    async open(index, hear, lost) {
      const socket = await connectWebSocket(new URL(url), await pathOf(index), hear, lost);
      open.push(socket);
      return socket;
    },
    flush() {
      for (const socket of open) socket.flush();
    },
    close() {
      for (const socket of open) socket.destroy();
    },
  };
}

async function connectWebSocket(
  url: URL,
  path: string,
  hear: (message: Buffer) => void,
  lost: (why: string) => void,
): Promise<{ send(message: Uint8Array): void; flush(): void; destroy(): void }> {
  const outbox = new Outbox();
  const upgraded = Promise.withResolvers<void>();
  let inFrames = false;

  function send(code: number, message: Uint8Array): void {
    const long = message.length > 125;
    const bytes = outbox.take((long ? 4 : 2) + maskBytes + message.length);
    bytes[0] = 0x80 | code;
    bytes[1] = 0x80 | (long ? 126 : message.length);
    if (long) bytes.writeUInt16BE(message.length, 2);
    const at = long ? 4 : 2;
    bytes.fill(0, at, at + maskBytes);
    bytes.set(message, at + maskBytes);
  }

  function cutFrame(data: Buffer): number {
    if (data.length < 2) return 0;
    const short = data[1]! & 127;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (data.length < head) return 0;
    const size = short < 126 ? short : short === 126 ? data.readUInt16BE(2) : Number(data.readBigUInt64BE(2));
    if (data.length < head + size) return 0;
    const payload = data.subarray(head, head + size);
    const code = data[0]! & 15;
    if (code === opcode.binary) hear(payload);
    else if (code === opcode.ping) send(opcode.pong, payload);
    else if (code === opcode.close) lost(`closed: ${payload.subarray(2)}`);
    return head + size;
  }

  function cut(data: Buffer): number {
    if (inFrames) return cutFrame(data);
    const end = data.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    inFrames = data.toString("latin1", 0, end).startsWith("HTTP/1.1 101");
    if (inFrames) upgraded.resolve();
    else upgraded.reject(new Error(data.toString("latin1", 0, end)));
    return end + 4;
  }

  const socket: net.Socket = await connectFramed(url, cut, lost);
  const key = randomBytes(16).toString("base64");
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
  await upgraded.promise;
  return {
    send: (message) => send(opcode.binary, message),
    flush: () => outbox.flush(socket),
    destroy: () => socket.destroy(),
  };
}
