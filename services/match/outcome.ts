import type { Mode } from "./ticket.ts";

/** How a match ended: the first three for PvP, the others for a dungeon. */
export const outcomes = ["side_1_won", "side_2_won", "draw", "cleared", "failed"] as const;
export type Outcome = (typeof outcomes)[number];

/** The score of each side in PvP. */
const scores: Partial<Record<Outcome, [side1: number, side2: number]>> = {
  side_1_won: [1, 0],
  side_2_won: [0, 1],
  draw: [0.5, 0.5],
};

export const fits = (outcome: Outcome, mode: Mode): boolean => (scores[outcome] !== undefined) === (mode === "pvp");

/** 1, 0.5 or 0 for the player of that side. */
export const scoreOf = (outcome: Outcome, side: number): number => scores[outcome]![side - 1]!;
