/** Too many wait already. */
export class GateFullError extends Error {
  override name = "GateFullError";
}

/** Runs work, some at once, the rest in the order of asking. */
export type Gate = <T>(work: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/**
 * @param parallel how many run at once.
 * @param maxWaiting how many may wait; one more is refused with {@link GateFullError}.
 * @returns a gate. Work whose `signal` is aborted while it waits is not run: the promise rejects with the signal's reason.
 */
export function createGate(parallel: number, maxWaiting: number): Gate {
  const waiting = new Set<() => void>();
  let running = 0;

  function enter(signal?: AbortSignal): Promise<void> | void {
    signal?.throwIfAborted();
    if (running < parallel) {
      running++;
      return;
    }
    if (waiting.size >= maxWaiting) throw new GateFullError("too many wait already");
    return new Promise((resolve, reject) => {
      const leave = () => {
        waiting.delete(go);
        reject(signal?.reason);
      };
      const go = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      signal?.addEventListener("abort", leave, { once: true });
      waiting.add(go);
    });
  }

  /** The place goes to the one who has waited longest. */
  function exit(): void {
    const [next] = waiting;
    if (next) {
      waiting.delete(next);
      next();
    } else running--;
  }

  return async (work, signal) => {
    await enter(signal);
    try {
      return await work();
    } finally {
      exit();
    }
  };
}
