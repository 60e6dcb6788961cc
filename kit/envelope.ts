/** Bytes before a message on a stream of Connect and of gRPC: flags, and its length. */
export const envelopeHead = 5;

/** Writes the head of an envelope at `at`, for a message of `size` bytes behind it. */
export function writeEnvelopeHead(to: Buffer, at: number, size: number): void {
  to[at] = 0;
  to.writeUInt32BE(size, at + 1);
}

/** An encoded message in its envelope. Any number of streams can send the same one. */
export function envelop(message: Uint8Array): Buffer {
  const envelope = Buffer.allocUnsafe(envelopeHead + message.length);
  writeEnvelopeHead(envelope, 0, message.length);
  envelope.set(message, envelopeHead);
  return envelope;
}

/** Flags of the envelope that ends a stream of Connect. */
export const endStream = 2;

/**
 * Cuts what comes on a stream into messages.
 *
 * @param check is given each head, before its message is there.
 */
export function createEnvelopeReader(
  take: (message: Buffer, flags: number) => void,
  check?: (flags: number, size: number) => void,
): (chunk: Buffer) => void {
  let rest: Buffer | undefined;
  return (chunk) => {
    let data = rest ? Buffer.concat([rest, chunk]) : chunk;
    rest = undefined;
    while (data.length >= envelopeHead) {
      const [flags, size] = [data[0]!, data.readUInt32BE(1)];
      check?.(flags, size);
      const end = envelopeHead + size;
      if (data.length < end) break;
      take(data.subarray(envelopeHead, end), flags);
      data = data.subarray(end);
    }
    if (data.length > 0) rest = data;
  };
}
