/**
 * Players who strike as fast as they are answered, in a process of its own: `load.ts <port> <seconds> unary|stream <casts a message>`
 * prints what came back as JSON.
 */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { CombatService, type FightRequest } from "#gen/game/combat/v1/combat_service_pb.ts";
import { createBell } from "#kit/bell.ts";
import { groupOf, playerCount, playerId, targetId } from "./scene.ts";

const [port, secondsText, kind, batchText = "1"] = process.argv.slice(2);
const [seconds, batch] = [Number(secondsText), Number(batchText)];
const counts = { casts: 0, refused: 0, effects: 0 };
const latencies: number[] = [];
const ending = new AbortController();
/** Nobody strikes before everybody is there. */
const everybody = Promise.withResolvers<void>();
let there = 0;
let start = 0;

async function arrive(): Promise<void> {
  if (++there === playerCount) {
    start = performance.now();
    setTimeout(() => ending.abort(), 1_000 * seconds);
    everybody.resolve();
  }
  await everybody.promise;
}

function clientOf(number: number) {
  return createClient(
    CombatService,
    createConnectTransport({
      baseUrl: `http://127.0.0.1:${port}`,
      httpVersion: "2",
      useBinaryFormat: true,
      interceptors: [
        (next) => (request) => {
          request.header.set("x-user-id", playerId(number));
          request.header.set("x-zone-id", "meadow");
          return next(request);
        },
      ],
    }),
  );
}

async function strikeByCalls(number: number): Promise<void> {
  const client = clientOf(number);
  let sequence = (await client.getCombatant({})).combatant!.lastSequence;
  await arrive();
  while (!ending.signal.aborted) {
    const sentAt = performance.now();
    const cast = { sequence: ++sequence, skillId: "strike", targetId: targetId(groupOf(number)) };
    await client.castSkill({ cast }).then(
      ({ effects }) => {
        counts.effects += effects.length;
      },
      () => counts.refused++,
    );
    counts.casts++;
    latencies.push(performance.now() - sentAt);
  }
}

async function strikeByStream(number: number): Promise<void> {
  const bell = createBell();
  const standing = Promise.withResolvers<void>();
  let sequence = 0n;
  let unanswered = 0;
  let sentAt = 0;
  async function* requests() {
    await standing.promise;
    await arrive();
    while (!ending.signal.aborted) {
      if (unanswered > 0) {
        await bell.wait(1_000);
        continue;
      }
      sentAt = performance.now();
      unanswered = batch;
      yield {
        casts: Array.from({ length: batch }, () => ({
          sequence: sequence++,
          skillId: "strike",
          targetId: targetId(groupOf(number)),
        })),
      };
    }
  }
  for await (const { opened, results, effects } of clientOf(number).fight(requests() as AsyncIterable<FightRequest>, {
    signal: ending.signal,
  })) {
    if (opened) {
      sequence = opened.combatant!.lastSequence + 1n;
      standing.resolve();
    }
    counts.effects += effects.length;
    counts.casts += results.length;
    counts.refused += results.filter(({ outcome }) => outcome.case === "refused").length;
    unanswered -= results.length;
    if (results.length > 0 && unanswered === 0) latencies.push(performance.now() - sentAt);
    bell.ring();
  }
}

const strike = kind === "unary" ? strikeByCalls : strikeByStream;
await Promise.all(
  Array.from({ length: playerCount }, (_, number) =>
    strike(number).catch((error) => {
      if (!ending.signal.aborted) throw error;
    }),
  ),
);
latencies.sort((a, b) => a - b);
const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0;
console.log(JSON.stringify({ ...counts, seconds: (performance.now() - start) / 1_000, p50: at(0.5), p99: at(0.99) }));
process.exit(0);
