import { setTimeout as pause } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import type { CatalogueItem } from "#gen/game/inventory/v1/item_pb.ts";
import { PurchaseStatus } from "#gen/game/inventory/v1/purchase_pb.ts";
import { type Trade, TradeStatus } from "#gen/game/social/v1/trade_pb.ts";
import type { ToldSaga } from "../books/facts.ts";
import { isRefusal, type PatientClient } from "./client.ts";
import type { Dice } from "./dice.ts";
import type { Notes } from "./told.ts";

/** Somebody who buys and trades without pause. */
export interface Player extends PatientClient {
  dice: Dice;
  /** What they surely own and have not promised to anybody. */
  free: Map<string, number>;
}

/** What all players share. */
export interface Market {
  players: Player[];
  catalogue: CatalogueItem[];
  notes: Notes;
}

/** Buys something: mostly what can be paid and carried, sometimes not, sometimes asked for twice at once. */
export async function buy(player: Player, { catalogue, notes }: Market): Promise<void> {
  const { dice, userId } = player;
  const { itemId } = dice.pick(catalogue.filter(({ price }) => price > 0n));
  const quantity = dice.chance(0.1) ? 100 : dice.int(1, 3);
  const request = { requestId: `buy-${notes.told.purchases.length}`, itemId, quantity };
  const note = notes.purchase({ userId, ...request });
  const ask = async () => {
    const { purchaseId, price } = await player.ask(({ inventory }) => inventory.purchaseItem(request));
    note.ids.push(purchaseId);
    note.price = price;
  };
  const asked = await Promise.allSettled(dice.chance(0.15) ? [ask(), ask()] : [ask()]);
  const [purchaseId] = note.ids;
  if (purchaseId === undefined) {
    if (asked.every((one) => one.status === "rejected" && isRefusal(one.reason))) note.last = "refused";
    return;
  }
  for (;;) {
    const { purchase } = await player.ask(({ inventory }) => inventory.waitPurchase({ purchaseId }));
    const last = ends[purchase!.status];
    if (!last) continue;
    note.last = last;
    if (last === "completed") add(player.free, itemId, quantity);
    return;
  }
}

const ends: Partial<Record<PurchaseStatus, ToldSaga["last"]>> = {
  [PurchaseStatus.COMPLETED]: "completed",
  [PurchaseStatus.FAILED]: "failed",
  [PurchaseStatus.NEEDS_REPAIR]: "needs_repair",
};

/** Offers a trade to somebody, who accepts, declines, or lets it be. False when the edge allows this player no more offers for now. */
export async function trade(player: Player, market: Market): Promise<boolean> {
  const { dice } = player;
  // Many want to trade with the same few.
  const others = market.players.filter((one) => one !== player);
  const other = dice.pick(dice.chance(0.4) ? others.slice(0, 3) : others);
  const [offered, wanted] = [choose(player, dice), choose(other, dice)];
  const sides = [[player, offered] as const, [other, wanted] as const];
  const answer = dice.weighted({ accept: 70, race: 8, decline: 7, cancel: 5, expire: 10 });
  const request = {
    requestId: `trade-${market.notes.told.trades.length}`,
    toUserId: other.userId,
    offered,
    wanted,
    validS: answer === "expire" ? 2 : 60,
  };
  const note = market.notes.trade({ userId: player.userId, ...request });
  let trade: Trade;
  try {
    trade = (await player.ask(({ social }) => social.offerTrade(request), [Code.ResourceExhausted])).trade!;
  } catch (error) {
    const limited = ConnectError.from(error).code === Code.ResourceExhausted;
    if (isRefusal(error)) note.last = "refused";
    // What may be part of a trade after all is not offered again.
    if (note.last === "refused" || limited) for (const [one, side] of sides) giveBack(one, side);
    if (limited) await takeBack(player);
    return !limited;
  }
  const { tradeId } = trade;
  note.ids.push(tradeId);
  trade = await follow(player, tradeId, ({ status }) => status !== TradeStatus.OPENING);
  if (trade.status === TradeStatus.OFFERED) {
    const accept = () => other.ask(({ social }) => social.acceptTrade({ tradeId }));
    const decline = (who: Player) => who.ask(({ social }) => social.declineTrade({ tradeId }));
    const answers = {
      accept: () => [accept()],
      race: () => [accept(), decline(player), accept()],
      decline: () => [decline(other)],
      cancel: () => [decline(player)],
      expire: () => [],
    };
    // An answer may be refused: another was quicker. An offer that got none must not stand until it expires.
    const given = await Promise.allSettled(answers[answer]());
    if (given.length > 0 && given.every(({ status }) => status === "rejected"))
      await Promise.allSettled([decline(player)]);
  }
  trade = await follow(player, tradeId, ({ status }) => tradeEnds[status] !== undefined);
  note.last = tradeEnds[trade.status]!;
  const [offeredTo, wantedTo] = note.last === "completed" ? [other, player] : [player, other];
  giveBack(offeredTo, offered);
  giveBack(wantedTo, wanted);
  return true;
}

/** An offer may stand although its maker was told only that they make too many: a first try had begun it. Nobody would answer it. */
async function takeBack(player: Player): Promise<void> {
  const { trades } = await player.ask(({ social }) => social.listTrades({}));
  const own = trades.filter(({ status, fromUserId }) => status === TradeStatus.OFFERED && fromUserId === player.userId);
  const decline = (tradeId: string) => player.ask(({ social }) => social.declineTrade({ tradeId }));
  await Promise.allSettled(own.map(({ tradeId }) => decline(tradeId)));
}

const tradeEnds: Partial<Record<TradeStatus, ToldSaga["last"]>> = {
  [TradeStatus.COMPLETED]: "completed",
  [TradeStatus.DECLINED]: "called_off",
  [TradeStatus.CANCELLED]: "called_off",
  [TradeStatus.EXPIRED]: "called_off",
  [TradeStatus.FAILED]: "failed",
  [TradeStatus.NEEDS_REPAIR]: "needs_repair",
};

async function follow(player: Player, tradeId: string, enough: (trade: Trade) => boolean): Promise<Trade> {
  for (;;) {
    const { trade } = await player.ask(({ social }) => social.getTrade({ tradeId }));
    if (enough(trade!)) return trade!;
    await pause(200);
  }
}

interface Goods {
  gold: bigint;
  items: { itemId: string; quantity: number }[];
}

/** Gold, and items that are promised to nobody; now and then more than there are. */
function choose({ free }: Player, dice: Dice): Goods {
  const gold = BigInt(dice.chance(0.1) ? 0 : dice.int(1, 20));
  const owned = [...free.keys()].filter((itemId) => free.get(itemId)! > 0).sort();
  if (owned.length === 0) return { gold: gold || 1n, items: [] };
  const itemId = dice.pick(owned);
  if (dice.chance(0.05)) return { gold, items: [{ itemId, quantity: 1_000 }] };
  const quantity = dice.int(1, Math.min(3, free.get(itemId)!));
  add(free, itemId, -quantity);
  return { gold, items: [{ itemId, quantity }] };
}

function giveBack({ free }: Player, { items }: Goods): void {
  for (const { itemId, quantity } of items) if (quantity < 1_000) add(free, itemId, quantity);
}

function add(to: Map<string, number>, itemId: string, quantity: number): void {
  to.set(itemId, (to.get(itemId) ?? 0) + quantity);
}
