import { createBell } from "#kit/bell.ts";
import { isAway } from "#kit/errors.ts";
import type { Feed } from "./feed.ts";
import type { Message } from "./message.ts";
import type { ChatStore } from "./store.ts";

/**
 * One subscription's reading of its feeds. It has no queue: only how far it has read each, so a slow one costs nothing and slows
 * nobody. What the ring has lost by the time it comes is read from Postgres.
 */
export interface Listener {
  /** How far it has read, by stored channel. Channels that the user has left are gone. */
  readonly cursors: ReadonlyMap<string, number>;
  /**
   * The next messages, each channel's in order; waits for them.
   *
   * @returns undefined when none came within `ms`, an empty array after {@link Listener.wake}.
   */
  next(ms: number): Promise<Message[] | undefined>;
  wake(): void;
  close(): void;
}

/** Messages of one channel read at once. */
const batchSize = 100;

/** @param leave is called for each feed that the listener gives up. */
export function createListener(
  userId: string,
  store: Pick<ChatStore, "listAfter">,
  leave: (feed: Feed) => void,
): Listener & { join(feed: Feed): void; begin(feed: Feed, cursor: number): void } {
  const bell = createBell();
  let woken = false;
  const cursors = new Map<string, number>();
  const joined = new Map<Feed, { userId: string; wake(): void; drop(): void }>();

  function drop(feed: Feed): void {
    const follower = joined.get(feed);
    if (!follower) return;
    feed.followers.delete(follower);
    joined.delete(feed);
    cursors.delete(feed.channel);
    leave(feed);
  }

  /** What the ring doesn't have any more; nothing while Postgres is away. */
  async function readStored(feed: Feed, cursor: number): Promise<Message[]> {
    try {
      const messages = await store.listAfter(feed.channel, cursor, feed.head, batchSize);
      // The user may have left while Postgres was asked.
      return joined.has(feed) ? messages : [];
    } catch (error) {
      // The fan-out's next look at Postgres that succeeds wakes everybody.
      if (!isAway(error)) throw error;
      return [];
    }
  }

  async function readAll(): Promise<Message[]> {
    const batch: Message[] = [];
    for (const feed of joined.keys()) {
      const cursor = cursors.get(feed.channel);
      if (cursor === undefined || feed.head <= cursor) continue;
      const messages = feed.after(cursor, batchSize) ?? (await readStored(feed, cursor));
      const last = messages.at(-1);
      if (!last) continue;
      cursors.set(feed.channel, last.id);
      batch.push(...messages);
    }
    return batch;
  }

  return {
    cursors,
    join(feed) {
      const follower = { userId, wake: bell.ring, drop: () => drop(feed) };
      joined.set(feed, follower);
      feed.followers.add(follower);
    },
    begin(feed, cursor) {
      if (joined.has(feed)) cursors.set(feed.channel, cursor);
    },
    async next(ms) {
      const deadline = performance.now() + ms;
      for (;;) {
        const messages = await readAll();
        if (messages.length > 0 || woken) {
          woken = false;
          return messages;
        }
        if (!(await bell.wait(Math.max(0, deadline - performance.now())))) return undefined;
      }
    },
    wake() {
      woken = true;
      bell.ring();
    },
    close() {
      for (const feed of [...joined.keys()]) drop(feed);
    },
  };
}
