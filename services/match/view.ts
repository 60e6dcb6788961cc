import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Outcome as OutcomeEnum } from "#gen/game/match/v1/match_service_pb.ts";
import {
  Mode as ModeEnum,
  QueueEnd,
  type QueueState,
  QueueStateSchema,
  QueueStatus,
  Role as RoleEnum,
} from "#gen/game/match/v1/queue_state_pb.ts";
import { LeaderboardEntrySchema, RatingSchema } from "#gen/game/match/v1/rating_pb.ts";
import type { Role } from "./composition.ts";
import type { Place } from "./leaderboard.ts";
import type { Outcome } from "./outcome.ts";
import type { RatedPlayer } from "./store.ts";
import type { End, FoundMatch, Mode, QueuedTicket, ReadyCheck, Standing } from "./ticket.ts";

/** The names of the contract, and ours. */
const modeEnums: Record<Mode, ModeEnum> = { pvp: ModeEnum.PVP, dungeon: ModeEnum.DUNGEON };
const roleEnums: Record<Role, RoleEnum> = { tank: RoleEnum.TANK, healer: RoleEnum.HEALER, damage: RoleEnum.DAMAGE };
const ends: Record<End, QueueEnd> = {
  left: QueueEnd.LEFT,
  declined: QueueEnd.DECLINED,
  ready_timeout: QueueEnd.READY_TIMEOUT,
  gather_timeout: QueueEnd.GATHER_TIMEOUT,
  expired: QueueEnd.EXPIRED,
};
const statuses: Record<Standing["status"], QueueStatus> = {
  idle: QueueStatus.IDLE,
  gathering: QueueStatus.GATHERING,
  waiting: QueueStatus.WAITING,
  ready_check: QueueStatus.READY_CHECK,
  starting: QueueStatus.STARTING,
  started: QueueStatus.STARTED,
};
const outcomeEnums: Record<Outcome, OutcomeEnum> = {
  side_1_won: OutcomeEnum.SIDE_1_WON,
  side_2_won: OutcomeEnum.SIDE_2_WON,
  draw: OutcomeEnum.DRAW,
  cleared: OutcomeEnum.CLEARED,
  failed: OutcomeEnum.FAILED,
};

const keyOf = <K extends string>(names: Record<K, number>, value: number): K =>
  (Object.keys(names) as K[]).find((key) => names[key] === value)!;

/** Validation has let only those pass that there are. */
export const modeOf = (value: ModeEnum): Mode => keyOf(modeEnums, value);
export const roleOf = (value: RoleEnum): Role => keyOf(roleEnums, value);
export const outcomeOf = (value: OutcomeEnum): Outcome => keyOf(outcomeEnums, value);

export function toQueueState(standing: Standing): QueueState {
  const status = statuses[standing.status];
  switch (standing.status) {
    case "idle":
      return create(QueueStateSchema, { status, ...(standing.end && { lastEnd: ends[standing.end] }) });
    case "started":
      return create(QueueStateSchema, { status, mode: modeEnums[standing.match.mode], match: toMatch(standing.match) });
    case "gathering":
    case "waiting":
      return create(QueueStateSchema, { status, ...ticketFields(standing) });
    default:
      return create(QueueStateSchema, { status, ...ticketFields(standing), match: toCheck(standing.check) });
  }
}

function ticketFields({ ticketId, mode, members, queueTime, requeues, estimatedWaitMs }: QueuedTicket) {
  return {
    ticketId,
    mode: modeEnums[mode],
    members: members.map(({ roles, ...member }) => ({ ...member, roles: roles.map((role) => roleEnums[role]) })),
    requeues,
    ...(queueTime !== undefined && { queueTime: timestampFromMs(queueTime) }),
    ...(estimatedWaitMs !== undefined && { estimatedWait: durationFromMs(estimatedWaitMs) }),
  };
}

const toCheck = ({ deadline, ...check }: ReadyCheck) => ({ ...check, readyDeadline: timestampFromMs(deadline) });

const toMatch = ({ matchId, players }: FoundMatch) => ({
  matchId,
  playerCount: players.length,
  readyCount: players.length,
  ready: true,
  players: players.map(({ userId, username, side, role }) => ({
    userId,
    username,
    side,
    ...(role && { role: roleEnums[role] }),
  })),
});

export function toRating({ updateTime, ...player }: RatedPlayer) {
  return create(RatingSchema, { ...player, ...(updateTime && { updateTime: timestampFromDate(updateTime) }) });
}

export const toEntry = ({ rank, player }: Place) =>
  create(LeaderboardEntrySchema, { rank: BigInt(rank), rating: toRating(player) });
