import { randomUUID } from "node:crypto";
import { type Composition, compose } from "./composition.ts";
import { pairUp } from "./pairing.ts";
import type { QueueStore } from "./queue-store.ts";
import { type FoundMatch, type Mode, modes, type Ticket } from "./ticket.ts";

/** Looks through the queues for matches. */
export interface Matcher {
  /** One look at all of them. @returns matches begun, by mode. */
  round(): Promise<Record<Mode, { claimed: number; found: number; waiting: number }>>;
}

/** Keeps the tickets that it has read: what it reads of them never changes while they wait. */
export function createMatcher(queues: QueueStore): Matcher {
  const known: Record<Mode, Map<string, Ticket>> = { pvp: new Map(), dungeon: new Map() };

  async function readQueue(mode: Mode): Promise<Ticket[]> {
    const ids = await queues.waiting(mode);
    const before = known[mode];
    const fresh = await queues.tickets(ids.filter((id) => !before.has(id)));
    const now = new Map(fresh.map((ticket) => [ticket.ticketId, ticket]));
    const tickets = ids.flatMap((id) => before.get(id) ?? now.get(id) ?? []);
    known[mode] = new Map(tickets.map((ticket) => [ticket.ticketId, ticket]));
    return tickets;
  }

  return {
    async round() {
      const now = await queues.now();
      const result = {} as Awaited<ReturnType<Matcher["round"]>>;
      for (const mode of modes) {
        const waiting = await readQueue(mode);
        const matches = mode === "pvp" ? findDuels(waiting, now) : compose(waiting.map(toGroup)).map(toDungeon);
        result[mode] = { claimed: await queues.claim(matches), found: matches.length, waiting: waiting.length };
      }
      return result;
    },
  };
}

/** @param now milliseconds of the clock of the tickets' queue times. */
function findDuels(tickets: readonly Ticket[], now: number): FoundMatch[] {
  const waiting = tickets.map((ticket) => ({
    ticketId: ticket.ticketId,
    rating: ticket.members[0]!.rating,
    waitedS: (now - ticket.queueTime) / 1_000,
    member: ticket.members[0]!,
  }));
  return pairUp(waiting).map((pair) => ({
    matchId: randomUUID(),
    mode: "pvp",
    players: pair.map(({ ticketId, member: { userId, username } }, i) => ({ userId, username, ticketId, side: i + 1 })),
  }));
}

const toGroup = ({ ticketId, members }: Ticket) => ({ ticketId, players: members });

const toDungeon = ({ groups, roleOf }: Composition<ReturnType<typeof toGroup>>): FoundMatch => ({
  matchId: randomUUID(),
  mode: "dungeon",
  players: groups.flatMap(({ ticketId, players }) =>
    players.map(({ userId, username }) => ({ userId, username, ticketId, side: 0, role: roleOf.get(userId) })),
  ),
});
