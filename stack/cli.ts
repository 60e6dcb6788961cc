/** `npm start`, `npm run status`, `npm run logs -- chat`, `npm run restart -- chat`, `npm run stop`. */
import { resolve } from "node:path";
import { parseArgs, styleText } from "node:util";
import { logs } from "./cli/logs.ts";
import { restart, status, stop } from "./cli/remote.ts";
import { start } from "./cli/start.ts";
import { Fault, lineOf } from "./fault.ts";
import { defaultStateDir } from "./paths.ts";

const usage = `usage: npm start [-- --fresh]          begins the platform; --fresh forgets all data first
       npm start -- --with chat=v2      runs a second version of a service beside the first: docs/shifts/
       npm start -- --with world=2      runs two replicas of a service: world, match
       npm run status                   what runs, since when and where
       npm run logs -- [-f] [name...]   what processes write; -f goes on
       npm run restart -- <name>...     starts processes anew
       npm run stop                     ends it from another shell

A second platform beside the first: --state-dir <folder> with every command, and --network <1 to 250> with start,
which puts it at 127.<network>.0.1 instead of 127.0.0.1.`;

/** Runs one command and gives the exit code. */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      fresh: { type: "boolean", default: false },
      with: { type: "string", multiple: true, default: [] },
      follow: { type: "boolean", short: "f", default: false },
      raw: { type: "boolean", default: false },
      "state-dir": { type: "string", default: defaultStateDir },
      network: { type: "string", default: "0" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [command, ...names] = positionals;
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const stateDir = resolve(values["state-dir"]);
  const network = Number(values.network);
  if (!Number.isInteger(network) || network < 0 || network > 250) throw new Fault("--network is a number of 0 to 250");
  if (command === "start") return start(stateDir, { fresh: values.fresh, network, versions: values.with });
  if (command === "status") return status(stateDir);
  if (command === "logs") return logs(stateDir, names, { follow: values.follow, raw: values.raw });
  if (command === "restart") return restart(stateDir, names);
  if (command === "stop") return stop(stateDir);
  throw new Fault(usage);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Fault) console.error(styleText("red", error.message, { stream: process.stderr }));
  else if ((error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS"))
    console.error(`${lineOf(error)}\n${usage}`);
  else console.error(error);
  process.exitCode = 1;
}
// What a library may still hold open must not keep a finished command alive.
process.exit();
