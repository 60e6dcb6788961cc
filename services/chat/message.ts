import type { OutgoingEvent } from "#kit/outbox.ts";

export interface Sender {
  userId: string;
  username: string;
}

/** An invite as the invited player gets it. */
export interface PartyInvite {
  inviteId: string;
  partyId: string;
  expireTime: Date;
}

/** What is said: a text, or an invite. On `system` a text is a notification; in an inbox it is the first whisper of its sender. */
export interface Content {
  text?: string;
  partyInvite?: PartyInvite;
}

/** A message that has no place in its channel yet. */
export interface Draft extends Content {
  /** Absent for what the platform says. */
  sender?: Sender;
  /** The sender's own name for the message: one that they used before is not stored again. */
  requestId?: string;
  /** The trace in which it was sent. */
  traceparent?: string;
  /** What the other services are told once it is stored; its message id is filled in then. */
  event?: OutgoingEvent;
}

/** A message in its place. */
export interface Message extends Content {
  /** The stored name. */
  channel: string;
  /** Counts up by one within the channel. */
  id: number;
  sender?: Sender;
  createTime: Date;
}

/** Unicode code points. */
export const maxLength = 500;

/**
 * A text as it is stored: line breaks are `\n`, tabs are spaces, other control characters and those that turn the direction of what
 * follows are gone, and so is white space around it. Joiners stay: scripts and emoji need them.
 *
 * @throws RangeError when nothing visible is left, or more than {@link maxLength} code points.
 */
export function cleanText(raw: string): string {
  const text = raw
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replaceAll("\t", " ")
    .replace(/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/gu, "")
    .trim();
  if (!/[^\p{White_Space}\p{Default_Ignorable_Code_Point}]/u.test(text)) throw new RangeError("the text is blank");
  if (lengthOf(text) > maxLength) throw new RangeError(`the text is longer than ${maxLength} characters`);
  return text;
}

/** The length of a text in Unicode code points. */
export const lengthOf = (text: string): number => [...text].length;
