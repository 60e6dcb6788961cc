import type { Redis } from "ioredis";
import type { Log } from "#kit/log.ts";
import { createFeed, type Feed } from "./feed.ts";
import { createListener, type Listener } from "./listener.ts";
import { decodePublication, encodePublication, type PublishedMessage } from "./publication.ts";
import { refuse } from "./refusals.ts";
import type { ChatStore, Head } from "./store.ts";

/** Takes messages to the listeners of all replicas. Channels are given by their stored names. */
export interface Fanout {
  /** Tells all replicas of messages that were stored, this one first. Needs no Redis: the others find them by themselves, later. */
  publish(channel: string, head: Head, messages: PublishedMessage[]): void;
  /** Tells all replicas that a channel has changed otherwise. */
  touch(channel: string): void;
  /**
   * Begins to listen, from now on or after the message ids given. Nothing is missed from the cursors on that it returns with.
   *
   * @throws when Postgres is away, and ConnectError OUT_OF_RANGE for an id that the channel has not reached.
   */
  listen(userId: string, wanted: { channel: string; after?: number | undefined }[]): Promise<Listener>;
  /** Looks in Postgres for what nobody has told of. Done all the time; here for those who can't wait. */
  check(): Promise<void>;
  close(): void;
}

const prefix = "chat:channel:";

/**
 * @param origin the name of this replica.
 * @param subscriber a Redis connection for subscriptions; {@link Fanout} needs it for itself on `chat:channel:*`.
 * @param checkMs the longest that a message may stay unnoticed that Redis lost, or that a replica stored and died.
 */
export function createFanout(options: {
  store: ChatStore;
  redis: Redis;
  subscriber: Redis;
  origin: string;
  checkMs: number;
  log: Log;
}): Fanout {
  const { store, redis, subscriber, origin, log } = options;
  const feeds = new Map<string, Feed>();
  let checking: Promise<void> | undefined;

  const quietly = (what: string) => (error: Error) => log.debug({ err: error.message }, what);

  function open(channel: string): Feed {
    const open = feeds.get(channel);
    if (open) return open;
    const feed = createFeed(channel, store, quietly("a channel waits for Postgres"));
    feeds.set(channel, feed);
    if (subscriber.status === "ready") follow([channel]);
    return feed;
  }

  /** What was said before the subscription is in force is looked up after it. */
  function follow(channels: string[]): void {
    const topics = channels.map((channel) => prefix + channel);
    if (topics.length > 0)
      subscriber.subscribe(...topics).then(() => checkSome(channels), quietly("no subscription yet"));
  }

  function leave(feed: Feed): void {
    if (feed.followers.size > 0) return;
    feeds.delete(feed.channel);
    if (subscriber.status === "ready")
      subscriber.unsubscribe(prefix + feed.channel).catch(quietly("no subscription to end"));
  }

  subscriber.on("message", (topic: string, text: string) => {
    if (!topic.startsWith(prefix)) return;
    const channel = topic.slice(prefix.length);
    const feed = feeds.get(channel);
    // ioredis takes up again what was given up while the connection was lost.
    if (!feed) subscriber.unsubscribe(topic).catch(quietly("no subscription to end"));
    const told = decodePublication(text);
    if (!told || told.origin === origin) return;
    if (told.head) feed?.note(told.head, told.messages);
    else void checkSome([channel]);
  });
  // At the first connection, and after a loss of it.
  subscriber.on("ready", () => follow([...feeds.keys()]));

  async function checkSome(channels: string[]): Promise<void> {
    const open = channels.filter((channel) => feeds.has(channel));
    if (open.length === 0) return;
    try {
      for (const [channel, head] of await store.heads(open)) feeds.get(channel)?.begin(head);
    } catch (error) {
      quietly("Postgres can't be asked for new messages")(error as Error);
    }
  }

  /** One at a time: a database that is slow isn't asked the more. */
  function check(): Promise<void> {
    checking ??= checkSome([...feeds.keys()]).finally(() => {
      checking = undefined;
    });
    return checking;
  }

  const timer = setInterval(check, options.checkMs);

  function tell(channel: string, head?: Head, messages: PublishedMessage[] = []): void {
    const publication = encodePublication({ origin, messages, ...(head && { head }) });
    redis.publish(prefix + channel, publication).catch(quietly("the other replicas will find out by themselves"));
  }

  return {
    publish(channel, head, messages) {
      feeds.get(channel)?.note(head, messages);
      tell(channel, head, messages);
    },
    touch(channel) {
      void checkSome([channel]);
      tell(channel);
    },
    async listen(userId, wanted) {
      const listener = createListener(userId, store, leave);
      try {
        const joined = wanted.map(({ channel, after }) => ({ feed: open(channel), after }));
        for (const { feed } of joined) listener.join(feed);
        const heads = await store.heads(wanted.map(({ channel }) => channel));
        for (const { feed, after } of joined) {
          const head = heads.get(feed.channel)!;
          if (after !== undefined && after > head.lastId)
            throw refuse("cursor_ahead", `${feed.channel} has no message ${after} yet`);
          listener.begin(feed, after ?? head.lastId);
          feed.begin(head);
        }
        return listener;
      } catch (error) {
        listener.close();
        throw error;
      }
    },
    check,
    close() {
      clearInterval(timer);
    },
  };
}
