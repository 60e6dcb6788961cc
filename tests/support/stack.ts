import { mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Stack, type StackOptions, startStack } from "../../stack/stack.ts";
import { endLeftovers, isRunning, readState, removeState } from "../../stack/state.ts";

const prefix = "game-mesh-test-";

/**
 * Starts the platform, or `only` a part of it, in a folder and a loopback network of its own, and waits until it is ready. `stop` leaves nothing.
 *
 * @param onInterrupt what SIGINT does from now on, instead of stopping it and ending this process.
 */
export async function createTestStack(
  options: Pick<StackOptions, "only" | "env" | "envOf"> = {},
  onInterrupt?: () => void,
): Promise<Stack> {
  await endAbandoned();
  const stateDir = mkdtempSync(join(tmpdir(), prefix));
  let stack: Stack;
  try {
    stack = await startStack({ ...options, stateDir, env: { LOG_LEVEL: "info", ...options.env } });
  } catch (error) {
    removeState(stateDir);
    throw error;
  }
  const end = async () => {
    process.off("SIGINT", onInterrupt ?? interrupted).off("SIGTERM", interrupted);
    await stack.stop();
    removeState(stateDir);
  };
  const interrupted = () => void end().finally(() => process.exit(1));
  process.on("SIGINT", onInterrupt ?? interrupted).on("SIGTERM", interrupted);
  try {
    await stack.waitReady();
  } catch (error) {
    await end();
    throw error;
  }
  return { ...stack, stop: end };
}

/** As `createTestStack`, and ends with the test. */
export async function startTestStack(
  t: TestContext,
  options: Pick<StackOptions, "only" | "env" | "envOf"> = {},
): Promise<Stack> {
  const stack = await createTestStack(options);
  t.after(() => stack.stop());
  return stack;
}

/** The engines that a test can have. */
export type TestEngine = "postgres" | "redis" | "kafka" | "temporal" | "jaeger";

/** Starts engines for one test: `databaseUrl(service)`, `redisUrl(service)`, `kafkaBrokers`, `process(name)` are what it needs of the stack. */
export const startEngines = (t: TestContext, only: readonly TestEngine[]): Promise<Stack> =>
  startTestStack(t, { only });

/** Starts one engine for one test. */
export const startEngine = (t: TestContext, engine: TestEngine): Promise<Stack> => startEngines(t, [engine]);

/** Ends what test runs that were killed have left behind. */
async function endAbandoned(): Promise<void> {
  for (const entry of readdirSync(tmpdir()).filter((name) => name.startsWith(prefix))) {
    const stateDir = join(tmpdir(), entry);
    const state = readState(stateDir);
    if (!state || isRunning(state)) continue;
    await endLeftovers(stateDir);
    removeState(stateDir);
  }
}
