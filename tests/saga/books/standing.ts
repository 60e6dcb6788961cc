import type { Fault } from "./check.ts";
import type { Facts, Outcome } from "./facts.ts";
import { keyOf, Sums } from "./sums.ts";
import { sagaOf } from "./totals.ts";

/** What has been left standing: sagas that run or need a person, promised items, and what the monitor shows of it all. */
export function checkStanding(facts: Facts): Fault[] {
  return [...sagas(facts), ...reservations(facts), ...monitor(facts)];
}

function* sagas(facts: Facts): Generator<Fault> {
  for (const saga of facts.sagas) {
    const { sagaId, outcome } = saga;
    if (outcome === "running" && !(saga.type === "trade" && saga.waits))
      yield { rule: "stuck", message: `${sagaId} still runs` };
    if (outcome === "needs_repair") yield { rule: "repair", message: `${sagaId} needs a person` };
    if (outcome === "broken") yield { rule: "repair", message: `${sagaId} ended as no saga should` };
  }
}

function* reservations(facts: Facts): Generator<Fault> {
  const running = new Set(facts.sagas.filter(({ outcome }) => outcome === "running").map(({ sagaId }) => sagaId));
  const promised = new Sums();
  for (const { operationId, userId, itemId, quantity } of facts.reservations) {
    promised.add(keyOf(userId, itemId), quantity);
    if (!running.has(sagaOf(operationId)))
      yield { rule: "reservation", message: `${operationId} still holds ${quantity} ${itemId} of ${userId}` };
  }
  const shown = new Sums();
  for (const { userId, itemId, reserved } of facts.bags) shown.add(keyOf(userId, itemId), reserved);
  for (const [key, are, should] of shown.differing(promised))
    yield { rule: "reservation", message: `${key}: ${are} promised in the bag, ${should} by reservations` };
}

/** What the monitor may say of a saga that ended so. It calls a failure with nothing to undo `failed`, any other `compensated`. */
const monitored: Record<Exclude<Outcome, "running" | "broken">, string[]> = {
  completed: ["completed"],
  called_off: ["completed"],
  failed: ["failed", "compensated"],
  needs_repair: ["needs_repair"],
};

function* monitor(facts: Facts): Generator<Fault> {
  const known = new Set(facts.sagas.map(({ sagaId }) => sagaId));
  for (const { sagaId, outcome } of facts.sagas) {
    if (outcome === "running" || outcome === "broken") continue;
    const said = facts.monitor.get(sagaId) ?? "nothing";
    if (!monitored[outcome].includes(said))
      yield { rule: "monitor", message: `${sagaId} is ${outcome}, and the monitor says ${said}` };
  }
  for (const sagaId of facts.monitor.keys())
    if (!known.has(sagaId)) yield { rule: "monitor", message: `the monitor knows ${sagaId}, Temporal does not` };
}
