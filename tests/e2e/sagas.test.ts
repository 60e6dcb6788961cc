/** The part of the platform that sagas need, started once: the real edge, sidecars, Temporal and its worker. */
import { after, before } from "node:test";
import type { Stack } from "../../stack/stack.ts";
import { createTestStack } from "../support/stack.ts";
import { purchases } from "./purchases.ts";
import { sagaTraces } from "./saga-traces.ts";
import { sagaTrouble } from "./saga-trouble.ts";
import { trades } from "./trades.ts";

const engines = ["postgres", "redis", "kafka", "temporal", "jaeger"];
const services = ["auth", "account", "inventory", "analytics", "social", "saga-worker"];

let stack: Stack;
const platform = () => stack;

before(async () => {
  stack = await createTestStack({ only: [...engines, ...services, "edge"] });
});
after(() => stack?.stop());

purchases(platform);
trades(platform);
sagaTraces(platform);
sagaTrouble(platform);
