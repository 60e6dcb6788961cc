import { createHash } from "node:crypto";

/**
 * A refresh token: `<session id>.<random>`, where the random part is the session's family, the same in all its tokens, and what
 * makes this one token the current one. Nobody without a token of the session can know the family. So a right family with a wrong rest is
 * a token that was used before, and a wrong family is a guess that must not end anybody's session.
 */
export interface RefreshToken {
  sessionId: string;
  family: Buffer;
  current: Buffer;
}

/** 128 bits each. */
export const partLength = 16;

export const formatRefreshToken = ({ sessionId, family, current }: RefreshToken): string =>
  `${sessionId}.${Buffer.concat([family, current]).toString("base64url")}`;

/** @returns undefined when it can't be one of ours. */
export function parseRefreshToken(token: string): RefreshToken | undefined {
  const found = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([A-Za-z0-9_-]{43})$/.exec(token);
  if (!found) return undefined;
  const random = Buffer.from(found[2]!, "base64url");
  return { sessionId: found[1]!, family: random.subarray(0, partLength), current: random.subarray(partLength) };
}

/** What is stored of a part. Plain SHA-256: there is nothing to guess in 128 random bits. */
export const hashPart = (part: Buffer): string => createHash("sha256").update(part).digest("base64url");
