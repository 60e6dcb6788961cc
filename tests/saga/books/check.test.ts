import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { check, type Rule } from "./check.ts";
import type { Facts, PurchaseFact, TradeFact } from "./facts.ts";
import { type Course, createHistory } from "./history.ts";

const players = ["ada", "bob", "cyd"];
const catalogue = ["iron_sword", "potion"];

/** Two players, with a purchase and a trade of each outcome. */
function run(): Facts {
  const history = createHistory();
  for (const player of players) history.join(player, 1_000n);
  history.purchase("ada", "iron_sword", 2, 200n, "completed");
  history.purchase("ada", "potion", 5, 50n, { undoneAfter: 4 });
  history.purchase("bob", "potion", 3, 30n, "completed");
  history.purchase("bob", "iron_sword", 100, 10_000n, "completed"); // can't pay
  const sword = { gold: 0n, items: [{ itemId: "iron_sword", quantity: 1 }] };
  const pay = { gold: 120n, items: [{ itemId: "potion", quantity: 2 }] };
  history.trade("ada", "bob", sword, pay, "completed");
  history.trade("bob", "ada", { gold: 10n, items: [] }, { gold: 0n, items: [] }, { undoneAfter: 1 });
  return history.facts();
}

/** Which rules a damaged run breaks. */
function broken(damage: (facts: Facts) => void): Rule[] {
  const facts = run();
  damage(facts);
  return [...new Set(check(facts).map(({ rule }) => rule))].sort();
}

const purchase = (facts: Facts, nth: number) =>
  facts.sagas.filter(({ type }) => type === "purchase")[nth] as PurchaseFact;
const trade = (facts: Facts, nth: number) => facts.sagas.filter(({ type }) => type === "trade")[nth] as TradeFact;
const take = <T>(list: T[], which: (one: T) => boolean): T => {
  const at = list.findIndex(which);
  assert.ok(at >= 0, "there is something to damage");
  return list.splice(at, 1)[0]!;
};
const wallet = (facts: Facts, user: string) => facts.wallets.find(({ userId }) => userId === user)!;
const bag = (facts: Facts, user: string, item: string) =>
  facts.bags.find(({ userId, itemId }) => userId === user && itemId === item)!;
/** As if the players had been shown what is there now. */
const show = (facts: Facts) => {
  for (const shown of facts.told.shown) {
    shown.balance = wallet(facts, shown.userId).balance;
    shown.bag = facts.bags.filter(({ userId }) => userId === shown.userId);
  }
};

describe("the books", () => {
  test("a run in which all went well has no fault", () => {
    assert.deepEqual(check(run()), []);
  });

  test("no run that went well has a fault", () => {
    const player = fc.constantFrom(...players);
    const item = fc.constantFrom(...catalogue);
    const course = (steps: number): fc.Arbitrary<Course> =>
      fc.oneof(
        fc.constant("completed" as const),
        fc.nat(steps).map((undoneAfter) => ({ undoneAfter })),
      );
    const side = fc.record({
      gold: fc.bigInt(0n, 300n),
      items: fc.uniqueArray(fc.record({ itemId: item, quantity: fc.integer({ min: 1, max: 3 }) }), {
        selector: ({ itemId }) => itemId,
      }),
    });
    const buying = fc.tuple(player, item, fc.integer({ min: 1, max: 5 }), fc.bigInt(1n, 400n), course(4));
    const trading = fc.tuple(fc.shuffledSubarray(players, { minLength: 2, maxLength: 2 }), side, side, course(2));
    fc.assert(
      fc.property(fc.array(fc.oneof(buying, trading), { maxLength: 40 }), (sagas) => {
        const history = createHistory();
        for (const one of players) history.join(one, 1_000n);
        for (const saga of sagas) {
          if (saga.length === 5) history.purchase(...saga);
          else history.trade(saga[0][0]!, saga[0][1]!, saga[1], saga[2], saga[3]);
        }
        assert.deepEqual(check(history.facts()), []);
      }),
    );
  });

  test("an offer that waits for its answer may hold gold and items", () => {
    const facts = run();
    const operationId = "trade-9/reserve_offered";
    facts.reservations.push({ operationId, userId: "ada", itemId: "iron_sword", quantity: 1 });
    bag(facts, "ada", "iron_sword").reserved = 1;
    facts.goldLines.push({ userId: "ada", amount: -5n, kind: "deduct", operationId: "trade-9/deduct_offered" });
    wallet(facts, "ada").balance -= 5n;
    show(facts);
    const offered = { gold: 5n, items: [{ itemId: "iron_sword", quantity: 1 }] };
    const offer = { ...trade(facts, 0), sagaId: "trade-9", outcome: "running" as const, offered, waits: true };
    facts.sagas.push(offer);
    facts.told.trades.push({ userId: "ada", requestId: "r9", toUserId: "bob", ids: ["trade-9"], last: "unknown" });
    assert.deepEqual(check(facts), []);
    offer.waits = false;
    assert.deepEqual(
      check(facts).map(({ rule }) => rule),
      ["stuck"],
    );
  });
});

describe("damage is reported", () => {
  const damages: [what: string, rules: Rule[], damage: (facts: Facts) => void][] = [
    [
      "an undo left out: the gold of a purchase that failed was not given back",
      ["gold_conserved", "whole"],
      (facts) => {
        const { userId, amount } = take(facts.goldLines, (line) => line.kind === "refund");
        wallet(facts, userId).balance -= amount;
        show(facts);
      },
    ],
    [
      "an undo left out: the items of a purchase that failed are still there",
      ["items_conserved", "whole"],
      (facts) => {
        const { userId, itemId, amount } = take(facts.itemLines, (line) => line.kind === "remove");
        bag(facts, userId, itemId).quantity -= amount;
        show(facts);
      },
    ],
    [
      "a step registered late: what it did at the moment of the kill was never undone",
      ["log", "revenue"],
      (facts) => {
        const { sagaId, userId, itemId, quantity, price } = purchase(facts, 1);
        facts.log.push({ purchaseId: sagaId, userId, itemId, quantity, price });
        facts.revenue.push({ itemId, quantity, revenue: price });
        facts.revenueLines.push({ itemId, quantity, revenue: price, operationId: `${sagaId}/update_revenue` });
      },
    ],
    [
      "an operation id ignored: gold deducted twice",
      ["gold_conserved", "once", "whole"],
      (facts) => {
        const line = facts.goldLines.find(({ kind }) => kind === "deduct")!;
        facts.goldLines.push({ ...line });
        wallet(facts, line.userId).balance += line.amount;
        show(facts);
      },
    ],
    [
      "an operation id ignored: items added twice",
      ["items_conserved", "once", "whole"],
      (facts) => {
        const line = facts.itemLines.find(({ kind }) => kind === "add")!;
        facts.itemLines.push({ ...line });
        bag(facts, line.userId, line.itemId).quantity += line.amount;
        show(facts);
      },
    ],
    [
      "an operation id ignored: gold given back twice",
      ["gold_conserved", "once", "whole"],
      (facts) => {
        const line = facts.goldLines.find(({ kind }) => kind === "refund")!;
        facts.goldLines.push({ ...line });
        wallet(facts, line.userId).balance += line.amount;
        show(facts);
      },
    ],
    [
      "a tombstone ignored: a late deduct after its refund",
      ["gold_conserved", "whole"],
      (facts) => {
        const operationId = `${purchase(facts, 3).sagaId}/deduct_gold`;
        facts.goldLines.push({ userId: "bob", amount: -7n, kind: "deduct", operationId });
        wallet(facts, "bob").balance -= 7n;
        show(facts);
      },
    ],
    [
      "a refund of what was never deducted",
      ["gold_conserved", "once", "whole"],
      (facts) => {
        const operationId = `${purchase(facts, 3).sagaId}/deduct_gold`;
        facts.goldLines.push({ userId: "bob", amount: 7n, kind: "refund", operationId });
        wallet(facts, "bob").balance += 7n;
        show(facts);
      },
    ],
    [
      "half a trade: the item went over, the gold did not",
      ["gold_conserved", "whole"],
      (facts) => {
        const { userId, amount } = take(facts.goldLines, ({ kind }) => kind === "credit");
        wallet(facts, userId).balance -= amount;
        show(facts);
      },
    ],
    [
      "half a trade: one side gave its items and got none, so the sums are right",
      ["whole"],
      (facts) => {
        for (const user of ["ada", "bob"]) {
          const line = take(
            facts.itemLines,
            (one) => one.kind === "traded" && one.itemId === "potion" && one.userId === user,
          );
          bag(facts, user, "potion").quantity -= line.amount;
        }
        show(facts);
      },
    ],
    [
      "gold of one purchase taken from another player, so the sums are right",
      ["whole"],
      (facts) => {
        const line = facts.goldLines.find(({ kind }) => kind === "deduct")!;
        wallet(facts, line.userId).balance -= line.amount;
        line.userId = "cyd";
        wallet(facts, "cyd").balance += line.amount;
        show(facts);
      },
    ],
    [
      "a reservation that nobody released",
      ["reservation"],
      (facts) => {
        const held = { userId: "ada", itemId: "iron_sword", quantity: 1 };
        facts.reservations.push({ operationId: `${trade(facts, 1).sagaId}/reserve_wanted`, ...held });
        bag(facts, "ada", "iron_sword").reserved = 1;
      },
    ],
    [
      "a reservation lost: the bag still counts it",
      ["reservation"],
      (facts) => {
        bag(facts, "ada", "iron_sword").reserved = 1;
      },
    ],
    [
      "more promised than there is",
      ["balance", "reservation"],
      (facts) => {
        bag(facts, "ada", "iron_sword").reserved = 7;
      },
    ],
    [
      "revenue of gold too high",
      ["revenue"],
      (facts) => {
        facts.revenue[0]!.revenue += 1n;
      },
    ],
    [
      "revenue of pieces too low",
      ["revenue"],
      (facts) => {
        facts.revenue[0]!.quantity -= 1;
      },
    ],
    [
      "an operation id ignored: revenue counted twice",
      ["once", "revenue"],
      (facts) => {
        facts.revenueLines.push({ ...facts.revenueLines[0]! });
        facts.revenue[0]!.quantity += facts.revenueLines[0]!.quantity;
        facts.revenue[0]!.revenue += facts.revenueLines[0]!.revenue;
      },
    ],
    ["a completed purchase missing in the log", ["log"], (facts) => void facts.log.pop()],
    ["a purchase logged twice", ["log"], (facts) => void facts.log.push({ ...facts.log[0]! })],
    [
      "a purchase logged at another price",
      ["log"],
      (facts) => {
        facts.log[0]!.price += 1n;
      },
    ],
    [
      "a balance without a line",
      ["balance", "gold_conserved"],
      (facts) => {
        wallet(facts, "cyd").balance += 1n;
        show(facts);
      },
    ],
    [
      "a negative balance",
      ["balance"],
      (facts) => {
        facts.goldLines.push({ userId: "ada", amount: -5_000n, kind: "transfer_out", operationId: "transfer/ada/1" });
        facts.goldLines.push({ userId: "bob", amount: 5_000n, kind: "transfer_in", operationId: "transfer/ada/1" });
        wallet(facts, "ada").balance -= 5_000n;
        wallet(facts, "bob").balance += 5_000n;
        show(facts);
      },
    ],
    [
      "lines of a saga that Temporal does not know",
      ["gold_conserved", "items_conserved", "log", "monitor", "revenue", "told", "whole"],
      (facts) => void take(facts.sagas, ({ sagaId }) => sagaId === "purchase-1"),
    ],
    [
      "a saga that still runs",
      ["stuck"],
      (facts) => {
        purchase(facts, 1).outcome = "running";
        facts.told.purchases[1]!.last = "unknown";
      },
    ],
    [
      "a saga that needs a person",
      ["monitor", "repair", "told"],
      (facts) => {
        purchase(facts, 1).outcome = "needs_repair";
      },
    ],
    [
      "a saga that ended as none should",
      ["repair", "told"],
      (facts) => {
        purchase(facts, 1).outcome = "broken";
      },
    ],
    ["a saga that the monitor missed", ["monitor"], (facts) => void facts.monitor.delete("purchase-1")],
    ["a saga that the monitor has wrong", ["monitor"], (facts) => void facts.monitor.set("purchase-1", "started")],
    [
      "a failed purchase told as completed",
      ["told"],
      (facts) => {
        facts.told.purchases[1]!.last = "completed";
      },
    ],
    [
      "a completed purchase told as failed",
      ["told"],
      (facts) => {
        facts.told.purchases[0]!.last = "failed";
      },
    ],
    [
      "a purchase begun, although it was refused",
      ["told"],
      (facts) => {
        facts.told.purchases[0]!.last = "refused";
      },
    ],
    ["one request answered with two ids", ["told"], (facts) => void facts.told.purchases[0]!.ids.push("purchase-3")],
    [
      "an id given for a purchase that is not there",
      ["told"],
      (facts) => {
        facts.told.purchases[0]!.ids = ["purchase-77"];
      },
    ],
    [
      "a purchase of something else than asked for",
      ["told"],
      (facts) => {
        facts.told.purchases[0]!.itemId = "potion";
      },
    ],
    [
      "a price other than answered",
      ["told"],
      (facts) => {
        facts.told.purchases[0]!.price = 1n;
      },
    ],
    ["a purchase that nobody asked for", ["told"], (facts) => void facts.told.purchases.shift()],
    [
      "a player shown another balance",
      ["told"],
      (facts) => {
        facts.told.shown[0]!.balance += 1n;
      },
    ],
    [
      "a player not shown what they own",
      ["told"],
      (facts) => {
        facts.told.shown[0]!.bag = [];
      },
    ],
  ];
  for (const [what, rules, damage] of damages) {
    test(what, () => assert.deepEqual(broken(damage), rules));
  }
});
