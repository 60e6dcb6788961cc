import type { Fault } from "./check.ts";
import type { Facts, SagaFact, ToldPurchase, ToldSaga, ToldTrade } from "./facts.ts";
import { keyOf, Sums } from "./sums.ts";

/** Whether what the clients were told has come true. */
export function checkTold(facts: Facts): Fault[] {
  const sagas = new Map(facts.sagas.map((saga) => [saga.sagaId, saga]));
  const { purchases, trades } = facts.told;
  const faults = [
    ...purchases.flatMap((told) => [...checkOne(told, sagas), ...asAsked(told, sagas)]),
    ...trades.flatMap((told) => [...checkOne(told, sagas), ...asAsked(told, sagas)]),
    ...unasked(facts),
    ...shown(facts),
  ];
  return faults.map((message) => ({ rule: "told", message }));
}

function* checkOne({ userId, requestId, ids, last }: ToldSaga, sagas: Map<string, SagaFact>): Generator<string> {
  const who = `request ${requestId} of ${userId}`;
  if (new Set(ids).size > 1) yield `${who} was given several ids: ${[...new Set(ids)].join(", ")}`;
  const [id] = ids;
  if (id === undefined) return;
  const saga = sagas.get(id);
  if (!saga) {
    yield `${who} was told that ${id} has begun, and there is no such saga`;
    return;
  }
  if ((last === "completed" || last === "called_off" || last === "failed") && saga.outcome !== last)
    yield `${who}: told ${last}, but ${id} is ${saga.outcome}`;
  if (last === "refused") yield `${who}: told that nothing has begun, but ${id} is ${saga.outcome}`;
}

function* asAsked(told: ToldPurchase | ToldTrade, sagas: Map<string, SagaFact>): Generator<string> {
  const [id] = told.ids;
  const saga = id === undefined ? undefined : sagas.get(id);
  if (!saga) return;
  if (saga.type === "purchase" && "itemId" in told) {
    const asked = keyOf(told.userId, `${told.quantity}x${told.itemId}`, `for ${told.price ?? saga.price}`);
    const is = keyOf(saga.userId, `${saga.quantity}x${saga.itemId}`, `for ${saga.price}`);
    if (asked !== is) yield `${id}: asked for ${asked}, is ${is}`;
  } else if (saga.type === "trade" && "toUserId" in told) {
    const asked = keyOf(told.userId, told.toUserId);
    if (asked !== keyOf(saga.fromUserId, saga.toUserId)) yield `${id}: asked for a trade of ${asked}`;
  } else yield `${id} is a ${saga.type}, and that was not asked for`;
}

/** A player has no more sagas than they asked for, answered or not. */
function* unasked({ sagas, told }: Facts): Generator<string> {
  const asked = new Sums();
  const requests = [
    ...told.purchases.map((one) => ["purchase", one] as const),
    ...told.trades.map((one) => ["trade", one] as const),
  ];
  for (const [type, { userId, last }] of requests) if (last !== "refused") asked.add(keyOf(userId, type), 1);
  const are = new Sums();
  for (const saga of sagas) are.add(keyOf(saga.type === "purchase" ? saga.userId : saga.fromUserId, saga.type), 1);
  for (const [key, n] of are.entries())
    if (n > asked.of(key)) yield `${key}: ${n} sagas, and ${asked.of(key)} were asked for`;
}

function* shown({ told, wallets, bags }: Facts): Generator<string> {
  const balances = new Map(wallets.map(({ userId, balance }) => [userId, balance]));
  for (const { userId, balance, bag } of told.shown) {
    if (balances.get(userId) !== balance) yield `${userId} was shown ${balance} gold and has ${balances.get(userId)}`;
    const [saw, has] = [new Sums(), new Sums()];
    for (const { itemId, quantity } of bag) saw.add(itemId, quantity);
    for (const one of bags) if (one.userId === userId) has.add(one.itemId, one.quantity);
    for (const [itemId, seen, there] of saw.differing(has))
      yield `${userId} was shown ${seen} ${itemId} and has ${there}`;
  }
}
