import type net from "node:net";
import { envelopeHead, writeEnvelopeHead } from "#kit/envelope.ts";
import { connectFramed, type Link, Outbox, type Wire } from "./wire.ts";

/** As much of HTTP/2 (RFC 9113) and of the Connect protocol as a stream of messages both ways takes. */
const frame = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 };
const flag = { ack: 1, endStream: 1, endHeaders: 4 };
const window = 0x7fffffff;
const initialWindow = 65_535;
/** Of HPACK's static table: POST, http, and the names :authority and :path. */
const [post, http, authority, path] = [0x83, 0x86, 0x01, 0x04];
/** `:status: 200` of the static table; another status is another byte. */
const ok = 0x88;

interface Stream {
  rest: Buffer | undefined;
  hear(message: Buffer): void;
  lost(why: string): void;
}

interface Connection {
  open(headers: Record<string, string>, stream: Stream): Link;
  flush(): void;
  destroy(): void;
}

/** Streams of a Connect method; `streamsPerConnection` of them share a connection. */
export function createH2Wire(options: {
  url: string;
  method: string;
  /** By player. */
  headers: Record<string, string>[];
  streamsPerConnection: number;
}): Wire {
  const url = new URL(options.url);
  const connections: Promise<Connection>[] = [];
  const open: Connection[] = [];
  return {
    async open(index, hear, lost) {
      const place = Math.floor(index / options.streamsPerConnection);
      connections[place] ??= connectH2(url, options.method).then((connection) => {
        open.push(connection);
        return connection;
      });
      const connection = await connections[place];
      return connection.open(options.headers[index]!, { rest: undefined, hear, lost });
    },
    flush() {
      for (const connection of open) connection.flush();
    },
    close() {
      for (const connection of open) connection.destroy();
    },
  };
}

async function connectH2(url: URL, method: string): Promise<Connection> {
  const outbox = new Outbox();
  const streams = new Map<number, Stream>();
  let next = 1;
  /** What the server takes at the moment; one that falls behind makes it shrink, and steps are lost as when a client stands still. */
  let credit = initialWindow;
  let received = 0;

  function write(type: number, flags: number, id: number, payload: Uint8Array): void {
    const bytes = outbox.take(9 + payload.length);
    bytes.writeUIntBE(payload.length, 0, 3);
    bytes[3] = type;
    bytes[4] = flags;
    bytes.writeUInt32BE(id, 5);
    bytes.set(payload, 9);
  }

  function widen(by: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(by);
    write(frame.windowUpdate, 0, 0, payload);
  }

  function end(id: number, why: string): void {
    streams.get(id)?.lost(why);
    streams.delete(id);
  }

  function takeData(id: number, chunk: Buffer): void {
    const stream = streams.get(id);
    received += chunk.length;
    if (received > window / 2) {
      widen(received);
      received = 0;
    }
    if (!stream) return;
    let data = stream.rest ? Buffer.concat([stream.rest, chunk]) : chunk;
    stream.rest = undefined;
    while (data.length >= envelopeHead && data.length >= envelopeHead + data.readUInt32BE(1)) {
      const size = envelopeHead + data.readUInt32BE(1);
      const message = data.subarray(envelopeHead, size);
      if (data[0] === 0) stream.hear(message);
      else end(id, message.toString());
      data = data.subarray(size);
    }
    if (data.length > 0) stream.rest = Buffer.from(data);
  }

  function cut(data: Buffer): number {
    if (data.length < 9) return 0;
    const size = data.readUIntBE(0, 3);
    if (data.length < 9 + size) return 0;
    const [type, flags, id] = [data[3]!, data[4]!, data.readUInt32BE(5) & window];
    const payload = data.subarray(9, 9 + size);
    if (type === frame.data) takeData(id, payload);
    else if (type === frame.headers && payload[0] !== ok) end(id, "the server has refused");
    else if (type === frame.settings && (flags & flag.ack) === 0) write(frame.settings, flag.ack, 0, Buffer.alloc(0));
    else if (type === frame.ping && (flags & flag.ack) === 0) write(frame.ping, flag.ack, 0, payload);
    else if (type === frame.windowUpdate && id === 0) credit += payload.readUInt32BE(0);
    else if (type === frame.reset || type === frame.goaway) end(id, `the stream has ended: ${payload.readUInt32BE(0)}`);
    if ((type === frame.data || type === frame.headers) && (flags & flag.endStream) !== 0)
      end(id, "the stream has ended");
    return 9 + size;
  }

  const socket: net.Socket = await connectFramed(url, cut, (why) => {
    for (const id of [...streams.keys()]) end(id, why);
  });
  socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  // SETTINGS_INITIAL_WINDOW_SIZE: nobody waits for these players.
  write(frame.settings, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]));
  widen(window - initialWindow);

  return {
    open(headers, stream) {
      const id = next;
      next += 2;
      streams.set(id, stream);
      const fields = [
        Buffer.from([post, http]),
        indexed(authority, url.host),
        indexed(path, method),
        ...Object.entries({
          "content-type": "application/connect+proto",
          "connect-protocol-version": "1",
          ...headers,
        }).map(([name, value]) => Buffer.concat([Buffer.from([0]), literal(name), literal(value)])),
      ];
      write(frame.headers, flag.endHeaders, id, Buffer.concat(fields));
      return {
        send(message) {
          const size = envelopeHead + message.length;
          if (credit < size) return;
          credit -= size;
          const bytes = outbox.take(9 + size);
          bytes.writeUIntBE(size, 0, 3);
          bytes[3] = frame.data;
          bytes[4] = 0;
          bytes.writeUInt32BE(id, 5);
          writeEnvelopeHead(bytes, 9, message.length);
          bytes.set(message, 9 + envelopeHead);
        },
      };
    },
    flush: () => outbox.flush(socket),
    destroy: () => socket.destroy(),
  };
}

const indexed = (name: number, value: string) => Buffer.concat([Buffer.from([name]), literal(value)]);

/** A string of HPACK, not compressed. */
function literal(text: string): Buffer {
  const length: number[] = [];
  if (text.length < 127) length.push(text.length);
  else {
    length.push(127);
    let rest = text.length - 127;
    for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), Buffer.from(text)]);
}
