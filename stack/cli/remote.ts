import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { styleText } from "node:util";
import { sendControl } from "../control.ts";
import { elapsed } from "../elapsed.ts";
import { Fault } from "../fault.ts";
import { openSecrets } from "../secrets.ts";
import { endLeftovers, isRunning, readState } from "../state.ts";
import { drawStatus, type ProcessStatus } from "./status.ts";

/** `npm run status`: what runs. Exit code 1 when something is not ready, 3 when nothing runs. */
export async function status(stateDir: string): Promise<number> {
  const state = readState(stateDir);
  if (!isRunning(state)) {
    console.log(
      state ? "It was killed and may have left processes behind: npm run stop ends them." : "Nothing runs: npm start",
    );
    return 3;
  }
  const processes = await send<ProcessStatus[]>(stateDir, "status");
  console.log(drawStatus(processes).join("\n"));
  for (const line of await send<string[]>(stateDir, "policy")) console.log(styleText("yellow", `policy: ${line}`));
  return processes.every(({ status }) => status === "ready") ? 0 : 1;
}

/** `npm run restart -- <name>...`: starts them anew and waits until they are ready. */
export async function restart(stateDir: string, names: readonly string[]): Promise<number> {
  if (names.length === 0) throw new Fault("usage: npm run restart -- <name>... (npm run status shows the names)");
  expectRunning(stateDir);
  for (const name of names) {
    const started = Date.now();
    await send(stateDir, `restart/${encodeURIComponent(name)}`);
    console.log(`${name} is ready again after ${elapsed(Date.now() - started)}`);
  }
  return 0;
}

/** `npm run stop`: ends the stack, or what a killed one has left. */
export async function stop(stateDir: string): Promise<number> {
  const state = readState(stateDir);
  if (!state) {
    console.log("Nothing runs.");
    return 0;
  }
  if (!isRunning(state)) {
    const ended = await endLeftovers(stateDir);
    console.log(ended.length > 0 ? `Ended what was left: ${ended.join(", ")}` : "Nothing runs.");
    return 0;
  }
  await send(stateDir, "stop");
  while (isRunning(readState(stateDir))) await pause(100);
  console.log("Stopped. The data stays for the next start.");
  return 0;
}

function expectRunning(stateDir: string): void {
  if (!isRunning(readState(stateDir))) throw new Fault("nothing runs: npm start");
}

async function send<T>(stateDir: string, command: string): Promise<T> {
  try {
    return await sendControl<T>(stateDir, openSecrets(join(stateDir, "secrets")), command);
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("the stack is just starting or ending: try again in a moment");
  }
}
