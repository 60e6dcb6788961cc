import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { styleText } from "node:util";
import pretty from "pino-pretty";
import { Fault } from "../fault.ts";

/** `npm run logs -- [-f] [name...]`: the last lines of the named processes, of all when none is named. */
export async function logs(
  stateDir: string,
  names: readonly string[],
  options: { follow: boolean; raw: boolean },
): Promise<number> {
  const dir = join(stateDir, "logs");
  const known = existsSync(dir)
    ? readdirSync(dir)
        .filter((file) => file.endsWith(".log"))
        .map((file) => file.slice(0, -4))
    : [];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown)
    throw new Fault(`there is no log of ${unknown}; there are: ${known.join(", ") || "none yet (npm start)"}`);
  const wanted = names.length > 0 ? names : known;
  const format = createFormat(options.raw || !process.stdout.isTTY);
  const prefix = wanted.length > 1;
  const lines = prefix ? 20 : 200;
  await Promise.all(
    wanted.map(async (name) => {
      // tail also follows a log through its rotation.
      const tail = spawn("tail", ["-n", String(lines), ...(options.follow ? ["-F"] : []), join(dir, `${name}.log`)], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      process.on("exit", () => tail.kill());
      for await (const line of createInterface({ input: tail.stdout })) {
        process.stdout.write(`${prefix ? `${styleText("dim", name.padEnd(16))} ` : ""}${format(line)}\n`);
      }
    }),
  );
  return 0;
}

/** JSON lines of the services for people; what is piped on stays as it is. */
function createFormat(raw: boolean): (line: string) => string {
  if (raw) return (line) => line;
  const prettify = pretty.prettyFactory({
    colorize: true,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,hostname,service,instance",
    singleLine: true,
  });
  return (line) => (line.startsWith('{"level"') ? prettify(line).trimEnd() : line);
}
