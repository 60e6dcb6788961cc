import { randomBytes } from "node:crypto";
import type { ConnectError } from "@connectrpc/connect";
import { CorrectionReason } from "#gen/game/world/v1/update_pb.ts";
import type { Caller } from "#kit/identity.ts";
import { type Audience, createAudience } from "./audience.ts";
import { createZoneFeed, type ZoneFeed } from "./feed.ts";
import type { Lease } from "./leases.ts";
import { measure } from "./metrics.ts";
import type { Thing } from "./objects.ts";
import type { Outlet } from "./outlet.ts";
import { refuse } from "./refusals.ts";
import { createSession, noteRefusal, type Session } from "./session.ts";
import { type ActionRefusal, createZone, type StepResult, type Whereabouts, type Zone } from "./zone.ts";
import type { PortalRule, ZoneMap } from "./zone-map.ts";

/** Who joins: the edge has verified it. */
export interface Joiner extends Caller {
  /** When the token ends, in milliseconds of the epoch. */
  expiresAt: number;
}

export interface HostLimits {
  /** Milliseconds that a player stays without a connection. */
  graceMs: number;
  /** Milliseconds that a reader may be behind. */
  patienceMs: number;
  maxPlayers: number;
}

/** A zone that this instance owns: the zone, the sessions of its players, and those who watch it. */
export interface Host {
  readonly zone: Zone;
  readonly lease: Lease;
  readonly feed: ZoneFeed;
  readonly sessions: ReadonlyMap<string, Session>;
  /** Those who left since the last save, by user id. */
  readonly departed: Map<string, Whereabouts>;
  /** Whether nobody is in it. */
  readonly idle: boolean;
  /** The session of before, when the token names it or the player is still here; otherwise a new one. */
  join(
    joiner: Joiner,
    resumeToken: string,
    outlet: Outlet,
    at: Whereabouts | undefined,
  ): { session: Session; resumed: boolean };
  /** The connection of a session is gone. */
  disconnect(session: Session, outlet: Outlet): void;
  /** Takes a player out. `elsewhere`: they are in another zone by now, so there is nothing to save here. */
  remove(session: Session, elsewhere?: boolean): void;
  /** Takes a step; what it was refused for is told by the next update. */
  step(session: Session, seq: number, x: number, y: number): StepResult;
  interact(session: Session, seq: number, objectId: string): Thing | ActionRefusal;
  portal(session: Session, seq: number, portalId: string): PortalRule | ActionRefusal;
  tick(now: number): void;
  /** Ends all connections. */
  close(reason: ConnectError): void;
}

const corrections: Partial<Record<StepResult, CorrectionReason>> = {
  too_fast: CorrectionReason.TOO_FAST,
  blocked: CorrectionReason.BLOCKED,
  dead: CorrectionReason.DEAD,
};

/** What the client is told of a step that was not taken; 0 for one that was. */
export const correctionOf = (result: StepResult): CorrectionReason | 0 => corrections[result] ?? 0;

/** Messages beyond the pace in one second, after which a client is taken for hostile. */
const floodLimit = 200;
const secondMs = 1_000;

/** @param clock milliseconds of the epoch. */
export function createHost(options: { map: ZoneMap; lease: Lease; limits: HostLimits; clock: () => number }): Host {
  const { map, lease, limits, clock } = options;
  const zone = createZone(map, Number(lease.fence) & 0x7fffffff, clock());
  const feed = createZoneFeed(zone);
  const sessions = new Map<string, Session>();
  const departed = new Map<string, Whereabouts>();
  const audience: Audience = createAudience(zone, limits.patienceMs, {
    dropped: () => measure.dropped.add(1),
    tooSlow: (session) =>
      cut(session, refuse("reader_too_slow", "updates were not read for too long", { retryAfterS: 1 })),
  });
  let nextSweep = 0;
  let lastTick = 0;

  /** Ends the connection and leaves the player for the grace time. */
  function cut(session: Session, reason: ConnectError): void {
    session.outlet?.end(reason);
    session.outlet = undefined;
    session.graceUntil = clock() + limits.graceMs;
  }

  function remove(session: Session, elsewhere = false): void {
    if (!sessions.delete(session.player.userId)) return;
    const { entity } = session.player;
    if (!elsewhere)
      departed.set(session.player.userId, { x: entity.x, y: entity.y, life: entity.life, dead: entity.dead });
    zone.leave(session.player);
    session.outlet?.end();
    session.outlet = undefined;
  }

  function refused(session: Session, seq: number, reason: string): void {
    noteRefusal(session, seq, reason);
    measure.refused.add(1, { reason });
    if (reason === "moves_flooded" && ++session.floods === floodLimit)
      cut(session, refuse("moves_flooded", "steps came much faster than anyone walks", { retryAfterS: 5 }));
  }

  /** Once a second: who stayed away, whose token has ended. */
  function sweep(now: number): void {
    for (const session of sessions.values()) {
      session.floods = 0;
      if (!session.outlet && now > session.graceUntil) remove(session);
      else if (session.outlet && now > session.expiresAt)
        cut(session, refuse("token_expired", "the token has expired: join again with a new one"));
    }
  }

  return {
    zone,
    lease,
    feed,
    sessions,
    departed,
    get idle() {
      return sessions.size === 0 && feed.watchers.size === 0;
    },
    join(joiner, resumeToken, outlet, at) {
      const known = sessions.get(joiner.userId);
      if (known?.outlet) cut(known, refuse("joined_again", "the same player has joined from elsewhere"));
      const resumed = known !== undefined && known.resumeToken === resumeToken;
      if (!known && sessions.size >= limits.maxPlayers)
        throw refuse("zone_full", "the zone is full, try again later", { retryAfterS: 10 });
      const session = known ?? admit(joiner, at);
      if (known && !resumed) {
        // Another client of the same player: the player stays where they are, the numbers begin anew.
        session.player.ackedSeq = 0;
        session.seq = 0;
        session.refusals.length = 0;
      }
      const { sessionId, expiresAt } = joiner;
      Object.assign(session, { outlet, seen: -1, behindSince: 0, authSessionId: sessionId, expiresAt });
      return { session, resumed };
    },
    disconnect(session, outlet) {
      if (session.outlet !== outlet) return;
      session.outlet = undefined;
      session.graceUntil = clock() + limits.graceMs;
    },
    remove,
    step(session, seq, x, y) {
      const result = zone.step(session.player, seq, x, y, clock());
      if (result === "taken") measure.noteStep();
      else if (result === "seq_replayed" || result === "moves_flooded") refused(session, seq, result);
      else {
        session.correction = corrections[result]!;
        measure.corrections.add(1, { reason: result });
      }
      return result;
    },
    interact(session, seq, objectId) {
      const result = zone.interact(session.player, seq, objectId, clock());
      if (typeof result === "string") refused(session, seq, result);
      return result;
    },
    portal(session, seq, portalId) {
      const result = zone.portal(session.player, seq, portalId, clock());
      if (typeof result === "string") refused(session, seq, result);
      return result;
    },
    tick(now) {
      const start = performance.now();
      if (lastTick > 0) measure.tickLag.record(Math.max(0, now - lastTick) / 1_000);
      lastTick = now;
      zone.advance(now);
      if (now >= nextSweep) {
        nextSweep = now + secondMs;
        sweep(now);
      }
      audience.tell(sessions.values(), now);
      feed.tell(now);
      zone.entities.clearChanges();
      measure.tick.record((performance.now() - start) / 1_000, { "game.world.zone": map.id });
    },
    close(reason) {
      for (const { outlet } of sessions.values()) outlet?.end(reason);
      for (const outlet of feed.watchers) outlet.end(reason);
    },
  };

  function admit({ userId, username, sessionId, expiresAt }: Joiner, at: Whereabouts | undefined): Session {
    const player = zone.enter(userId, username, departed.get(userId) ?? at, clock());
    departed.delete(userId);
    const session = createSession(player, randomBytes(16).toString("base64url"), { sessionId, expiresAt });
    sessions.set(userId, session);
    return session;
  }
}
