import type { Message } from "./message.ts";
import type { Head } from "./store.ts";

/** A stored message, with the trace in which it was sent. */
export interface PublishedMessage {
  message: Message;
  traceparent?: string | undefined;
}

/** What one replica tells the others on a channel's Redis topic. */
export interface Publication {
  /** The replica that says it. */
  origin: string;
  /** The channel is at least this far. Absent: only Postgres knows, look there. */
  head?: Head;
  /** Consecutive, and the last one is the head. */
  messages: PublishedMessage[];
}

export const encodePublication = (publication: Publication): string => JSON.stringify(publication);

/** @returns undefined for what is no publication: a topic is only a hint, and Postgres has everything. */
export function decodePublication(text: string): Publication | undefined {
  try {
    const publication = JSON.parse(text) as Publication;
    for (const { message } of publication.messages) {
      message.createTime = new Date(message.createTime);
      if (message.partyInvite) message.partyInvite.expireTime = new Date(message.partyInvite.expireTime);
    }
    return publication;
  } catch {
    return undefined;
  }
}
