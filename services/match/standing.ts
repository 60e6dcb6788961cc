import type { End, FoundMatch, Member, Mode, QueuedTicket, Standing } from "./ticket.ts";

/** A hash as Redis's scripts return it: fields and values in turn. */
type Flat = string[];

/** What a player sees, of what Redis holds: see queue-scripts.ts. What is gone with its Redis counts as idle. */
export function readStanding(userId: string, [player, ticket, found, wait]: [string, Flat, Flat, string?]): Standing {
  const [kind, id] = player.split(" ", 2) as [string, string?];
  const match = fieldsOf(found);
  if (kind === "end") return { status: "idle", end: id as End };
  if (kind === "match" && match.mode) return { status: "started", match: foundMatch(id!, match) };
  const fields = fieldsOf(ticket);
  if (kind !== "ticket" || !fields.status) return { status: "idle" };
  const queued: QueuedTicket = {
    ticketId: id!,
    mode: fields.mode as Mode,
    members: (JSON.parse(fields.users!) as string[]).map((user) => member(user, fields[`member:${user}`])),
    queueTime: fields.queue_time ? Number(fields.queue_time) : undefined,
    requeues: Number(fields.requeues),
    estimatedWaitMs: wait ? Number(wait) : undefined,
  };
  if (fields.status === "gathering" || fields.status === "waiting") return { status: fields.status, ...queued };
  const answers = Object.entries(match).filter(([name]) => name.startsWith("ready:"));
  const check = {
    matchId: fields.match!,
    deadline: Number(match.deadline),
    playerCount: answers.length,
    readyCount: answers.filter(([, ready]) => ready === "1").length,
    ready: match[`ready:${userId}`] === "1",
  };
  return { status: fields.status === "starting" ? "starting" : "ready_check", ...queued, check };
}

function member(userId: string, json = "") {
  return { userId, roles: json ? (JSON.parse(json) as Member).roles : [], confirmed: json !== "" };
}

const foundMatch = (matchId: string, fields: Record<string, string>): FoundMatch => ({
  matchId,
  mode: fields.mode as Mode,
  players: JSON.parse(fields.players!),
});

function fieldsOf(flat: Flat): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) fields[flat[i]!] = flat[i + 1]!;
  return fields;
}
