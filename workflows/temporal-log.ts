import type { Logger } from "@temporalio/common";
import type { Log } from "#kit/log.ts";

/** Temporal's own lines, in ours. What it thinks worth saying in passing is for debugging here. */
export function createTemporalLog(log: Log): Logger {
  const write = (level: "trace" | "debug" | "warn" | "error") => (message: string, meta?: object) =>
    log[level]({ ...meta }, message);
  const to = {
    TRACE: write("trace"),
    DEBUG: write("debug"),
    INFO: write("debug"),
    WARN: write("warn"),
    ERROR: write("error"),
  };
  return {
    log: (level, message, meta) => to[level](message, meta),
    trace: to.TRACE,
    debug: to.DEBUG,
    info: to.INFO,
    warn: to.WARN,
    error: to.ERROR,
  };
}
