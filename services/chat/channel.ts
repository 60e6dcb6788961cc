/**
 * Channels have two names. The *stored* one is the same for everybody; the *reader's* is what the contract shows: a whisper is
 * `whisper/<the other>` to both sides, and one's own inbox is `inbox`.
 *
 * | reader's | stored |
 * |---|---|
 * | world, system, zone/Z, party/P, guild/G | the same |
 * | whisper/B, to A | whisper/A~B, the ids sorted |
 * | inbox, to A | inbox/A |
 */

export type ChannelKind = "world" | "zone" | "party" | "guild" | "whisper" | "inbox" | "system";

/** The stored name of the channel that `userId` calls `name`. */
export function storedChannel(name: string, userId: string): string {
  const [kind, id = ""] = name.split("/", 2);
  switch (kind) {
    case "whisper":
      return `whisper/${[userId, id.toLowerCase()].sort().join("~")}`;
    case "inbox":
      return `inbox/${userId}`;
    case "party":
      return `party/${id.toLowerCase()}`;
    default:
      return name;
  }
}

/** What `userId` calls the stored channel. */
export function channelNameFor(stored: string, userId: string): string {
  const kind = kindOf(stored);
  if (kind === "whisper") return `whisper/${whisperPartner(stored, userId)}`;
  return kind === "inbox" ? "inbox" : stored;
}

/** The kind of a channel, by either of its names. */
export const kindOf = (channel: string): ChannelKind => channel.split("/", 1)[0] as ChannelKind;

/** Whether only members may read and write here. The others are open to whoever can name them: see {@link storedChannel}. */
export const hasMembers = (channel: string): boolean => ["party", "guild"].includes(kindOf(channel));

/** The one whom `userId` whispers with on a stored whisper channel; themselves when they are alone on it. */
export function whisperPartner(stored: string, userId: string): string {
  const ids = stored.slice("whisper/".length).split("~");
  return ids.find((id) => id !== userId) ?? userId;
}

/** Whether a text has the form of a user's id. */
export const isUserId = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
