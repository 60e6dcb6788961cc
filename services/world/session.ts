import type { CorrectionReason } from "#gen/game/world/v1/update_pb.ts";
import type { Outlet } from "./outlet.ts";
import type { Player } from "./zone.ts";

/** A player's session in a zone: it outlives a broken connection by the grace time. */
export interface Session {
  readonly player: Player;
  /** Names it when the client comes back. */
  readonly resumeToken: string;
  /** The login session and the end of its token, in milliseconds of the epoch. Another connection may bring another one. */
  authSessionId: string;
  expiresAt: number;
  /** The way to the client; undefined while there is none. */
  outlet: Outlet | undefined;
  /** Without a connection it ends then. */
  graceUntil: number;
  /** The last update that was sent. */
  seq: number;
  /** The cell around which the client knows everything; -1: it knows nothing. */
  seen: number;
  toldAck: number;
  toldAt: number;
  /** Since when its reader has not kept up; 0 while it does. */
  behindSince: number;
  /** To tell at the next update. */
  correction: CorrectionReason;
  refusals: { seq: number; reason: string }[];
  /** Steps and actions beyond the pace since the last second began. */
  floods: number;
  /** Whether it is on its way to another zone: nothing it asks for has an effect. */
  leaving: boolean;
  /** Where it was when it was last saved, and told of as player_moved. */
  savedX: number;
  savedY: number;
  sampledAt: number;
}

export function createSession(
  player: Player,
  resumeToken: string,
  auth: { sessionId: string; expiresAt: number },
): Session {
  return {
    ...{ player, resumeToken, authSessionId: auth.sessionId, expiresAt: auth.expiresAt },
    ...{ outlet: undefined, graceUntil: 0, seq: 0, seen: -1, toldAck: 0, toldAt: 0, behindSince: 0 },
    ...{ correction: 0, refusals: [], floods: 0, leaving: false, savedX: -1, savedY: -1, sampledAt: 0 },
  };
}

/** Of all that was refused at one tick, so many are told of. */
const toldRefusals = 8;

export function noteRefusal(session: Session, seq: number, reason: string): void {
  if (session.refusals.length < toldRefusals) session.refusals.push({ seq, reason });
}
