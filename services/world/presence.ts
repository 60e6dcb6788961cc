import { create, toBinary } from "@bufbuild/protobuf";
import { JoinedSchema, TransferSchema } from "#gen/game/world/v1/update_pb.ts";
import { type Join, PlayResponseSchema } from "#gen/game/world/v1/world_service_pb.ts";
import type { EndedSessions } from "#kit/ended-sessions.ts";
import { envelop } from "#kit/envelope.ts";
import { refuse as refuseAnyway } from "#kit/errors.ts";
import { callerOf } from "#kit/identity.ts";
import type { Host, Joiner } from "./host.ts";
import type { Hosted, Hosting } from "./hosting.ts";
import { walking } from "./movement.ts";
import type { Outlet } from "./outlet.ts";
import { elsewhere, refuse, zoneHeader } from "./refusals.ts";
import type { Session } from "./session.ts";
import type { WorldStore } from "./store.ts";
import { tickMs, type Whereabouts } from "./zone.ts";
import type { PortalRule } from "./zone-map.ts";

/** What the handlers of this service need. */
export interface WorldParts {
  hosting: Hosting;
  presences: Presences;
  /** Milliseconds of the epoch. */
  clock: () => number;
}

/** A player's place in a zone of this instance. */
export interface Presence extends Hosted {
  session: Session;
}

/** How players come into zones, are found there, and go. */
export interface Presences {
  /** Lets the caller in, and begins the stream with Joined. @throws ConnectError */
  join(header: Headers, join: Join, outlet: Outlet): Promise<Presence>;
  /** The caller's session. @throws ConnectError FAILED_PRECONDITION when they have not joined. */
  require(header: Headers, zoneId: string): Promise<Presence>;
  /** The zone that the caller is in, or would come into. */
  zoneOf(userId: string): Promise<string>;
  /** Takes the caller through a portal that they stand in; the stream ends with Transfer. */
  travel(presence: Presence, portal: PortalRule): Promise<void>;
  leave(presence: Presence): void;
}

/** @param instance this instance's own name. */
export function createPresences(options: {
  hosting: Hosting;
  store: WorldStore;
  sessions: Pick<EndedSessions, "isEnded">;
  instance: string;
  clock: () => number;
}): Presences {
  const { hosting, store, sessions, instance, clock } = options;
  const startZone = [...hosting.maps.values()].find(({ start }) => start)!.id;

  /** Where the caller was last. Undefined in the start zone: they have never been anywhere. */
  async function whereabouts(userId: string, { host }: Hosted): Promise<(Whereabouts & { from: string }) | undefined> {
    if (host.sessions.has(userId)) return undefined;
    const departed = host.departed.get(userId);
    if (departed) return { ...departed, from: "" };
    const found = await store.find(userId);
    const zoneId = found?.zoneId ?? startZone;
    if (zoneId !== host.zone.map.id) throw elsewhere({ zoneId });
    return found && { ...found, from: found.fromZoneId };
  }

  function joined(host: Host, session: Session, resumed: boolean): Uint8Array {
    const { entity, ackedSeq } = session.player;
    const value = create(JoinedSchema, {
      zoneId: host.zone.map.id,
      entityId: entity.id,
      resumeToken: session.resumeToken,
      resumed,
      ackedSeq,
      x: entity.x,
      y: entity.y,
      alive: !entity.dead,
      maxSpeed: walking.maxSpeed,
      tickMs,
      instance,
    });
    return envelop(toBinary(PlayResponseSchema, create(PlayResponseSchema, { event: { case: "joined", value } })));
  }

  return {
    async join(header, { zoneId, resumeToken }, outlet) {
      const joiner = joinerOf(header);
      requireZoneHeader(header, zoneId);
      if (clock() > joiner.expiresAt) throw refuse("token_expired", "the token has expired");
      const hosted = await hosting.require(zoneId);
      const { host, saving } = hosted;
      const at = await whereabouts(joiner.userId, hosted);
      if (sessions.isEnded(joiner.sessionId))
        throw refuseAnyway("session_ended", "the session has ended, log in again");
      if (hosting.hosted.get(zoneId)?.host !== host) throw refuse("zone_moving", "the zone is moving, try again");
      const here = host.sessions.has(joiner.userId);
      const { session, resumed } = host.join(joiner, resumeToken, outlet, at);
      if (!here) saving.noteEntry(joiner.userId, at?.from ?? "");
      outlet.push(joined(host, session, resumed));
      return { host, saving, session };
    },

    async require(header, zoneId) {
      const { userId } = callerOf(header);
      requireZoneHeader(header, zoneId);
      const hosted = await hosting.require(zoneId);
      const session = hosted.host.sessions.get(userId);
      if (!session || session.leaving) throw refuse("not_joined", "join the zone first, by Watch or Play");
      return { ...hosted, session };
    },

    async zoneOf(userId) {
      return (await store.find(userId))?.zoneId ?? startZone;
    },

    async travel({ host, saving, session }, { toZone, toPoint }) {
      session.leaving = true;
      try {
        await saving.transfer(session, toZone, toPoint);
      } catch (error) {
        session.leaving = false;
        throw error;
      }
      const value = create(TransferSchema, { zoneId: toZone });
      session.outlet?.push(
        envelop(toBinary(PlayResponseSchema, create(PlayResponseSchema, { event: { case: "transfer", value } }))),
      );
      host.remove(session, true);
    },

    leave: ({ host, session }) => host.remove(session),
  };
}

/** The edge sets the headers from a verified token. Without the end of the token there is none, as between services. */
function joinerOf(header: Headers): Joiner {
  const seconds = Number(header.get("x-session-expires") ?? Number.NaN);
  return { ...callerOf(header), expiresAt: Number.isFinite(seconds) ? 1_000 * seconds : Number.POSITIVE_INFINITY };
}

/** By the header the mesh has chosen this instance. */
export function requireZoneHeader(header: Headers, zoneId: string): void {
  const named = header.get(zoneHeader);
  if (named !== null && named !== zoneId)
    throw refuse("zone_header_differs", `the header ${zoneHeader} names another zone than the request`);
}
