import { monitorEventLoopDelay } from "node:perf_hooks";
import { pause } from "#kit/pause.ts";
import { openAccounts } from "./accounts.ts";
import { type Bot, createBot } from "./bot.ts";
import { createSight } from "./sight.ts";
import { createTally, reasonOf, type Tally } from "./tally.ts";

export interface BotRun {
  /** `http://127.0.0.1:8080` */
  edge: string;
  players: number;
  /** How long they play once all have come. */
  seconds: number;
  /** Where the players' sessions are kept from run to run. */
  accountsFile?: string;
  /** Told of what goes on, a line at a time. */
  tell(line: string): void;
  signal: AbortSignal;
}

export interface BotReport {
  tally: Tally;
  /** What was refused to those who came, and tried again. */
  refusedComing: ReadonlyMap<string, number>;
  wanted: number;
  /** How many came, and how long all of it took after that, in seconds. */
  players: number;
  seconds: number;
  /** How late this process's own timers were, in milliseconds: what the bots add to every time. */
  ownDelayP50: number;
  ownDelayP99: number;
}

/** Who logs in at once: more would only wait for each other, as a login costs the platform 30 ms of a processor, on purpose. */
const loginsAtOnce = 4;
/** Who enters the world at once. */
const entriesAtOnce = 10;
/** How often somebody who was refused tries again, and after how long, in milliseconds. */
const attempts = 5;
const againMs = 3_000;
/** Of so many players one talks. */
const talkative = 5;

/** Lets players come, play, and go. What they feel while others still come is not counted. */
export async function runBots({ edge, players, seconds, accountsFile, tell, signal }: BotRun): Promise<BotReport> {
  // One for each: a signal looks through all who listen to it whenever one more does.
  const endings: AbortController[] = [];
  const end = () => {
    for (const ending of endings) ending.abort();
  };
  signal.addEventListener("abort", end);
  const arriving = createTally();
  const playing = createTally();
  let tally: Tally = arriving;
  // Bots tell whichever counts at the moment.
  const both: Tally = {
    ...arriving,
    count: (...args) => tally.count(...args),
    time: (...args) => tally.time(...args),
    refused: (...args) => tally.refused(...args),
  };
  const sight = createSight();
  const accounts = openAccounts(accountsFile);
  const start = performance.now();

  /** Tries until it succeeds, is out of attempts, or the run ends. */
  async function persist<T>(what: string, make: () => Promise<T>): Promise<T | undefined> {
    for (let attempt = 0; attempt < attempts && !signal.aborted; attempt++) {
      if (attempt > 0) await pause(againMs, signal);
      try {
        return await make();
      } catch (error) {
        arriving.refused(what, reasonOf(error));
      }
    }
    return undefined;
  }

  /** Does something for all, some at once, and tells how far it is. */
  async function inTurn<T>(all: readonly T[], atOnce: number, what: string, work: (one: T) => Promise<void>) {
    let [next, done] = [0, 0];
    const progress = () =>
      tell(`${done} of ${players} ${what}, after ${Math.round((performance.now() - start) / 1_000)} s`);
    const timer = setInterval(progress, 5_000);
    const worker = async () => {
      while (next < all.length && !signal.aborted) {
        await work(all[next++]!);
        done++;
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    clearInterval(timer);
    progress();
  }

  // First all log in, then all enter: who plays already would take the processor that passwords need.
  const bots: Bot[] = [];
  await inTurn([...Array(players).keys()], loginsAtOnce, "are logged in", async (index) => {
    const from = addressOf(edge, index);
    const talks = index % talkative === 0;
    const ending = new AbortController();
    endings.push(ending);
    const options = { edge, from, accounts, talks, tally: both, sight, random: Math.random, signal: ending.signal };
    const bot = await persist("logging in", () => createBot(options));
    if (bot) bots.push(bot);
  });
  accounts.save();
  const lives: Promise<void>[] = [];
  await inTurn(bots, entriesAtOnce, "are in the world", async (bot) => {
    const entered = await persist("entering the world", async () => {
      await bot.enter();
      return bot;
    });
    if (entered) lives.push(entered.live());
  });
  tell(`${lives.length} of ${players} play for ${seconds} s`);

  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  tally = playing;
  const begin = performance.now();
  await pause(seconds * 1_000, signal);
  const played = (performance.now() - begin) / 1_000;
  delay.disable();
  end();
  await Promise.all(lives);
  signal.removeEventListener("abort", end);
  for (const what of ["registering and logging in", "going on with a session"])
    for (const ms of arriving.times.get(what) ?? []) playing.time(what, ms);
  return {
    tally: playing,
    refusedComing: arriving.refusals,
    wanted: players,
    players: lives.length,
    seconds: played,
    ownDelayP50: Math.max(0, delay.percentile(50) / 1e6 - 10),
    ownDelayP99: Math.max(0, delay.percentile(99) / 1e6 - 10),
  };
}

/** An address in the edge's loopback network for each, as people have: the login limit counts by it. */
function addressOf(edge: string, index: number): string {
  const [a, b] = new URL(edge).hostname.split(".");
  const place = index + 250 * (process.pid % 40);
  return `${a}.${b}.${50 + Math.floor(place / 250)}.${(place % 250) + 2}`;
}
