import { Code, ConnectError, createClient } from "@connectrpc/connect";
import type { Http2SessionManager } from "@connectrpc/connect-node";
import type { SubscribeMessagesResponse } from "#gen/game/chat/v1/chat_service_pb.ts";
import { CombatService } from "#gen/game/combat/v1/combat_service_pb.ts";
import { Mode, QueueStatus } from "#gen/game/match/v1/queue_state_pb.ts";
import { WorldService } from "#gen/game/world/v1/world_service_pb.ts";
import type { Zone } from "#gen/game/world/v1/zone_pb.ts";
import { pause } from "#kit/pause.ts";
import { createEdgeTransport, openConnection } from "../../support/clients.ts";
import { joinGame, type Player, rejoinGame } from "../../support/players.ts";
import { joinWorld, type WorldPlayer } from "../../support/world-player.ts";
import type { Accounts } from "./accounts.ts";
import type { Sight } from "./sight.ts";
import { listenByHand, playByHand } from "./stream.ts";
import { reasonOf, type Tally } from "./tally.ts";
import { chooseGoal, stepTowards } from "./way.ts";

export interface BotOptions {
  /** `http://127.0.0.1:8080` */
  edge: string;
  /** The address that it calls from. */
  from: string;
  accounts: Accounts;
  /** Whether it says something now and then; all listen. */
  talks: boolean;
  tally: Tally;
  sight: Sight;
  random: () => number;
  signal: AbortSignal;
}

/** Somebody who is logged in, and not in the world yet. */
export interface Bot {
  /** Enters the world. */
  enter(): Promise<void>;
  /** Does what people do until `signal`, then goes. */
  live(): Promise<void>;
}

/** A step every so often while walking, in milliseconds, and how far it leads: a bit slower than the fastest that is allowed. */
const stepMs = 50;
const strideCm = 25;
/** Of the updates that come, one of so many is looked at closely: looking costs the bots more than playing. */
const lookEvery = 10;
/** A client that was held up longer than that walks on from where it is, and makes up for nothing. */
const lateMs = 250;
const correctionNames = ["other", "too fast", "blocked", "dead", "placed by the world"];
const castRangeCm = 2_300;

/** Logs in: goes on with a session of the run before, or registers. */
export async function createBot(options: BotOptions): Promise<Bot> {
  const { edge, from, accounts, tally } = options;
  const start = performance.now();
  // One for all that it calls, as a game client has it.
  const connection = openConnection(edge, from);
  const known = accounts.take();
  const rejoined = known && (await rejoinGame(edge, known, { from, connection }).catch(() => undefined));
  const player = rejoined ?? (await joinGame(edge, { from, connection }));
  accounts.keep(player);
  tally.time(rejoined ? "going on with a session" : "registering and logging in", performance.now() - start);
  const token = player.accessToken;
  let world: WorldPlayer | undefined;
  return {
    async enter() {
      world = await joinWorld(edge, {
        ...{ token, connection },
        // A crowd can make the world slow to answer: who then joins anew makes it slower.
        silenceMs: 15_000,
        play: (headers, ...join) => playByHand(connection, { authorization: `Bearer ${token}`, ...headers }, ...join),
      });
      world.ended.catch((error) => tally.refused("world stream", reasonOf(error)));
    },
    live: () => live(player, world!, connection, options),
  };
}

/** Does what people do until `signal`, then goes. */
async function live(
  player: Player,
  world: WorldPlayer,
  connection: Http2SessionManager,
  options: BotOptions,
): Promise<void> {
  const { tally, sight, signal } = options;
  let updates = Math.floor(options.random() * lookEvery);
  let last = performance.now();
  const sent = new Map<number, number>();
  world.onUpdate((update) => {
    const now = performance.now();
    tally.time("between two updates", now - last);
    last = now;
    tally.count("updates");
    for (const { reason } of update.refusals) tally.refused("world", reason);
    if (update.correction) tally.count(`corrections: ${correctionNames[update.correction.reason]}`);
    for (const [seq, time] of sent) {
      if (seq > update.ackedSeq) break;
      tally.time("own step answered after", now - time);
      sent.delete(seq);
    }
    if (updates++ % lookEvery !== 0 || update.snapshot) return;
    for (let i = 0; i < update.moves.length; i += 3) {
      const who = world.view.entities.get(update.moves[i]!)?.who;
      if (who?.case !== "userId" || who.value === player.userId) continue;
      const age = sight.ageOf(who.value, update.moves[i + 1]!, update.moves[i + 2]!);
      if (age !== undefined) tally.time("another's step seen after", age);
    }
  });
  const context: Context = { ...options, player, world, connection, sent };
  const habits = [walk, fight, chat, queue].map((habit) =>
    habit(context).catch((error) => {
      // What a player does ends with the player; what ends before is worth knowing.
      if (!signal.aborted) tally.refused(habit.name, reasonOf(error));
    }),
  );
  await Promise.all(habits);
  tally.count("joined again", world.joins - 1);
  world.close();
  connection.abort();
}

interface Context extends BotOptions {
  player: Player;
  world: WorldPlayer;
  connection: Http2SessionManager;
  /** Steps that wait for their answer, by number. */
  sent: Map<number, number>;
}

const between = (random: () => number, from: number, to: number) => from + (to - from) * random();

/** Calls, and adds up what is refused. Undefined then. */
async function attempt<T>({ tally, signal }: Context, call: string, make: () => Promise<T>): Promise<T | undefined> {
  const start = performance.now();
  tally.count("calls");
  try {
    const answer = await make();
    tally.time(`${call} answered after`, performance.now() - start);
    return answer;
  } catch (error) {
    if (!signal.aborted) tally.refused(call, reasonOf(error));
    return undefined;
  }
}

/** From place to place, with a rest between. */
async function walk(context: Context): Promise<void> {
  const { edge, connection, player, world, sight, sent, tally, random, signal } = context;
  const maps = createClient(WorldService, createEdgeTransport(edge, { token: player.accessToken, connection }));
  let zone: Zone | undefined;
  while (!signal.aborted) {
    if (zone?.zoneId !== world.zoneId) zone = (await maps.getZone({ zoneId: world.zoneId })).zone;
    const goal = chooseGoal(zone!, world, random);
    // The client walks ahead of the world, and comes back to it when it is corrected.
    let here = { x: world.x, y: world.y };
    let corrections = world.corrections;
    let due = performance.now();
    for (; goal && !signal.aborted && (here.x !== goal.x || here.y !== goal.y); ) {
      if (world.view.entities.get(world.entityId)?.dead) break;
      if (world.corrections !== corrections) {
        ({ corrections } = world);
        break;
      }
      here = stepTowards(here, goal, strideCm);
      sight.asked(player.userId, here.x, here.y);
      sent.set(world.step(here.x, here.y), performance.now());
      tally.count("steps");
      // By the clock, so that a timer that is a little late is made up for by the next.
      due = Math.max(due + stepMs, performance.now() - lateMs);
      await pause(Math.max(1, due - performance.now()), signal);
    }
    sent.clear();
    await pause(between(random, 500, 6_000), signal);
  }
}

/** Casts at what is near and alive. */
async function fight(context: Context): Promise<void> {
  const { edge, connection, player, world, tally, random, signal } = context;
  const transport = createEdgeTransport(edge, {
    token: player.accessToken,
    connection,
    protocol: "grpc",
    headers: { "x-zone-id": world.zoneId },
  });
  const combat = createClient(CombatService, transport);
  let sequence = 0n;
  while (!signal.aborted) {
    await pause(between(random, 1_000, 4_000), signal);
    const self = world.view.entities.get(world.entityId);
    if (!self || self.dead) continue;
    const target = [...world.view.entities.values()].find(
      ({ who, dead, x, y }) => who.case === "npcId" && !dead && Math.hypot(x - world.x, y - world.y) < castRangeCm,
    );
    if (!target) continue;
    sequence ||=
      (await attempt(context, "look at oneself", () => combat.getCombatant({}, { signal })))?.combatant?.lastSequence ??
      0n;
    const cast = { sequence: ++sequence, skillId: "smite", targetId: target.who.value! };
    const answer = await attempt(context, "cast", () => combat.castSkill({ cast }, { signal }));
    for (const { fact } of answer?.effects ?? []) if (fact.case === "death") tally.count("kills");
  }
}

/** Listens to the zone, and some now and then say something: when, so that whoever hears it knows how old it is. */
async function chat(context: Context): Promise<void> {
  const { player, world, connection, talks, tally, random, signal } = context;
  const channel = `zone/${world.zoneId}`;
  let after: bigint | undefined;
  const hear = (event: SubscribeMessagesResponse["event"]) => {
    if (event.case !== "message") return;
    after = event.value.messageId;
    const said = Number(/ at (\d+)$/.exec(String(event.value.content.value))?.[1]);
    if (said && event.value.sender?.userId !== player.userId)
      tally.time("another's words heard after", Date.now() - said);
    tally.count("words heard");
  };
  const listening = (async () => {
    for (; !signal.aborted; await pause(500, signal))
      try {
        const subscription = { channel, ...(after !== undefined && { afterMessageId: after }) };
        await listenByHand(connection, { authorization: `Bearer ${player.accessToken}` }, subscription, hear, signal);
      } catch (error) {
        if (!signal.aborted) tally.refused("chat stream", reasonOf(error));
      }
  })();
  // Who has just come says hello.
  let silence = between(random, 1_000, 20_000);
  while (talks && !signal.aborted) {
    await pause(silence, signal);
    if (signal.aborted) break;
    silence = between(random, 10_000, 60_000);
    const text = `${["hello", "anyone for the boars?", "which way to the forest?"][Math.floor(random() * 3)]} at ${Date.now()}`;
    await attempt(context, "say", () => player.chat.sendMessage({ channel, text }, { signal }));
  }
  await listening;
}

/** One in three queues for PvP, gets ready mostly, and after a match has had enough for a while. */
async function queue(context: Context): Promise<void> {
  const { player, tally, random, signal } = context;
  if (random() > 1 / 3) return;
  while (!signal.aborted) {
    await pause(between(random, 1_000, 20_000), signal);
    if (signal.aborted) return;
    const start = performance.now();
    if (!(await attempt(context, "join queue", () => player.match.joinQueue({ mode: Mode.PVP }, { signal })))) continue;
    try {
      for await (const { event } of player.match.watchQueue({}, { signal })) {
        if (event.case !== "state") continue;
        const { status, match } = event.value;
        if (status === QueueStatus.READY_CHECK && !match!.ready) {
          tally.time("match found after", performance.now() - start);
          await pause(between(random, 300, 3_000), signal);
          const ready = random() > 0.05;
          await attempt(context, "get ready", () =>
            player.match.respondReadyCheck({ matchId: match!.matchId, ready }, { signal }),
          );
        }
        if (status === QueueStatus.STARTED) tally.count("matches started");
        if (status === QueueStatus.STARTED || status === QueueStatus.IDLE) break;
      }
    } catch (error) {
      if (!signal.aborted && ConnectError.from(error).code !== Code.Canceled)
        tally.refused("queue stream", reasonOf(error));
    }
  }
}
