/**
 * `npm run bots -- --players 500 --seconds 60`: players who walk, fight, chat and queue like people do, over real streams through the edge of the platform that runs
 * (`npm start`), and what they feel of it. `--edge http://127.0.0.1:8080` names another. Who they are is kept in `.state/bots/`, so that the next run needs no passwords.
 */
import { join } from "node:path";
import { readArguments, wholeNumber } from "../../../stack/arguments.ts";
import { defaultStateDir } from "../../../stack/paths.ts";
import { formatReport } from "./report.ts";
import { runBots } from "./run.ts";

const usage = `usage: npm run bots -- [options]      players who walk, fight, chat and queue, and what they feel of it

  --players N   how many (100)
  --seconds S   for how long they play (60)
  --edge URL    of a platform that runs (http://127.0.0.1:8080)`;
const { values } = readArguments(usage, {
  options: {
    players: { type: "string", default: "100" },
    seconds: { type: "string", default: "60" },
    edge: { type: "string", default: "http://127.0.0.1:8080" },
  },
});

const players = wholeNumber("players", values.players, 1, 2_000);
const seconds = wholeNumber("seconds", values.seconds, 1, 3_600);
const answers = await fetch(`${values.edge}/healthz`).then(
  (response) => response.ok,
  () => false,
);
if (!answers) {
  console.error(`no edge answers at ${values.edge}: run \`npm start\` first`);
  process.exit(1);
}
console.log(
  `${players} players log in; for those who register first the platform needs about ${Math.ceil(players / 10)} s on two processors`,
);
const interrupted = new AbortController();
process.once("SIGINT", () => interrupted.abort());
const report = await runBots({
  ...{ edge: values.edge, players, seconds, tell: console.log, signal: interrupted.signal },
  accountsFile: join(defaultStateDir, "bots", `${new URL(values.edge).host}.json`),
});
console.log(`\n${formatReport(report)}`);
process.exit(report.players === players || interrupted.signal.aborted ? 0 : 1);
