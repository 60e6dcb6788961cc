/**
 * The players of `npm run bench:world`, in a process of their own. Its input is a {@link WorldLoad}. Told by a message how many shall play, it lets so many
 * in, walks each at 20 Hz, and answers with a {@link WorldOutcome}; it says `counting` and `counted` around what it counts.
 */

import { cpuUsage } from "node:process";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { createH2Wire } from "./h2-wire.ts";
import { type Kind, loadColyseus, type Place, type Speech, speakPlain, speakWorld } from "./speech.ts";
import { createWebSocketWire } from "./web-socket-wire.ts";
import type { Link, Wire } from "./wire.ts";

export interface WorldLoad {
  kind: Kind;
  url: string;
  zoneId: string;
  /** For the world: the headers of each player's stream. */
  headers: Record<string, string>[];
  streamsPerConnection: number;
  /** How long is counted. */
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
  /** How often the world put a player back, of some of the players. */
  corrections: number;
  /** Milliseconds between two updates of a player. */
  gapP50: number;
  gapP99: number;
  /** Milliseconds from a step to the update that shows it, of some of the players. */
  ageP50: number;
  ageP99: number;
  /** Streams that ended. */
  lost: number;
  /** Cores that this process took. */
  cpu: number;
}

const stride = 25;
/** How far a player walks from where they came in. */
const roam = 1_500;
/** One player in so many has its updates looked into. */
const sampled = 10;
/** Each player has its own moment in the 50 ms, as people do. */
const slots = 10;
const joinsAtOnce = 20;

const load = (await json(process.stdin)) as WorldLoad;
let [sent, updates, bytes, corrections, lost] = [0, 0, 0, 0, 0];
let counting = false;
let [gaps, ages]: [number[], number[]] = [[], []];

interface Walker extends Place {
  link: Link;
  speech: Speech;
  home: Place;
  /** Whether its updates are looked into. */
  looked: boolean;
  angle: number;
  seq: number;
  heardAt: number;
  acked: number;
  sentAt: Map<number, number>;
}

const { wire, speak } = await prepare();
const walkers: Walker[] = [];

async function prepare(): Promise<{ wire: Wire; speak: (index: number, decodes: boolean) => Speech }> {
  const { kind, url, headers, zoneId, streamsPerConnection } = load;
  if (kind === "world") {
    const method = "/game.world.v1.WorldService/Play";
    const own = headers.map((some) => ({ "x-zone-id": zoneId, ...some }));
    return { wire: createH2Wire({ url, method, headers: own, streamsPerConnection }), speak: () => speakWorld(zoneId) };
  }
  if (kind === "ws") return { wire: createWebSocketWire(url, async () => "/"), speak: speakPlain };
  const colyseus = await loadColyseus();
  const seats: string[] = [];
  /** A seat in the room, as Colyseus's own client takes one. */
  const pathOf = async (index: number) => {
    const body = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    const seat = await (await fetch(`${url}/matchmake/joinOrCreate/zone`, body)).json();
    seats[index] = seat.sessionId;
    return `/${seat.processId}/${seat.roomId}?sessionId=${seat.sessionId}`;
  };
  return {
    wire: createWebSocketWire(url, pathOf),
    speak: (index, decodes) => colyseus(() => seats[index]!, decodes),
  };
}

async function enter(index: number): Promise<void> {
  const looked = index % sampled === 0;
  const entered = Promise.withResolvers<Place>();
  const speech = speak(index, looked);
  let walker: Walker | undefined;
  const late: Buffer[] = [];
  let link: Link | undefined;
  const say = (message: Uint8Array) => {
    link!.send(message);
    wire.flush();
  };
  const hear = (message: Buffer) => {
    if (walker) return hearUpdate(walker, message);
    if (!link) return void late.push(Buffer.from(message));
    const place = speech.enter(message, say);
    if (!place) return;
    walker = {
      ...{ link, speech, home: place, looked, x: place.x, y: place.y, angle: index, seq: 0 },
      ...{ heardAt: performance.now(), acked: 0, sentAt: new Map() },
    };
    walkers.push(walker);
    entered.resolve(place);
  };
  link = await wire.open(index, hear, (why) => {
    if (!walker) entered.reject(new Error(why));
    else if (lost++ === 0) console.error(`a player has lost the server: ${why}`);
  });
  for (const message of late) hear(message);
  if (speech.hello) say(speech.hello);
  await entered.promise;
}

function hearUpdate(walker: Walker, message: Buffer): void {
  const now = performance.now();
  if (counting) {
    updates++;
    bytes += message.length;
    if (walker.looked) gaps.push(now - walker.heardAt);
  }
  walker.heardAt = now;
  if (!walker.looked) return;
  const { acked, putBack } = walker.speech.look(message);
  const at = walker.sentAt.get(acked);
  if (at !== undefined && counting && acked > walker.acked) ages.push(now - at);
  walker.acked = Math.max(acked, walker.acked);
  for (const seq of walker.sentAt.keys()) if (seq <= acked) walker.sentAt.delete(seq);
  if (!putBack) return;
  Object.assign(walker, { x: putBack.x, y: putBack.y });
  if (counting) corrections++;
}

function walk(walker: Walker, index: number): void {
  const { home } = walker;
  walker.angle += Math.sin(walker.seq / 20 + index) / 8;
  const [x, y] = [
    walker.x + Math.round(stride * Math.cos(walker.angle)),
    walker.y + Math.round(stride * Math.sin(walker.angle)),
  ];
  const inside = x >= 0 && y >= 0 && x <= load.width && y <= load.height;
  if (inside && Math.abs(x - home.x) < roam && Math.abs(y - home.y) < roam) Object.assign(walker, { x, y });
  else walker.angle += Math.PI;
  walker.seq++;
  if (walker.looked) walker.sentAt.set(walker.seq, performance.now());
  walker.link.send(walker.speech.step(walker.seq, walker.x, walker.y));
  if (counting) sent++;
}

let slot = 0;
let next = performance.now();
function turn(): void {
  for (let i = slot; i < walkers.length; i += slots) walk(walkers[i]!, i);
  wire.flush();
  slot = (slot + 1) % slots;
  next = Math.max(next + 50 / slots, performance.now() - 50);
  setTimeout(turn, Math.max(0, next - performance.now()));
}
turn();

const at = (sorted: number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;

/** Lets players come until there are so many, and counts for a while. */
async function play(players: number): Promise<WorldOutcome> {
  for (let i = walkers.length; i < players; i = walkers.length)
    await Promise.all(Array.from({ length: Math.min(joinsAtOnce, players - i) }, (_, k) => enter(i + k)));
  await pause(2_000);
  [sent, updates, bytes, corrections, gaps, ages] = [0, 0, 0, 0, [], []];
  process.send!("counting");
  const [start, before] = [performance.now(), cpuUsage()];
  counting = true;
  await pause(1_000 * load.seconds);
  counting = false;
  process.send!("counted");
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = cpuUsage(before);
  for (const list of [gaps, ages]) list.sort((a, b) => a - b);
  return {
    ...{ players: walkers.length, seconds, sent, updates, bytes, corrections, lost },
    ...{ gapP50: at(gaps, 0.5), gapP99: at(gaps, 0.99), ageP50: at(ages, 0.5), ageP99: at(ages, 0.99) },
    cpu: (user + system) / 1e6 / seconds,
  };
}

process.on("message", (players: number) => {
  play(players).then(
    (outcome) => process.send!(outcome),
    (error: Error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));
process.send!("ready");
