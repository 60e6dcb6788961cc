import type { Role } from "./composition.ts";

export type Mode = "pvp" | "dungeon";
export const modes: readonly Mode[] = ["pvp", "dungeon"];

/** Why a ticket came out of the queue without a match. */
export type End = "left" | "declined" | "ready_timeout" | "gather_timeout" | "expired";

/** One player of a ticket. */
export interface Member {
  userId: string;
  username: string;
  /** In order of preference; empty for PvP. */
  roles: Role[];
  /** PvP: the rating that they are matched by. */
  rating: number;
}

/** What waits in a queue: one player, or a party that stays together. */
export interface Ticket {
  /** UUID. */
  ticketId: string;
  mode: Mode;
  members: Member[];
  /** Since when it waits, in milliseconds of Redis's clock. */
  queueTime: number;
}

/** One who plays in a match. */
export interface MatchPlayer {
  userId: string;
  username: string;
  ticketId: string;
  /** PvP: 1 or 2; else 0. */
  side: number;
  role?: Role | undefined;
}

/** A match that was found, with its tickets. */
export interface FoundMatch {
  /** UUID. */
  matchId: string;
  mode: Mode;
  players: MatchPlayer[];
}

/** Where a player stands. Times are milliseconds of Redis's clock. */
export type Standing =
  | { status: "idle"; end?: End | undefined }
  | { status: "started"; match: FoundMatch }
  | ({ status: "gathering" | "waiting" } & QueuedTicket)
  | ({ status: "ready_check" | "starting"; check: ReadyCheck } & QueuedTicket);

/** A ticket as its players see it. */
export interface QueuedTicket {
  ticketId: string;
  mode: Mode;
  /** Those who have not confirmed have no roles yet. */
  members: { userId: string; roles: Role[]; confirmed: boolean }[];
  queueTime?: number | undefined;
  requeues: number;
  /** How long those who were matched lately had waited, in milliseconds. */
  estimatedWaitMs?: number | undefined;
}

export interface ReadyCheck {
  matchId: string;
  deadline: number;
  playerCount: number;
  readyCount: number;
  /** What the player themselves has answered. */
  ready: boolean;
}
