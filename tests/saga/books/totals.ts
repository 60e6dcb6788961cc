import type { Fault } from "./check.ts";
import type { Facts, PurchaseFact } from "./facts.ts";
import { keyOf, Sums } from "./sums.ts";

/** The sums over everything: whatever single lines say, gold and items are what came in less what went out. */
export function checkTotals(facts: Facts): Fault[] {
  return [...goldConserved(facts), ...itemsConserved(facts), ...balances(facts), ...log(facts), ...revenue(facts)];
}

const bought = ({ sagas }: Facts) =>
  sagas.filter((saga): saga is PurchaseFact => saga.type === "purchase" && saga.outcome === "completed");

/** What nobody had before. */
const given: readonly string[] = ["starting_gold", "grant", "monster_drop", "quest_reward"];

function* goldConserved(facts: Facts): Generator<Fault> {
  const total = facts.wallets.reduce((sum, { balance }) => sum + balance, 0n);
  const gifts = facts.goldLines
    .filter(({ kind }) => given.includes(kind))
    .reduce((sum, { amount }) => sum + amount, 0n);
  const spent = bought(facts).reduce((sum, { price }) => sum + price, 0n);
  const held = heldGold(facts);
  if (total + held !== gifts - spent)
    yield {
      rule: "gold_conserved",
      message: `players have ${total} and ${held} is held for running sagas, but ${gifts} was given and ${spent} spent: ${total + held - (gifts - spent)} too many`,
    };
}

/** What sagas that still run have taken out and not given back. */
function heldGold({ goldLines, sagas }: Facts): bigint {
  const running = new Set(sagas.filter(({ outcome }) => outcome === "running").map(({ sagaId }) => sagaId));
  const ofRunning = goldLines.filter(({ operationId }) => running.has(sagaOf(operationId)));
  return -ofRunning.reduce((sum, { amount }) => sum + amount, 0n);
}

function* itemsConserved(facts: Facts): Generator<Fault> {
  const there = new Sums();
  for (const { itemId, quantity } of facts.bags) there.add(itemId, quantity);
  const expected = new Sums();
  for (const { itemId, quantity } of bought(facts)) expected.add(itemId, quantity);
  const running = new Set(facts.sagas.filter(({ outcome }) => outcome === "running").map(({ sagaId }) => sagaId));
  for (const { operationId, itemId, kind, amount } of facts.itemLines)
    if (given.includes(kind) || running.has(sagaOf(operationId))) expected.add(itemId, amount);
  for (const [itemId, are, should] of there.differing(expected))
    yield { rule: "items_conserved", message: `there are ${are} ${itemId}, but ${should} were bought or found` };
}

function* balances({ wallets, goldLines, bags, itemLines }: Facts): Generator<Fault> {
  const gold = [new Sums(), new Sums()] as const;
  for (const { userId, balance } of wallets) gold[0].add(userId, balance);
  for (const { userId, amount } of goldLines) gold[1].add(userId, amount);
  for (const [userId, has, sum] of gold[0].differing(gold[1]))
    yield { rule: "balance", message: `${userId} has ${has} gold, but the lines add up to ${sum}` };

  const items = [new Sums(), new Sums()] as const;
  for (const { userId, itemId, quantity } of bags) items[0].add(keyOf(userId, itemId), quantity);
  for (const { userId, itemId, amount } of itemLines) items[1].add(keyOf(userId, itemId), amount);
  for (const [key, has, sum] of items[0].differing(items[1]))
    yield { rule: "balance", message: `${key}: ${has} in the bag, but the lines add up to ${sum}` };

  for (const { userId, balance } of wallets)
    if (balance < 0n) yield { rule: "balance", message: `${userId} has ${balance} gold` };
  for (const { userId, itemId, quantity, reserved } of bags)
    if (quantity < 0 || reserved < 0 || reserved > quantity)
      yield { rule: "balance", message: `${userId} has ${quantity} ${itemId}, ${reserved} of them promised` };
}

function* log(facts: Facts): Generator<Fault> {
  const lines = [new Sums(), new Sums()] as const;
  const say = (id: string, userId: string, itemId: string, quantity: number, price: bigint) =>
    keyOf(id, userId, `${quantity}x${itemId}`, `for ${price}`);
  for (const line of facts.log)
    lines[0].add(say(line.purchaseId, line.userId, line.itemId, line.quantity, line.price), 1);
  for (const { sagaId, ...one } of bought(facts))
    lines[1].add(say(sagaId, one.userId, one.itemId, one.quantity, one.price), 1);
  for (const [line, logged, should] of lines[0].differing(lines[1]))
    yield { rule: "log", message: `${line}: logged ${logged} times instead of ${should}` };
}

function* revenue(facts: Facts): Generator<Fault> {
  const sold = [new Sums(), new Sums()] as const;
  for (const { itemId, quantity, revenue } of facts.revenue) {
    sold[0].add(`pieces of ${itemId}`, quantity);
    sold[0].add(`gold for ${itemId}`, revenue);
  }
  for (const { itemId, quantity, price } of bought(facts)) {
    sold[1].add(`pieces of ${itemId}`, quantity);
    sold[1].add(`gold for ${itemId}`, price);
  }
  const lines = new Sums();
  for (const { itemId, quantity, revenue } of facts.revenueLines) {
    lines.add(`pieces of ${itemId}`, quantity);
    lines.add(`gold for ${itemId}`, revenue);
  }
  for (const [what, counted, sum] of sold[0].differing(lines))
    yield { rule: "revenue", message: `${counted} ${what} in the statistics, but the lines add up to ${sum}` };
  for (const [what, counted, should] of sold[0].differing(sold[1]))
    yield { rule: "revenue", message: `${counted} ${what} in the statistics instead of ${should}` };
}

/** An operation is named `<saga id>/<step>`. */
export const sagaOf = (operationId: string): string => operationId.slice(0, operationId.lastIndexOf("/"));
