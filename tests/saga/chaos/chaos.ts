import { Code } from "@connectrpc/connect";
import { Client, Connection } from "@temporalio/client";
import { pause } from "#kit/pause.ts";
import { format, workload } from "../../../mesh/local/topology.ts";
import { temporalNamespace } from "../../../stack/engines/temporal.ts";
import type { Stack } from "../../../stack/stack.ts";
import { createTestStack } from "../../support/stack.ts";
import { until } from "../../support/until.ts";
import { check, type Fault } from "../books/check.ts";
import type { Facts } from "../books/facts.ts";
import { readFacts } from "../books/read-facts.ts";
import { boundaries, nameOf, targetOf } from "./boundaries.ts";
import { type Crowd, gather } from "./crowd.ts";
import { createFate } from "./fate.ts";
import { type Boundary, planRound, type Strike, victims } from "./schedule.ts";
import { createStriker, type Striker } from "./striker.ts";
import { createNotes } from "./told.ts";
import { describeWaiting, running } from "./waiting.ts";
import { watchWorkerCalls } from "./worker-calls.ts";

export interface ChaosOptions {
  seed: number;
  players: number;
  /** How many purchases at least. */
  purchases: number;
  /** How long at least. */
  minutes: number;
  /** How long a player rests between two deeds, on average. */
  restMs: number;
  /** How long it is quiet after each blow, until the next of its lane: at purchases, at trades, anywhere. */
  calmMs: number;
  /** Strikes only boundaries whose name it is found in, and nothing anywhere else. */
  only?: string | undefined;
  /** Told what happens, line by line. */
  say: (line: string) => void;
}

/** What came of it. */
export interface ChaosReport {
  seed: number;
  tookMs: number;
  /** How often each boundary was struck, by its name. */
  struck: Map<string, number>;
  /** How often each victim was hit, and how. */
  hits: Map<string, Record<Strike["means"], number>>;
  /** How often a call of a player was not answered as hoped, by code; it was asked again. */
  troubles: Map<string, number>;
  /** From the last restart until no saga ran any more. */
  settledMs: number;
  facts: Facts;
  faults: Fault[];
}

/** Nothing may be stuck for longer than this after the last restart. */
export const settleDeadlineMs = 30_000;

const processes = ["edge", "auth", "account", "inventory", "analytics", "social", "saga-worker"];
const engines = ["postgres", "redis", "kafka", "temporal"];

/** Lets a crowd buy and trade on a platform of its own while it is struck everywhere, lets it come to rest, and checks the books. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const started = Date.now();
  let stack: Stack | undefined;
  let striker: Striker | undefined;
  const pass = async () => "pass" as const;
  const calls = await watchWorkerCalls(() => stack!.at.outbound(workload("saga-worker")), {
    before: (call) => (striker?.watch.before ?? pass)(call),
    after: (call) => (striker?.watch.after ?? pass)(call),
  });
  const ending = new AbortController();
  try {
    const envOf = { "saga-worker": { MESH_EGRESS: calls.address } };
    const env = { ACCOUNT_STARTING_GOLD: "20000", OTEL_SDK_DISABLED: "true" };
    stack = await createTestStack({ only: [...engines, ...processes], env, envOf }, () => {
      if (!ending.signal.aborted) say("no more blows; SIGTERM ends it at once");
      ending.abort();
    });
    const connection = await Connection.connect({ address: stack.temporalAddress });
    const temporal = new Client({ connection, namespace: temporalNamespace });
    const { only, say, calmMs } = options;
    const aims = boundaries.filter((boundary) => nameOf(boundary).includes(only ?? ""));
    const struck = new Map(aims.map((boundary) => [nameOf(boundary), 0]));
    const hits = new Map([...victims, "saga"].map((name) => [name, { kill: 0, pause: 0, cancel: 0 }]));
    const troubles = new Map<string, number>();
    const notes = createNotes();

    say(`${options.players} players join`);
    const edge = `http://${format(stack.at.edge)}`;
    const crowd = await gather(edge, options, notes, (code) =>
      troubles.set(Code[code], (troubles.get(Code[code]) ?? 0) + 1),
    );
    const fate = createFate(stack.at.outbound(workload("saga-worker")), temporal);
    striker = createStriker(stack, fate, ending.signal);

    /** One after the other. What no saga came by in time is tried once more. */
    async function deal(strikes: readonly Strike[], again = true): Promise<void> {
      const missed: Strike[] = [];
      for (const strike of strikes) {
        if (ending.signal.aborted) return;
        const where = strike.at ? nameOf(strike.at) : "anywhere";
        const dealt = await striker!.strike(strike);
        if (!dealt && ending.signal.aborted) return;
        say(`${dealt ? strike.means.padEnd(6) : "missed"} ${strike.victim.padEnd(20)} ${where}`);
        if (!dealt) {
          missed.push(strike);
          continue;
        }
        hits.get(strike.victim)![strike.means]++;
        if (strike.at) struck.set(where, struck.get(where)! + 1);
        await pause(calmMs, ending.signal);
      }
      if (again && missed.length > 0) await deal(missed, false);
    }
    const enough = () =>
      ending.signal.aborted ||
      (notes.told.purchases.length >= options.purchases && Date.now() - started >= options.minutes * 60_000);
    for (let round = 0; round === 0 || !enough(); round++) {
      const { aimed, anywhere } = planRound(aims, targetOf, options.seed, round);
      const lane = (saga: Boundary["saga"]) => deal(aimed.filter(({ at }) => at!.saga === saga));
      await Promise.all([lane("purchase"), lane("trade"), deal(only === undefined ? anywhere : [])]);
      const { purchases, trades } = notes.told;
      say(`round ${round + 1} is over: ${purchases.length} purchases, ${trades.length} trades`);
    }

    const { settledMs, faults } = await comeToRest(stack, crowd, temporal, say);
    await crowd.look();
    const facts = await readFacts(stack, temporal, notes.told);
    await connection.close();
    return {
      seed: options.seed,
      tookMs: Date.now() - started,
      struck,
      hits,
      troubles,
      settledMs,
      facts,
      faults: [...faults, ...check(facts)],
    };
  } finally {
    await calls.stop();
    await stack?.stop();
  }
}

/** Waits until the players have ended and no saga runs. */
async function comeToRest(stack: Stack, crowd: Crowd, temporal: Client, say: ChaosOptions["say"]) {
  await stack.waitReady();
  const restarted = Date.now();
  say("everything is up again");
  const stopped = crowd.stop();
  stopped.catch(() => undefined);
  const atRest = async () => (await running(temporal)).length === 0;
  const late: Fault[] = [];
  const tell = async () => {
    for (const line of await describeWaiting(stack, temporal)) say(line);
  };
  try {
    await until("no saga runs", atRest, settleDeadlineMs);
  } catch {
    for (const id of await running(temporal))
      late.push({ rule: "stuck", message: `${id} runs ${settleDeadlineMs / 1_000} s after the last restart` });
    await tell();
    // How the books look in the end is worth knowing all the same.
    await until("no saga runs", atRest, 2 * settleDeadlineMs).catch(tell);
  }
  const settledMs = Date.now() - restarted;
  await stopped;
  return { settledMs, faults: late };
}
