import { createHash } from "node:crypto";
import type { SpamRules } from "./spam-rules.ts";

/** What the filter remembers of a message: never its text. */
export interface Trace {
  /** Milliseconds since 1970. */
  at: number;
  /** Equal for texts that a reader takes for the same. */
  fingerprint: string;
  links: number;
}

export interface Verdict {
  rule: "spam_flood" | "spam_repeat" | "spam_links" | "spam_blocked_host";
  message: string;
  /** When the same message would pass; undefined when it never will. */
  retryAfterS?: number;
}

/**
 * Whether a player who has said `recent` may say `text` at `now`.
 *
 * @param recent in any order; what is older than the rules' windows doesn't count.
 * @returns undefined when they may.
 */
export function judge(rules: SpamRules, recent: readonly Trace[], text: string, now: number): Verdict | undefined {
  const { fingerprint, links } = traceOf(text, now);
  return (
    judgeHosts(rules, text) ??
    judgeFloods(rules, recent, now) ??
    judgeRepeats(rules, recent, fingerprint, now) ??
    judgeLinks(rules, recent, links, now)
  );
}

/** What is remembered of a text. */
export function traceOf(text: string, at: number): Trace {
  const fingerprint = createHash("sha256").update(normalise(text)).digest("base64url").slice(0, 16);
  return { at, fingerprint, links: hostsIn(text).length };
}

/** The longest time that the rules look back, in milliseconds. */
export const memoryOf = ({ floods, repeats, links }: SpamRules): number =>
  1_000 * Math.max(...floods.map(({ seconds }) => seconds), repeats.seconds, links.seconds);

/**
 * A text as a reader takes it: without case, accents' encodings, spaces, punctuation, invisible characters and drawn-out letters, which
 * spammers vary. Digits count each. A text of nothing else (emoji, "?!") stays what it is.
 */
export function normalise(text: string): string {
  const plain = text.normalize("NFKC").toLowerCase();
  const words = plain.replace(/[^\p{L}\p{N}]/gu, "").replace(/(\p{L})\1{2,}/gu, "$1");
  return words || plain.replace(/[\p{White_Space}\p{Default_Ignorable_Code_Point}]/gu, "");
}

/** Top-level domains that make words with a dot a link without `https://` or `www.`. */
const bareDomains = "com|net|org|info|biz|io|gg|tv|me|co|app|dev|xyz|top|shop|site|online|club|ru|cn";
const link = new RegExp(
  `(?:https?://|\\bwww\\.)([^\\s,/?#\\\\]+)|\\b((?:[a-z0-9-]{1,63}\\.){1,8}(?:${bareDomains})(?:\\.[a-z]{2})?)(?![a-z0-9-])`,
  "giu",
);

/** The hosts of the links in a text, without `www.`, one for each link; one that stands inside another's path counts, too. */
export function hostsIn(text: string): string[] {
  const plain = text.normalize("NFKC").toLowerCase();
  return [...plain.matchAll(link)].map(([, withScheme, bare]) => bare ?? hostOf(withScheme!));
}

/** Without a name and password before it, the port and the root's dot. */
const hostOf = (authority: string) => authority.replace(/^.*@/, "").replace(/:\d*$/, "").replace(/\.+$/, "");

function judgeHosts({ links: { blockedHosts } }: SpamRules, text: string): Verdict | undefined {
  if (blockedHosts.length === 0) return undefined;
  // A blocked host is known without a scheme, too, whatever its top-level domain.
  const dotted =
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu) ?? [];
  const isBlocked = (host: string) => blockedHosts.some((blocked) => host === blocked || host.endsWith(`.${blocked}`));
  const blocked = [...hostsIn(text), ...dotted].find(isBlocked);
  return blocked === undefined
    ? undefined
    : { rule: "spam_blocked_host", message: `links to ${blocked} are not allowed` };
}

function judgeFloods({ floods }: SpamRules, recent: readonly Trace[], now: number): Verdict | undefined {
  for (const { messages, seconds } of floods) {
    const times = within(recent, seconds, now).map(({ at }) => at);
    if (times.length < messages) continue;
    return {
      rule: "spam_flood",
      message: `at most ${messages} messages in ${seconds} seconds`,
      retryAfterS: untilFewer(times, messages, seconds, now),
    };
  }
  return undefined;
}

function judgeRepeats({ repeats }: SpamRules, recent: readonly Trace[], fingerprint: string, now: number) {
  const same = within(recent, repeats.seconds, now).filter((one) => one.fingerprint === fingerprint);
  if (same.length < repeats.times) return undefined;
  const retryAfterS = untilFewer(
    same.map(({ at }) => at),
    repeats.times,
    repeats.seconds,
    now,
  );
  const message = `the same text at most ${repeats.times} times in ${repeats.seconds} seconds`;
  return { rule: "spam_repeat", message, retryAfterS } as const;
}

function judgeLinks({ links: rules }: SpamRules, recent: readonly Trace[], links: number, now: number) {
  if (links === 0) return undefined;
  const most = Math.min(rules.perMessage, rules.perWindow);
  if (links > most) return { rule: "spam_links", message: `at most ${most} links in a message` } as const;
  const earlier = within(recent, rules.seconds, now).flatMap((one) => Array<number>(one.links).fill(one.at));
  if (earlier.length + links <= rules.perWindow) return undefined;
  const retryAfterS = untilFewer(earlier, rules.perWindow - links + 1, rules.seconds, now);
  return {
    rule: "spam_links",
    message: `at most ${rules.perWindow} links in ${rules.seconds} seconds`,
    retryAfterS,
  } as const;
}

const within = (recent: readonly Trace[], seconds: number, now: number) =>
  recent.filter(({ at }) => at > now - 1_000 * seconds);

/** In how many seconds fewer than `limit` of `times` lie within the window. */
function untilFewer(times: number[], limit: number, seconds: number, now: number): number {
  const last = times.toSorted((a, b) => b - a)[limit - 1]!;
  return (last + 1_000 * seconds - now) / 1_000;
}
