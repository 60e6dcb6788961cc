import type { Fault } from "./check.ts";
import type { Facts, SagaFact } from "./facts.ts";
import { keyOf, Sums } from "./sums.ts";
import { sagaOf } from "./totals.ts";

/** What each saga did, line by line, against what it should have done by how it ended. */
export function checkEffects(facts: Facts): Fault[] {
  return [...wholeness(facts), ...once(facts)];
}

/** The lines of the ledgers that no saga writes. */
const ofNoSaga: readonly string[] = [
  ...["starting_gold", "grant", "transfer_in", "transfer_out"],
  ...["monster_drop", "quest_reward"],
];

function* wholeness(facts: Facts): Generator<Fault> {
  const running = new Set(facts.sagas.filter(({ outcome }) => outcome === "running").map(({ sagaId }) => sagaId));
  const done = new Sums();
  for (const { kind, operationId, userId, amount } of facts.goldLines)
    if (!ofNoSaga.includes(kind) && !running.has(sagaOf(operationId)))
      done.add(keyOf(sagaOf(operationId), userId, "gold"), amount);
  for (const { kind, operationId, userId, itemId, amount } of facts.itemLines)
    if (!ofNoSaga.includes(kind) && !running.has(sagaOf(operationId)))
      done.add(keyOf(sagaOf(operationId), userId, itemId), amount);

  const should = new Sums();
  for (const saga of facts.sagas)
    if (saga.outcome === "completed")
      for (const [userId, what, amount] of effectsOf(saga)) should.add(keyOf(saga.sagaId, userId, what), amount);

  const outcomes = new Map(facts.sagas.map(({ sagaId, outcome }) => [sagaId, outcome]));
  for (const [key, was, expected] of done.differing(should)) {
    const [sagaId, userId, what] = key.split(" ") as [string, string, string];
    const ended = outcomes.get(sagaId) ?? "unknown to Temporal";
    yield {
      rule: "whole",
      message: `${sagaId} (${ended}): ${userId} got ${was} ${what} by it, and should have got ${expected}`,
    };
  }
}

/** What a saga that completed has given to whom. */
function effectsOf(saga: SagaFact): [userId: string, what: string, amount: bigint][] {
  if (saga.type === "purchase")
    return [
      [saga.userId, "gold", -saga.price],
      [saga.userId, saga.itemId, BigInt(saga.quantity)],
    ];
  const { fromUserId, toUserId, offered, wanted } = saga;
  const sides = [
    { giver: fromUserId, taker: toUserId, ...offered },
    { giver: toUserId, taker: fromUserId, ...wanted },
  ];
  return sides.flatMap(({ giver, taker, gold, items }) =>
    [{ itemId: "gold", quantity: gold }, ...items].flatMap(({ itemId, quantity }): [string, string, bigint][] => [
      [giver, itemId, -BigInt(quantity)],
      [taker, itemId, BigInt(quantity)],
    ]),
  );
}

function* once({ goldLines, itemLines, revenueLines }: Facts): Generator<Fault> {
  const lines = [...goldLines.map((line) => ({ ...line, itemId: "gold" })), ...itemLines];
  const times = new Sums();
  for (const { operationId, kind, userId, itemId, amount } of lines)
    times.add(keyOf(operationId, kind, userId, itemId, amount < 0 ? "out" : "in"), 1);
  for (const { operationId, itemId, quantity } of revenueLines)
    times.add(keyOf(operationId, "revenue", "of", itemId, quantity < 0 ? "out" : "in"), 1);
  for (const [key, n] of times.entries()) if (n > 1) yield { rule: "once", message: `${key}: ${n} times` };

  const deducted = new Map(goldLines.filter(({ kind }) => kind === "deduct").map((line) => [line.operationId, line]));
  for (const { kind, operationId, userId, amount } of goldLines.filter(({ kind }) => kind === "refund")) {
    const undone = deducted.get(operationId);
    if (undone?.userId !== userId || undone.amount !== -amount)
      yield { rule: "once", message: `${operationId}: a ${kind} of ${amount} to ${userId}, but no such deduct` };
  }
}
