import { setTimeout as pause } from "node:timers/promises";
import { type Code, ConnectError } from "@connectrpc/connect";
import { join } from "./client.ts";
import { createDice } from "./dice.ts";
import { buy, type Market, type Player, trade } from "./player.ts";
import type { Notes } from "./told.ts";

/** Many players at once. */
export interface Crowd {
  market: Market;
  /** No new purchases and trades; resolves when those under way have ended. */
  stop(): Promise<void>;
  /** Asks what each of them has, and notes what they are shown. */
  look(): Promise<void>;
}

/** An offer more than the edge allows is not worth asking for this long. */
const limitedMs = 60_000;

/** So many join at a time: each costs the hash of a password. */
const atOnce = 8;

/** Lets players in, who buy and trade until they are stopped, and rest for `restMs` on average after each deed. */
export async function gather(
  edge: string,
  { players: count, seed, restMs }: { players: number; seed: number; restMs: number },
  notes: Notes,
  answered: (code: Code) => void,
): Promise<Crowd> {
  const players: Player[] = [];
  while (players.length < count) {
    const many = Math.min(atOnce, count - players.length);
    const joined = await Promise.all(Array.from({ length: many }, () => join(edge, answered)));
    for (const client of joined) players.push({ ...client, dice: createDice(seed, players.length), free: new Map() });
  }
  const { items: catalogue } = await players[0]!.ask(({ inventory }) => inventory.listCatalogue({}));
  const market = { players, catalogue, notes };
  const ending = new AbortController();

  async function live(player: Player): Promise<void> {
    let nextOffer = 0;
    while (!ending.signal.aborted) {
      try {
        if (Date.now() > nextOffer && player.dice.chance(0.5)) {
          if (!(await trade(player, market))) nextOffer = Date.now() + limitedMs;
        } else await buy(player, market);
      } catch (error) {
        // Asked in vain for minutes: what became of it, this player never knows. The checker does.
        if (!(error instanceof ConnectError)) throw error;
      }
      await pause(player.dice.int(0, 2 * restMs), undefined, { signal: ending.signal }).catch(() => undefined);
    }
  }
  const lives = Promise.all(players.map(live));
  // Told by `stop`; until then it must not end the process.
  lives.catch(() => undefined);

  return {
    market,
    async stop() {
      ending.abort();
      await lives;
    },
    async look() {
      for (const player of players) {
        const { balance } = await player.ask(({ account }) => account.getBalance({}));
        const { items } = await player.ask(({ inventory }) => inventory.listItems({}));
        const bag = items.map(({ itemId, quantity }) => ({ itemId, quantity }));
        notes.told.shown.push({ userId: player.userId, balance, bag });
      }
    },
  };
}
