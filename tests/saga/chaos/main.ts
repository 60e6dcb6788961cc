/**
 * `npm run chaos:sagas -- [options]`: many players buy and trade on a platform of its own, every part of which is killed and paused under them,
 * and at every boundary of every step. Then the books are checked.
 */
import { randomInt } from "node:crypto";
import { readArguments, wholeNumber } from "../../../stack/arguments.ts";
import { elapsed } from "../../../stack/elapsed.ts";
import { runChaos } from "./chaos.ts";
import { drawReport } from "./report.ts";

const usage = `usage: npm run chaos:sagas -- [options]

  --seed N        replays the blows and the players' choices of another run
  --purchases N   at least so many (2000)
  --minutes M     at least so long (0)
  --players N     how many buy and trade at once (60)
  --rest MS       how long each rests between two deeds, on average (0)
  --calm S        how long nothing follows a blow of its kind: at 0 hardly anything is ever all up (20)
  --only NAME     strikes only the boundaries whose name it is found in, such as "purchase add_item"
  --short         one round: every boundary and every victim once, without calm (some minutes)

Ctrl-C ends it early: the books are checked all the same.`;

const number = { type: "string" } as const;
const { values } = readArguments(usage, {
  options: {
    seed: number,
    purchases: number,
    minutes: number,
    players: number,
    rest: number,
    calm: number,
    only: { type: "string" },
    short: { type: "boolean", default: false },
  },
});
const whole = (name: "seed" | "purchases" | "minutes" | "players" | "rest" | "calm", fallback: number) =>
  wholeNumber(name, values[name] ?? String(fallback));

const { only, short } = values;
const seed = whole("seed", randomInt(2 ** 31));
const started = Date.now();
const say = (line: string) => console.log(`${elapsed(Date.now() - started).padStart(7)}  ${line}`);
say(`seed ${seed}`);
const report = await runChaos({
  seed,
  players: whole("players", short ? 24 : 60),
  purchases: whole("purchases", short ? 0 : 2_000),
  minutes: whole("minutes", 0),
  restMs: whole("rest", short ? 6_000 : 0),
  calmMs: whole("calm", short ? 0 : 20) * 1_000,
  only,
  say,
}).catch((error) => {
  // Not a fault of the books, which were not read.
  console.error(error);
  process.exit(2);
});
for (const line of drawReport(report)) console.log(line);
if (report.faults.length > 0) process.exitCode = 1;
