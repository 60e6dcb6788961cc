import net from "node:net";

/** How messages go between the players of the measurement and a server: by hand, so that the players cost less than what they measure. */
export interface Wire {
  /** Opens the way of one player. @param hear is given each message; its bytes are good until it returns. @param lost: the way has ended. */
  open(index: number, hear: (message: Buffer) => void, lost: (why: string) => void): Promise<Link>;
  /** Sends what waits. */
  flush(): void;
  close(): void;
}

export interface Link {
  /** Sends a message at the next flush. */
  send(message: Uint8Array): void;
}

/** Bytes on their way, sent in one piece. */
export class Outbox {
  #bytes = Buffer.allocUnsafe(4_096);
  #length = 0;

  /** Room for so many bytes more, which the caller fills. */
  take(size: number): Buffer {
    const end = this.#length + size;
    if (end > this.#bytes.length) {
      const bigger = Buffer.allocUnsafe(2 * end);
      this.#bytes.copy(bigger, 0, 0, this.#length);
      this.#bytes = bigger;
    }
    const part = this.#bytes.subarray(this.#length, end);
    this.#length = end;
    return part;
  }

  flush(socket: net.Socket): void {
    if (this.#length === 0) return;
    socket.write(Buffer.from(this.#bytes.subarray(0, this.#length)));
    this.#length = 0;
  }
}

/**
 * Connects, and cuts what comes into frames.
 *
 * @param cut takes one frame off the front and says how long it was; 0 when it is not whole yet.
 */
export function connectFramed(
  url: URL,
  cut: (data: Buffer) => number,
  closed: (why: string) => void,
): Promise<net.Socket> {
  let rest: Buffer = Buffer.alloc(0);
  const take = (size: number, buffer: Uint8Array) => {
    const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, size);
    let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (let length = cut(data); length > 0; length = data.length > 0 ? cut(data) : 0) data = data.subarray(length);
    rest = data.length > 0 ? Buffer.from(data) : data;
    return true;
  };
  return new Promise((resolve, reject) => {
    const socket: net.Socket = net.connect({
      ...{ host: url.hostname, port: Number(url.port), noDelay: true },
      onread: { buffer: Buffer.alloc(65_536), callback: take },
    });
    socket.on("connect", () => resolve(socket));
    socket.on("error", (error) => {
      reject(error);
      closed(error.message);
    });
    socket.on("close", () => closed("the connection has ended"));
  });
}
