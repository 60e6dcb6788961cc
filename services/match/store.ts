import type pg from "pg";
import type { Database } from "#kit/postgres.ts";
import { fits, type Outcome, scoreOf } from "./outcome.ts";
import { age, newRating, type Rating, rate } from "./rating.ts";
import { carryOver, seasonOf } from "./season.ts";
import type { FoundMatch, Mode } from "./ticket.ts";

/** A player's rating in a season. */
export interface RatedPlayer extends Rating {
  userId: string;
  username: string;
  season: string;
  wins: number;
  losses: number;
  draws: number;
  /** Of the last game; undefined for who has not played in the season. */
  updateTime?: Date | undefined;
}

export type ReportRefusal = "match_unknown" | "outcome_unfit" | "already_reported";

/** Matches, their results and the ratings, in Postgres: what counts. */
export interface MatchStore {
  /** The player's rating at that time, or the one that they would begin the season with; undefined for an unknown player. */
  findRating(userId: string, time: Date): Promise<RatedPlayer | undefined>;
  /** Writes down a match that begins, once. */
  recordStart(match: FoundMatch): Promise<void>;
  /** Writes down how it ended, once, and for PvP the ratings after it. @returns the players' ratings; none for a dungeon. */
  report(matchId: string, outcome: Outcome, time: Date): Promise<RatedPlayer[] | ReportRefusal>;
  /** Those of the players who have a rating in the season. */
  listRatings(season: string, userIds: readonly string[]): Promise<RatedPlayer[]>;
  /** Everybody who has played in the season, by user id, `limit` at a time. */
  pageRatings(season: string, afterUserId: string, limit: number): Promise<RatedPlayer[]>;
  /** Some matches whose ratings the leaderboard has not been given, with those ratings as they are now. */
  offLeaderboard(): Promise<{ matchIds: string[]; ratings: RatedPlayer[] }>;
  markOnLeaderboard(matchIds: readonly string[]): Promise<void>;
}

interface Row {
  user_id: string;
  username: string;
  season: string;
  rating: number;
  deviation: number;
  volatility: number;
  wins: number;
  losses: number;
  draws: number;
  update_time: Date | null;
}

const dayMs = 86_400_000;
const nobody = "00000000-0000-0000-0000-000000000000";

export function createPostgresMatchStore({ pool, transaction }: Pick<Database, "pool" | "transaction">): MatchStore {
  async function atBegin(userId: string, username: string, season: string, client: pg.ClientBase | pg.Pool) {
    const { rows } = await client.query<Row>(
      "select * from rating where user_id = $1 and season < $2 and update_time is not null order by season desc limit 1",
      [userId, season],
    );
    const rating = rows[0] ? carryOver(toRated(rows[0])) : newRating;
    return { ...rating, userId, username: rows[0]?.username ?? username, season, wins: 0, losses: 0, draws: 0 };
  }

  /** The rating, made unless there is one, and nobody else's until the transaction ends. */
  async function lockRating(userId: string, username: string, season: string, client: pg.ClientBase) {
    const begin = await atBegin(userId, username, season, client);
    await client.query(
      `insert into rating (season, user_id, username, rating, deviation, volatility) values ($1, $2, $3, $4, $5, $6)
       on conflict do nothing`,
      [season, userId, username, begin.rating, begin.deviation, begin.volatility],
    );
    const { rows } = await client.query<Row>("select * from rating where season = $1 and user_id = $2 for update", [
      season,
      userId,
    ]);
    return toRated(rows[0]!);
  }

  async function rateAll(matchId: string, outcome: Outcome, season: string, time: Date, client: pg.ClientBase) {
    const { rows: players } = await client.query<{ user_id: string; username: string; side: number }>(
      // In one order everywhere, so that two reports never wait for each other.
      "select user_id, username, side from match_player where match_id = $1 order by user_id",
      [matchId],
    );
    const before: (RatedPlayer & { side: number })[] = [];
    for (const { user_id, username, side } of players)
      before.push({ ...rested(await lockRating(user_id, username, season, client), time), username, side });
    const after: RatedPlayer[] = [];
    for (const { side, ...player } of before) {
      const score = scoreOf(outcome, side);
      const games = before.filter((other) => other.side !== side).map((opponent) => ({ opponent, score }));
      const { rating, deviation, volatility } = rate(player, games);
      const { rows } = await client.query<Row>(
        `update rating set username = $3, rating = $4, deviation = $5, volatility = $6, update_time = $7,
           wins = wins + $8, losses = losses + $9, draws = draws + $10
         where season = $1 and user_id = $2 returning *`,
        [
          ...[season, player.userId, player.username, rating, deviation, volatility, time],
          ...[1, 0, 0.5].map((result) => Number(score === result)),
        ],
      );
      await client.query(
        "update match_player set rating_before = $3, rating_after = $4 where match_id = $1 and user_id = $2",
        [matchId, player.userId, player.rating, rows[0]!.rating],
      );
      after.push(toRated(rows[0]!));
    }
    return after;
  }

  async function listRatings(season: string, userIds: readonly string[]): Promise<RatedPlayer[]> {
    const { rows } = await pool.query<Row>("select * from rating where season = $1 and user_id = any($2)", [
      season,
      userIds,
    ]);
    return rows.map(toRated);
  }

  return {
    listRatings,
    async findRating(userId, time) {
      const season = seasonOf(time).id;
      const [own] = await listRatings(season, [userId]);
      if (own) return rested(own, time);
      const begin = await atBegin(userId, "", season, pool);
      return begin.username ? begin : undefined;
    },
    async recordStart({ matchId, mode, players }) {
      await pool.query(
        `with made as (insert into match (match_id, mode) values ($1, $2) on conflict do nothing returning match_id)
         insert into match_player (match_id, user_id, username, side, role)
         select match_id, p.* from made, unnest($3::uuid[], $4::text[], $5::smallint[], $6::text[]) p`,
        [
          matchId,
          mode,
          players.map(({ userId }) => userId),
          players.map(({ username }) => username),
          players.map(({ side }) => side),
          players.map(({ role }) => role ?? null),
        ],
      );
    },
    report: (matchId, outcome, time) =>
      transaction(async (client) => {
        const { rows } = await client.query<{ mode: Mode; outcome: Outcome | null; season: string | null }>(
          "select mode, outcome, season from match where match_id = $1 for update",
          [matchId],
        );
        const match = rows[0];
        if (!match) return "match_unknown";
        if (!fits(outcome, match.mode)) return "outcome_unfit";
        if (match.outcome && match.outcome !== outcome) return "already_reported";
        if (match.outcome) return await ratingsAfter(matchId, client);
        const season = seasonOf(time).id;
        const rated = match.mode === "pvp";
        await client.query(
          "update match set outcome = $2, end_time = $3, season = $4, on_leaderboard = $5 where match_id = $1",
          [matchId, outcome, time, season, !rated],
        );
        return rated ? await rateAll(matchId, outcome, season, time, client) : [];
      }),
    async pageRatings(season, afterUserId, limit) {
      const { rows } = await pool.query<Row>(
        "select * from rating where season = $1 and user_id > $2 and update_time is not null order by user_id limit $3",
        [season, afterUserId || nobody, limit],
      );
      return rows.map(toRated);
    },
    async offLeaderboard() {
      const { rows } = await pool.query<{ match_id: string }>(
        "select match_id from match where not on_leaderboard order by end_time limit 100",
      );
      const matchIds = rows.map(({ match_id }) => match_id);
      if (matchIds.length === 0) return { matchIds, ratings: [] };
      const { rows: ratings } = await pool.query<Row>(
        `select distinct r.* from match m join match_player using (match_id)
         join rating r on r.season = m.season and r.user_id = match_player.user_id where match_id = any($1)`,
        [matchIds],
      );
      return { matchIds, ratings: ratings.map(toRated) };
    },
    async markOnLeaderboard(matchIds) {
      await pool.query("update match set on_leaderboard = true where match_id = any($1)", [matchIds]);
    },
  };
}

async function ratingsAfter(matchId: string, client: pg.ClientBase): Promise<RatedPlayer[]> {
  const { rows } = await client.query<Row>(
    `select r.* from match m join match_player p using (match_id) join rating r on r.season = m.season and r.user_id = p.user_id
     where match_id = $1 and p.rating_after is not null order by r.user_id`,
    [matchId],
  );
  return rows.map(toRated);
}

/** As unsure as the days since the last game have made it. */
function rested(player: RatedPlayer, time: Date): RatedPlayer {
  if (!player.updateTime) return player;
  return { ...player, ...age(player, Math.floor((time.getTime() - player.updateTime.getTime()) / dayMs)) };
}

function toRated({ user_id, update_time, ...row }: Row): RatedPlayer {
  return { ...row, userId: user_id, updateTime: update_time ?? undefined };
}
