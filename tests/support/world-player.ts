import { setTimeout as pause } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import type { Update } from "#gen/game/world/v1/update_pb.ts";
import { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import { createEdgeTransport, type Protocol } from "./clients.ts";
import { type Action, type Game, play } from "./world-game.ts";
import { createWorldView, type WorldView } from "./world-view.ts";

/** A player in the world as a good client plays: it finds the instance that owns its zone, and comes back when a stream breaks. */
export interface WorldPlayer {
  readonly view: WorldView;
  readonly zoneId: string;
  readonly entityId: number;
  /** The instance that answers. */
  readonly instance: string;
  /** Where the world has the player, as far as is known. */
  readonly x: number;
  readonly y: number;
  /** How often it has joined, and how often the world put it back. */
  readonly joins: number;
  readonly corrections: number;
  /** The steps that have been processed. */
  readonly ackedSeq: number;
  /** Sends a step; gives its number. Without a connection it is lost. */
  step(x: number, y: number): number;
  interact(objectId: string): void;
  usePortal(portalId: string): void;
  /** Is called with every update. */
  onUpdate(listener: (update: Update) => void): void;
  /** Leaves the world. */
  leave(): Promise<void>;
  /** Goes away without a word. */
  close(): void;
  /** Rejects when the world will not have it any more: the token has ended, or somebody else plays it. */
  readonly ended: Promise<void>;
}

export interface WorldPlayerOptions {
  token: string;
  protocol?: Protocol;
  from?: string;
  /** How long no update may come before the connection is given up, in milliseconds. */
  silenceMs?: number;
  headers?: Record<string, string>;
  connection?: Http2SessionManager;
  /** Opens a stream in another way than by a client of connect-es. */
  play?: (
    headers: Record<string, string>,
    zoneId: string,
    resumeToken: string,
    seen: (update: Update) => void,
  ) => Promise<Game>;
}

/** Joins through the edge at `edge`, in the zone where the player is. Resolves when they are in. */
export async function joinWorld(edge: string, options: WorldPlayerOptions): Promise<WorldPlayer> {
  const { token, protocol = "grpc", from, connection, silenceMs = 3_000 } = options;
  const client = (headers: Record<string, string>) =>
    createClient(
      WorldService,
      createEdgeTransport(edge, { token, protocol, from, connection, headers: { ...options.headers, ...headers } }),
    );
  const open: WorldPlayerOptions["play"] & {} =
    options.play ?? ((headers, zoneId, resumeToken, seen) => play(client(headers), zoneId, resumeToken, seen));
  const view = createWorldView();
  const listeners: ((update: Update) => void)[] = [];
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => undefined);
  let zoneId = (await client({}).listZones({})).currentZoneId;
  let owner = "";
  let game: Game | undefined;
  let resumeToken = "";
  let closed = false;
  let heardAt = 0;
  const me = { x: 0, y: 0, entityId: 0, instance: "", joins: 0, corrections: 0, ackedSeq: 0, seq: 0 };

  function hear(update: Update): void {
    heardAt = performance.now();
    view.apply(update);
    me.ackedSeq = update.ackedSeq;
    const self = view.entities.get(me.entityId);
    if (self) Object.assign(me, { x: self.x, y: self.y });
    if (update.correction) {
      me.corrections++;
      Object.assign(me, { x: update.correction.x, y: update.correction.y });
    }
    for (const listener of listeners) listener(update);
  }

  async function join(): Promise<void> {
    const headers = { "x-zone-id": zoneId, ...(owner && { "x-world-instance": owner }) };
    heardAt = performance.now();
    const joining = open(headers, zoneId, resumeToken, hear);
    // An instance that stands still does not even say no.
    const late = pause(silenceMs, undefined, { ref: false }).then(() => {
      throw new ConnectError("no answer", Code.Unavailable);
    });
    late.catch(() => undefined);
    joining.then(
      (late) => late !== game && closed && late.close(),
      () => undefined,
    );
    const next = await Promise.race([joining, late]);
    const { joined } = next;
    game = next;
    resumeToken = joined.resumeToken;
    const { entityId, x, y, instance } = joined;
    Object.assign(me, {
      entityId,
      x,
      y,
      instance,
      joins: me.joins + 1,
      ackedSeq: joined.ackedSeq,
      seq: joined.ackedSeq,
    });
  }

  /** Where to try next; throws what is final. */
  function learn(thrown: unknown): void {
    const error = ConnectError.from(thrown);
    const [zone, instance] = ["x-zone-id", "x-world-instance"].map((name) => error.metadata.get(name));
    if (error.code === Code.FailedPrecondition && (zone || instance)) {
      if (zone) {
        zoneId = zone;
        resumeToken = "";
      }
      owner = instance ?? "";
    } else if (
      error.code === Code.Unauthenticated ||
      error.code === Code.Aborted ||
      error.code === Code.PermissionDenied
    )
      throw error;
    else owner = "";
  }

  async function joinSomewhere(): Promise<void> {
    for (let attempt = 0; !closed; attempt++) {
      try {
        return await join();
      } catch (error) {
        learn(error);
        await pause(Math.min(50 * 2 ** attempt, 500));
      }
    }
  }

  /** Lives through one connection. */
  async function stay(current: Game): Promise<void> {
    const silence = setInterval(() => {
      if (performance.now() - heardAt > silenceMs) current.close();
    }, 250);
    try {
      const transfer = current.transfer().catch(() => undefined);
      const error = await current.ended;
      const gone = await transfer;
      if (gone) {
        zoneId = gone.zoneId;
        resumeToken = "";
        owner = "";
      } else if (error) learn(error);
    } finally {
      clearInterval(silence);
    }
  }

  await joinSomewhere();
  const living = (async () => {
    while (!closed) {
      await stay(game!);
      if (!closed) await joinSomewhere();
    }
  })();
  living.then(ended.resolve, ended.reject);

  const send = (action: Action) => game?.send(action);
  return {
    view,
    get zoneId() {
      return zoneId;
    },
    get entityId() {
      return me.entityId;
    },
    get instance() {
      return me.instance;
    },
    get x() {
      return me.x;
    },
    get y() {
      return me.y;
    },
    get joins() {
      return me.joins;
    },
    get corrections() {
      return me.corrections;
    },
    get ackedSeq() {
      return me.ackedSeq;
    },
    ended: ended.promise,
    step(x, y) {
      send({ case: "moves", value: { steps: [{ seq: ++me.seq, x, y }] } });
      return me.seq;
    },
    interact: (objectId) => send({ case: "interact", value: { seq: ++me.seq, objectId } }),
    usePortal: (portalId) => send({ case: "usePortal", value: { seq: ++me.seq, portalId } }),
    onUpdate: (listener) => void listeners.push(listener),
    async leave() {
      closed = true;
      send({ case: "leave", value: {} });
      await game?.ended;
    },
    close() {
      closed = true;
      game?.close();
    },
  };
}
