import type { ConnectError } from "@connectrpc/connect";
import { envelopeHead } from "#kit/envelope.ts";

/** The way down to one client: a short queue of encoded messages. Who writes never waits; when it is full they leave out. */
export interface Outlet {
  /** Whether it takes another message. */
  readonly ready: boolean;
  /** Takes a message in its envelope, even when it isn't ready: the last words before an end. */
  push(envelope: Uint8Array): void;
  /** No message comes any more; the stream ends after those that wait, or at once with an error. */
  end(error?: ConnectError): void;
}

/** The other side of an {@link Outlet}. */
export interface OutletReader {
  /** The next message, without its envelope; undefined at the end. @throws the error that it ended with. */
  take(): Promise<Uint8Array | undefined>;
}

/** Messages that may wait: as long as the network holds the reader up for less, it misses nothing. */
const capacity = 4;

export function createOutlet(): Outlet & OutletReader {
  const waiting: Uint8Array[] = [];
  let ended = false;
  let failure: ConnectError | undefined;
  let wake: (() => void) | undefined;
  const ring = () => {
    wake?.();
    wake = undefined;
  };
  return {
    get ready() {
      return !ended && waiting.length < capacity;
    },
    push(envelope) {
      if (ended) return;
      waiting.push(envelope.subarray(envelopeHead));
      ring();
    },
    end(error) {
      if (ended) return;
      ended = true;
      failure = error;
      ring();
    },
    async take() {
      for (;;) {
        if (failure) throw failure;
        const message = waiting.shift();
        if (message) return message;
        if (ended) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
