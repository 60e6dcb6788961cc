import { metrics } from "@opentelemetry/api";

/** The meter of this process. Not to be imported by telemetry.ts: a meter taken before the SDK has started records nothing. */
export const meter = metrics.getMeter("game-mesh");
