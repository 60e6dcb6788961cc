import { trace } from "@opentelemetry/api";
import { type Logger, pino } from "pino";

export type Log = Logger;

/** Paths that must not reach a log, whatever is logged. */
const secrets = ["password", "token", "access_token", "refresh_token", "authorization", "accessToken", "refreshToken"];

/**
 * A log of JSON lines on stdout. Each line carries the ids of the span that it was written in.
 *
 * @param service the service's name.
 * @param instance the workload's name; the service's when there is one replica.
 */
export function createLog(service: string, instance = service): Log {
  return pino({
    level: process.env.LOG_LEVEL ?? "info",
    base: { service, instance },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    // ioredis puts a failed command with its arguments into the error.
    redact: { paths: [...secrets, ...secrets.map((name) => `*.${name}`), "err.command.args"], censor: "(hidden)" },
    mixin() {
      const span = trace.getActiveSpan()?.spanContext();
      return span ? { trace_id: span.traceId, span_id: span.spanId } : {};
    },
  });
}
