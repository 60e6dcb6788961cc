import type { Redis } from "ioredis";
import { seasonOfId } from "./season.ts";
import type { MatchStore, RatedPlayer } from "./store.ts";

export interface Place {
  /** Begins with 1. */
  rank: number;
  player: RatedPlayer;
}

/** The order of a season's players, in Redis; what Redis has lost is built again from Postgres. May reject while either is away. */
export interface Leaderboard {
  top(season: string, limit: number): Promise<Place[]>;
  /** The places around a player, half of them above; none when the player has no place. */
  around(season: string, userId: string, limit: number): Promise<Place[]>;
  total(season: string): Promise<number>;
  /** Puts players where they belong. An older rating than the one that is there changes nothing. */
  place(players: readonly RatedPlayer[]): Promise<void>;
}

const pageSize = 1_000;
/** A season has fewer milliseconds. */
const timeSpan = 2 ** 33;

const placeScript = `
  local games = redis.call('HGET', KEYS[2], ARGV[1])
  if games and tonumber(games) >= tonumber(ARGV[3]) then return end
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])`;

/**
 * A number that orders players by rating, to the tenth, and then by who reached it first. Below 2^53: exact in a double.
 */
export function orderOf({ rating, updateTime, season }: RatedPlayer): number {
  const tenths = Math.max(0, Math.min(2 ** 19, Math.round(rating * 10)));
  const ms = (updateTime?.getTime() ?? 0) - seasonOfId(season).start.getTime();
  return tenths * timeSpan + (timeSpan - 1 - Math.max(0, Math.min(timeSpan - 1, ms)));
}

export function createRedisLeaderboard(redis: Redis, store: MatchStore): Leaderboard {
  redis.defineCommand("placePlayer", { numberOfKeys: 2, lua: placeScript });
  const placePlayer = (redis as unknown as { placePlayer(...args: (string | number)[]): Promise<unknown> }).placePlayer;
  const building = new Map<string, Promise<void>>();
  const keyOf = (season: string) => `match:board:${season}`;

  async function place(players: readonly RatedPlayer[]): Promise<void> {
    await Promise.all(
      players.map((player) => {
        const games = player.wins + player.losses + player.draws;
        const key = keyOf(player.season);
        return placePlayer.call(redis, key, `${key}:games`, player.userId, orderOf(player), games);
      }),
    );
  }

  async function build(season: string): Promise<void> {
    let last = "";
    do {
      const page = await store.pageRatings(season, last, pageSize);
      await place(page);
      last = page.length < pageSize ? "" : page.at(-1)!.userId;
    } while (last);
    await redis.set(`${keyOf(season)}:built`, "1");
  }

  /** Several may build at once: each puts everybody where they belong. */
  async function requireBuilt(season: string): Promise<void> {
    if (await redis.exists(`${keyOf(season)}:built`)) return;
    let running = building.get(season);
    if (!running) {
      running = build(season).finally(() => building.delete(season));
      building.set(season, running);
    }
    await running;
  }

  async function range(season: string, first: number, limit: number): Promise<Place[]> {
    const ids = await redis.zrevrange(keyOf(season), first, first + limit - 1);
    const players = new Map((await store.listRatings(season, ids)).map((player) => [player.userId, player]));
    return ids.flatMap((id, i) => {
      const player = players.get(id);
      return player ? [{ rank: first + i + 1, player }] : [];
    });
  }

  return {
    place,
    async top(season, limit) {
      await requireBuilt(season);
      return range(season, 0, limit);
    },
    async around(season, userId, limit) {
      await requireBuilt(season);
      const rank = await redis.zrevrank(keyOf(season), userId);
      if (rank === null) return [];
      return range(season, Math.max(0, rank - Math.floor(limit / 2)), limit);
    },
    async total(season) {
      await requireBuilt(season);
      return redis.zcard(keyOf(season));
    },
  };
}
