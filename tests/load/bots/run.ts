import { monitorEventLoopDelay } from "node:perf_hooks";
import { pause } from "#kit/pause.ts";
import { createBot } from "./bot.ts";
import { createSight } from "./sight.ts";
import { createTally, reasonOf, type Tally } from "./tally.ts";

export interface BotRun {
  /** `http://127.0.0.1:8080` */
  edge: string;
  players: number;
  /** How long they play once all have come. */
  seconds: number;
  /** Told of what goes on, a line at a time. */
  tell(line: string): void;
  signal: AbortSignal;
}

export interface BotReport {
  tally: Tally;
  /** How many came, and how long all of it took after that, in seconds. */
  players: number;
  seconds: number;
  /** How late this process's own timers were, in milliseconds: what the bots add to every time. */
  ownDelayP50: number;
  ownDelayP99: number;
}

/** Who logs in at once: more would only wait for each other, as a login costs the platform 30 ms of a processor, on purpose. */
const loginsAtOnce = 8;

/** Lets players come, play, and go. What they feel while others still log in is not counted. */
export async function runBots({ edge, players, seconds, tell, signal }: BotRun): Promise<BotReport> {
  const ending = new AbortController();
  const end = () => ending.abort();
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
  const lives: Promise<void>[] = [];
  let next = 0;
  const start = performance.now();
  const progress = setInterval(
    () => tell(`${lives.length} of ${players} are in, after ${Math.round((performance.now() - start) / 1_000)} s`),
    5_000,
  );
  const arrive = async () => {
    while (next < players && !signal.aborted) {
      const options = {
        edge,
        from: addressOf(edge, next++),
        tally: both,
        sight,
        random: Math.random,
        signal: ending.signal,
      };
      await createBot(options).then(
        (bot) => lives.push(bot.live()),
        (error) => arriving.refused("coming in", reasonOf(error)),
      );
    }
  };
  await Promise.all(Array.from({ length: loginsAtOnce }, arrive));
  clearInterval(progress);
  tell(
    `${lives.length} of ${players} are in, after ${Math.round((performance.now() - start) / 1_000)} s; they play for ${seconds} s`,
  );

  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  tally = playing;
  const begin = performance.now();
  await pause(seconds * 1_000, ending.signal);
  const played = (performance.now() - begin) / 1_000;
  delay.disable();
  ending.abort();
  await Promise.all(lives);
  signal.removeEventListener("abort", end);
  for (const [what, count] of arriving.refusals) if (what.startsWith("coming in")) playing.refused(what, String(count));
  for (const ms of arriving.times.get("registering and logging in") ?? [])
    playing.time("registering and logging in", ms);
  return {
    tally: playing,
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
