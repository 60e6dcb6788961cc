import type { Log } from "./log.ts";
import type { Server } from "./serve.ts";

/** How long a process may take to end. */
const deadlineMs = 10_000;

/**
 * Lets a process live until SIGTERM or SIGINT, and ends it in order: no new calls, calls in flight end, then `closers` one after
 * another, then the spans that wait are sent.
 */
export function runUntilSignal(server: Server, closers: (() => Promise<unknown>)[], log: Log): void {
  // One slip in one call must not take down what the other players do.
  process.on("unhandledRejection", (error) => log.error({ err: error }, "a rejection was not handled"));
  const end = async (signal: string) => {
    log.info({ signal }, "ending");
    setTimeout(() => process.exit(1), deadlineMs).unref();
    await server.stop();
    for (const close of closers) await close().catch((error: Error) => log.warn({ err: error.message }, "closing"));
    await (globalThis as { stopTelemetry?: () => Promise<void> }).stopTelemetry?.();
    process.exit(0);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void end(signal));
}
