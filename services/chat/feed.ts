import { context, propagation, type Span, SpanKind, trace } from "@opentelemetry/api";
import { kindOf } from "./channel.ts";
import type { Message } from "./message.ts";
import type { PublishedMessage } from "./publication.ts";
import type { ChatStore, Head } from "./store.ts";

/** Who follows a feed. */
export interface Follower {
  userId: string;
  /** The feed has moved on. */
  wake(): void;
  /** The user is no member of the channel any more. */
  drop(): void;
}

/** One channel as this replica follows it: a short ring of its newest messages, without gaps, for all listeners together. */
export interface Feed {
  readonly channel: string;
  /** The id of the newest message in the ring, and of the newest one that listeners may read. */
  readonly head: number;
  readonly followers: Set<Follower>;
  /** Tells how far the channel is, as Postgres says: the first time, the feed begins there. */
  begin(head: Head): void;
  /** Tells how far the channel is, with those of its messages that are at hand. */
  note(head: Head, messages?: PublishedMessage[]): void;
  /** At most `limit` messages after `id`; undefined when the ring doesn't reach back so far. */
  after(id: number, limit: number): Message[] | undefined;
}

const ringSize = 200;

const tracer = trace.getTracer("game-mesh/chat");

/** @param onAway is told when Postgres could not give what is missing; the next {@link Feed.note} tries again. */
export function createFeed(
  channel: string,
  store: Pick<ChatStore, "listAfter" | "members">,
  onAway: (error: Error) => void,
): Feed {
  let ring: Message[] = [];
  let begun = false;
  let head = 0;
  let memberRevision = 0;
  /** The furthest that anyone has told of. */
  let known: Head = { lastId: 0, memberRevision: 0 };
  /** Told of, but not in the ring yet: what comes before is missing, or leavers must go first. */
  const early = new Map<number, { message: Message; span: Span | undefined }>();
  const followers = new Set<Follower>();
  let moving = false;

  function begin(told: Head): void {
    if (!begun) {
      begun = true;
      head = told.lastId;
      memberRevision = told.memberRevision;
      for (const id of early.keys()) if (id <= head) forget(id);
    }
    note(told);
  }

  function note(told: Head, messages: PublishedMessage[] = []): void {
    known = {
      lastId: Math.max(known.lastId, told.lastId),
      memberRevision: Math.max(known.memberRevision, told.memberRevision),
    };
    for (const { message, traceparent } of messages)
      if (message.id > head && !early.has(message.id) && early.size < ringSize)
        early.set(message.id, { message, span: startDeliverySpan(channel, message, traceparent) });
    if (begun && !moving) void move();
  }

  /** Takes the feed as far as is known. Doesn't wait when nothing is missing, so that messages go on at once. */
  async function move(): Promise<void> {
    moving = true;
    try {
      while (head < known.lastId || memberRevision < known.memberRevision) {
        // Before any message: who has left must not read what was said since.
        if (memberRevision < known.memberRevision) await dropLeavers(known.memberRevision);
        else if (early.has(head + 1)) push(early.get(head + 1)!.message);
        else await fetchMissing();
      }
    } catch (error) {
      onAway(error as Error);
    } finally {
      moving = false;
      for (const follower of followers) follower.wake();
    }
  }

  async function dropLeavers(revision: number): Promise<void> {
    const members = await store.members(channel);
    for (const follower of followers) if (!members.has(follower.userId)) follower.drop();
    memberRevision = revision;
  }

  async function fetchMissing(): Promise<void> {
    const missing = await store.listAfter(channel, head, known.lastId, ringSize);
    if (missing.length === 0) throw new Error(`${channel} has no message ${head + 1}`);
    for (const message of missing) push(message);
  }

  function push(message: Message): void {
    ring.push(message);
    head = message.id;
    if (ring.length >= 2 * ringSize) ring = ring.slice(-ringSize);
    forget(head);
  }

  function forget(id: number): void {
    early.get(id)?.span?.end();
    early.delete(id);
  }

  return {
    channel,
    followers,
    begin,
    note,
    get head() {
      return head;
    },
    after(id, limit) {
      const start = ring.length - (head - id);
      return start < 0 ? undefined : ring.slice(start, start + limit);
    },
  };
}

/** The delivery on this replica, whatever the number of its listeners, as a child of the sending. */
function startDeliverySpan(channel: string, message: Message, traceparent: string | undefined): Span | undefined {
  if (!traceparent) return undefined;
  const parent = propagation.extract(context.active(), { traceparent });
  const attributes = {
    "messaging.system": "redis",
    "messaging.operation.type": "process",
    "messaging.message.id": String(message.id),
    "game.chat.channel_kind": kindOf(channel),
  };
  return tracer.startSpan("deliver chat message", { kind: SpanKind.CONSUMER, attributes }, parent);
}
