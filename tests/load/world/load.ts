/**
 * The players of `npm run bench:world`, in a process of its own: opens so many Play streams, walks each at 20 Hz, and counts what comes down.
 * Reads a {@link WorldLoad} from its input and writes a {@link WorldOutcome}. It speaks Connect by hand over few connections, so that it can
 * carry more players than the server.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { PlayRequestSchema, PlayResponseSchema } from "#gen/game/world/v1/world_service_pb.ts";

export interface WorldLoad {
  url: string;
  zoneId: string;
  /** The headers of each player's stream. */
  players: Record<string, string>[];
  seconds: number;
  /** The sides of the ground, in centimetres. */
  width: number;
  height: number;
}

export interface WorldOutcome {
  players: number;
  seconds: number;
  sent: number;
  updates: number;
  bytes: number;
  corrections: number;
  /** Milliseconds between two updates of a player. */
  gapP50: number;
  gapP99: number;
  /** Milliseconds from a step to the update that acknowledges it, of some of the players. */
  ageP50: number;
  ageP99: number;
  /** Streams that ended. */
  lost: number;
}

const perSession = 90;
const stride = 25;
/** One player in so many has its updates decoded. */
const sampled = 10;

const load = (await json(process.stdin)) as WorldLoad;
let [sent, updates, bytes, corrections, lost] = [0, 0, 0, 0, 0];
let counting = false;
const gaps: number[] = [];
const ages: number[] = [];

function envelope(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(5 + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

interface Walker {
  stream: ClientHttp2Stream;
  x: number;
  y: number;
  angle: number;
  seq: number;
  heardAt: number;
  sentAt: Map<number, number>;
  acked: number;
}

/** Joins, and gives the walker when it is in. */
function enter(session: ClientHttp2Session, headers: Record<string, string>, index: number): Promise<Walker> {
  const stream = session.request({
    ":method": "POST",
    ":path": "/game.world.v1.WorldService/Play",
    "content-type": "application/connect+proto",
    "connect-protocol-version": "1",
    "x-zone-id": load.zoneId,
    ...headers,
  });
  const walker: Walker = {
    ...{ stream, x: 0, y: 0, angle: index, seq: 0, heardAt: 0, sentAt: new Map(), acked: 0 },
  };
  const entered = Promise.withResolvers<Walker>();
  const join = create(PlayRequestSchema, { action: { case: "join", value: { zoneId: load.zoneId } } });
  stream.write(envelope(toBinary(PlayRequestSchema, join)));
  let rest: Buffer = Buffer.alloc(0);
  stream.on("data", (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const size = rest.readUInt32BE(1);
      const message = rest.subarray(5, 5 + size);
      if (rest[0] === 2) {
        lost++;
        entered.reject(new Error(message.toString()));
      } else hear(message);
      rest = rest.subarray(5 + size);
    }
  });
  stream.on("error", (error) => entered.reject(error));
  stream.on("response", (answer) => {
    if (answer[":status"] !== 200) entered.reject(new Error(`status ${answer[":status"]}`));
  });

  function hear(message: Buffer): void {
    if (walker.heardAt === 0) {
      const { event } = fromBinary(PlayResponseSchema, message);
      if (event.case !== "joined") return;
      Object.assign(walker, { x: event.value.x, y: event.value.y, heardAt: performance.now() });
      entered.resolve(walker);
      return;
    }
    const now = performance.now();
    if (counting) {
      updates++;
      bytes += message.length + 5;
      if (index % sampled === 0) gaps.push(now - walker.heardAt);
    }
    walker.heardAt = now;
    if (index % sampled !== 0) return;
    const { event } = fromBinary(PlayResponseSchema, message);
    if (event.case !== "update") return;
    const { ackedSeq, correction } = event.value;
    const at = walker.sentAt.get(ackedSeq);
    if (at !== undefined && counting && ackedSeq > walker.acked) ages.push(now - at);
    walker.acked = ackedSeq;
    for (const seq of walker.sentAt.keys()) if (seq <= ackedSeq) walker.sentAt.delete(seq);
    if (!correction) return;
    Object.assign(walker, { x: correction.x, y: correction.y });
    if (counting) corrections++;
  }
  return entered.promise;
}

function walk(walker: Walker, index: number): void {
  walker.angle += Math.sin(walker.seq / 20 + index) / 8;
  const [x, y] = [
    walker.x + Math.round(stride * Math.cos(walker.angle)),
    walker.y + Math.round(stride * Math.sin(walker.angle)),
  ];
  if (x < 0 || y < 0 || x > load.width || y > load.height) walker.angle += Math.PI;
  else Object.assign(walker, { x, y });
  const step = { seq: ++walker.seq, x: walker.x, y: walker.y };
  if (index % sampled === 0) walker.sentAt.set(step.seq, performance.now());
  walker.stream.write(
    envelope(
      toBinary(PlayRequestSchema, create(PlayRequestSchema, { action: { case: "moves", value: { steps: [step] } } })),
    ),
  );
  if (counting) sent++;
}

const sessions = Array.from({ length: Math.ceil(load.players.length / perSession) }, () => connect(load.url));
for (const session of sessions) session.on("error", () => undefined);
const walkers: Walker[] = [];
for (let i = 0; i < load.players.length; i += 20) {
  const some = load.players.slice(i, i + 20);
  walkers.push(
    ...(await Promise.all(
      some.map((headers, k) => enter(sessions[Math.floor((i + k) / perSession)]!, headers, i + k)),
    )),
  );
}

// Each player has its own moment in the 50 ms, as people do.
const slots = 10;
let slot = 0;
let next = performance.now();
let stopped = false;
function turn(): void {
  for (let i = slot; i < walkers.length; i += slots) walk(walkers[i]!, i);
  slot = (slot + 1) % slots;
  next = Math.max(next + 50 / slots, performance.now() - 50);
  if (!stopped) setTimeout(turn, Math.max(0, next - performance.now()));
}
turn();
await pause(3_000);
process.send?.("counting");
counting = true;
const start = performance.now();
await pause(1_000 * load.seconds);
counting = false;
process.send?.("counted");
const seconds = (performance.now() - start) / 1_000;
stopped = true;
for (const session of sessions) session.destroy();
const at = (sorted: number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
for (const list of [gaps, ages]) list.sort((a, b) => a - b);
const outcome: WorldOutcome = {
  ...{ players: walkers.length, seconds, sent, updates, bytes, corrections, lost },
  ...{ gapP50: at(gaps, 0.5), gapP99: at(gaps, 0.99), ageP50: at(ages, 0.5), ageP99: at(ages, 0.99) },
};
process.stdout.write(JSON.stringify(outcome), () => process.exit(0));
