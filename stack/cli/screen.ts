import { styleText } from "node:util";
import { elapsed } from "../elapsed.ts";
import type { ManagedProcess, Status } from "../supervisor.ts";

const nameWidth = 16;

/** Plain lines, each with the time since the start and the name of what it is about. */
export interface Screen {
  line(name: string, text: string, mood?: Mood): void;
  /** Tells each change of a process, in one line. */
  watch(process: ManagedProcess): void;
}

type Mood = "calm" | "good" | "bad";
const colors = { calm: "dim", good: "green", bad: "yellow" } as const;

/** Writes to standard output; in colour where there is a terminal that shows them. */
export function createScreen(started: number = Date.now()): Screen {
  const told = new Set<string>();

  function line(name: string, text: string, mood: Mood = "calm"): void {
    const time = elapsed(Date.now() - started).padStart(7);
    console.log(`${styleText("dim", time)}  ${name.padEnd(nameWidth)} ${styleText(colors[mood], text)}`);
  }

  return {
    line,
    watch(process) {
      let shown: Status = "stopped";
      let detail = "";
      let wasReady = false;
      process.onChange(() => {
        const { status, name } = process;
        if (status === shown && process.detail === detail) return;
        const before = shown;
        [shown, detail] = [status, process.detail];
        if (status === "ready") line(name, wasReady ? "ready again" : "ready", "good");
        else if (status === "preparing" && detail && before !== "waiting") line(name, detail);
        else if (status === "waiting") line(name, `${detail}; npm run logs -- ${name}`, "bad");
        else if (status === "failed") {
          // Envoy is no process of its own: without it, all that are made of it fail for one reason.
          const envoy = detail.startsWith("envoy");
          const then = envoy ? "start again" : `npm run restart -- ${name}`;
          if (!told.has(detail)) line(envoy ? "envoy" : name, `${detail}; then ${then}`, "bad");
          told.add(detail);
        }
        if (status === "ready") wasReady = true;
      });
    },
  };
}
