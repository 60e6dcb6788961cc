import type { ServiceImpl } from "@connectrpc/connect";
import type { MatchService } from "#gen/game/match/v1/match_service_pb.ts";
import { isAway } from "#kit/errors.ts";
import { type Caller, callerOf } from "#kit/identity.ts";
import type { MatchParts } from "./parts.ts";
import { newRating } from "./rating.ts";
import { messages, refuse } from "./refusals.ts";
import { seasonOf } from "./season.ts";
import type { RatedPlayer } from "./store.ts";
import type { Member } from "./ticket.ts";
import { modeOf, outcomeOf, roleOf, toEntry, toQueueState, toRating } from "./view.ts";
import { createWatch } from "./watch.ts";

const defaultPlaces = 10;

/** Answers for game.match.v1.MatchService. */
export function createMatchService(parts: MatchParts): ServiceImpl<typeof MatchService> {
  const { queues, store, leaderboard, rounds, clock } = parts;

  async function ratingOf({ userId, username }: Caller): Promise<RatedPlayer> {
    const found = await store.findRating(userId, clock());
    return found ?? { ...newRating, userId, username, season: seasonOf(clock()).id, wins: 0, losses: 0, draws: 0 };
  }

  const stateOf = async (userId: string) => ({ state: toQueueState(await queues.standingOf(userId)) });

  return {
    async joinQueue(request, context) {
      const caller = callerOf(context.requestHeader);
      const others = request.memberUserIds.map((id) => id.toLowerCase());
      if (others.includes(caller.userId)) throw refuse("with_oneself", "name only the others of the party");
      const mode = modeOf(request.mode);
      const { rating } = mode === "pvp" ? await ratingOf(caller) : { rating: 0 };
      const joined = await queues.join(mode, { ...memberOf(caller), roles: request.roles.map(roleOf), rating }, others);
      if (joined !== "ok") throw refuse(joined, messages[joined]);
      return stateOf(caller.userId);
    },

    async confirmQueue(request, context) {
      const caller = callerOf(context.requestHeader);
      const member = { ...memberOf(caller), roles: request.roles.map(roleOf), rating: 0 };
      const confirmed = await queues.confirm(request.ticketId.toLowerCase(), member);
      if (confirmed !== "ok") throw refuse(confirmed, messages[confirmed]);
      return stateOf(caller.userId);
    },

    async leaveQueue(_request, context) {
      const left = await queues.leave(callerOf(context.requestHeader).userId);
      if (left !== "ok") throw refuse(left, messages[left]);
      return {};
    },

    watchQueue: createWatch(parts),

    async respondReadyCheck(request, context) {
      const { userId } = callerOf(context.requestHeader);
      const matchId = request.matchId.toLowerCase();
      const answered = await queues.respond(matchId, userId, request.ready);
      if (answered === "starting") await beginNow(matchId);
      else if (answered !== "ok") throw refuse(answered, messages[answered]);
      return stateOf(userId);
    },

    async getRating(request, context) {
      const caller = callerOf(context.requestHeader);
      const userId = request.userId.toLowerCase();
      if (userId === "" || userId === caller.userId) return { rating: toRating(await ratingOf(caller)) };
      const rating = await store.findRating(userId, clock());
      if (!rating) throw refuse("player_unknown", "that player has no rating");
      return { rating: toRating(rating) };
    },

    async listLeaderboard(request, context) {
      const { userId } = callerOf(context.requestHeader);
      const season = request.season || seasonOf(clock()).id;
      const limit = request.limit || defaultPlaces;
      const places = request.aroundMe
        ? await leaderboard.around(season, userId, limit)
        : await leaderboard.top(season, limit);
      return { season, entries: places.map(toEntry), total: BigInt(await leaderboard.total(season)) };
    },

    async reportMatchResult(request) {
      const reported = await store.report(request.matchId, outcomeOf(request.outcome), clock());
      if (typeof reported === "string") throw refuse(reported, messages[reported]);
      // What this doesn't get done the leader does.
      await rounds.placeResults().catch(ignoreAway);
      return { ratings: reported.map(toRating) };
    },
  };

  /** At once, for the players who wait; if it can't be done now, the leader does it as soon as it can. */
  async function beginNow(matchId: string): Promise<void> {
    const match = await queues.find(matchId);
    if (match) await rounds.begin(match).catch(ignoreAway);
  }
}

function ignoreAway(error: unknown): void {
  if (!isAway(error)) throw error;
}

const memberOf = ({ userId, username }: Caller): Pick<Member, "userId" | "username"> => ({ userId, username });
