import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Stack } from "../../../stack/stack.ts";
import { signalTree } from "../../support/signal-tree.ts";
import { until } from "../../support/until.ts";
import type { Strike } from "./schedule.ts";

const readyDeadlineMs = 240_000;
const shownLines = 30;

/** A process that is down or stands still. */
export interface Hit {
  /** Resolves when it takes work again. */
  recovered: Promise<void>;
}

/** Hits the victim, and lets it come back after its time. */
export async function hit(stack: Stack, { victim, means, downMs }: Strike): Promise<Hit> {
  const process = stack.process(victim);
  await ready(stack, victim);
  const { pid } = process;
  if (means === "pause") {
    signalTree(pid!, "SIGSTOP");
    const recover = async () => {
      await pause(downMs);
      signalTree(pid!, "SIGCONT");
    };
    return { recovered: recover() };
  }
  signalTree(pid!, "SIGKILL");
  // or the supervisor would start it again after half a second
  await process.stop();
  const recover = async () => {
    await pause(downMs);
    await process.start();
    await ready(stack, victim);
  };
  return { recovered: recover() };
}

/** @throws Error with the last lines of its log. */
async function ready(stack: Stack, name: string): Promise<void> {
  const process = stack.process(name);
  try {
    // another blow may hold it down
    await until(`${name} is started`, async () => process.status !== "stopped", readyDeadlineMs);
    await process.waitReady(readyDeadlineMs);
  } catch (cause) {
    const lines = readFileSync(join(stack.logDir, `${name}.log`), "utf8")
      .split("\n")
      .slice(-shownLines);
    throw new Error(`${(cause as Error).message}; its last lines:\n${lines.join("\n")}`, { cause });
  }
}
