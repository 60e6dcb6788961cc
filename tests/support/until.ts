import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again and again until `ask` gives something, and returns it.
 *
 * @param what is waited for, for the message when the deadline (in milliseconds) passes.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  deadlineMs = 30_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const found = await ask();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    await sleep(20);
  }
  throw new Error(`${what}: not within ${deadlineMs} ms`, { cause: last });
}
