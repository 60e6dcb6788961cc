/** What a dungeon party is made of. */
export const roles = ["tank", "healer", "damage"] as const;
export type Role = (typeof roles)[number];

const seats: Readonly<Record<Role, number>> = { tank: 1, healer: 1, damage: 3 };
export const partySize = 5;

/** Players who want to stay together, each with the roles that they can play. */
export interface Group {
  ticketId: string;
  players: readonly { userId: string; roles: readonly Role[] }[];
}

/** A full party: whose tickets it is made of, and who plays what. */
export interface Composition<T extends Group> {
  groups: T[];
  roleOf: Map<string, Role>;
}

/**
 * Makes full parties. `waiting` is in order of precedence: each group in turn gets a party if there is any with it among those who are left, and
 * in it those who stand before others that could do the same.
 *
 * Groups that can do the same stand in one row, of which only the first counts. So the search is as wide as there are kinds of groups, however many
 * wait: at most five groups deep.
 */
export function compose<T extends Group>(waiting: readonly T[]): Composition<T>[] {
  const rows = new Map<string, T[]>();
  for (const group of [...waiting].reverse()) {
    const kind = kindOf(group);
    const row = rows.get(kind);
    if (row) row.push(group);
    else rows.set(kind, [group]);
  }
  // The first of a row is its end; the order of the rows' firsts decides who is asked first.
  const rank = new Map(waiting.map((group, i) => [group, i]));
  const taken = new Set<T>();
  // Others only leave: a kind for which there was no party finds none later either.
  const hopeless = new Set<string>();
  const parties: Composition<T>[] = [];
  for (const first of waiting) {
    if (taken.has(first) || hopeless.has(kindOf(first))) continue;
    const groups = complete([first]);
    if (!groups) {
      hopeless.add(kindOf(first));
      continue;
    }
    for (const group of groups) {
      taken.add(group);
      const row = rows.get(kindOf(group))!;
      row.splice(row.lastIndexOf(group), 1);
      if (row.length === 0) rows.delete(kindOf(group));
    }
    parties.push({ groups, roleOf: assignRoles(groups.flatMap(({ players }) => players))! });
  }
  return parties;

  function complete(chosen: T[]): T[] | undefined {
    const players = chosen.flatMap((group) => group.players);
    if (players.length > partySize || !assignRoles(players)) return undefined;
    if (players.length === partySize) return chosen;
    const candidates = [...rows.values()].flatMap((row) => {
      const next = firstNotIn(row, chosen);
      return next && next.players.length + players.length <= partySize ? [next] : [];
    });
    candidates.sort((a, b) => rank.get(a)! - rank.get(b)!);
    // A set of groups is tried in one order only.
    const after = chosen.length > 1 ? rank.get(chosen.at(-1)!)! : -1;
    for (const candidate of candidates) {
      if (rank.get(candidate)! < after) continue;
      const found = complete([...chosen, candidate]);
      if (found) return found;
    }
    return undefined;
  }
}

function firstNotIn<T>(row: readonly T[], chosen: readonly T[]): T | undefined {
  for (let i = row.length - 1; i >= 0; i--) if (!chosen.includes(row[i]!)) return row[i];
  return undefined;
}

/** Gives each a role that they can play, and no role to more than it has seats for. Undefined when that can't be. */
export function assignRoles(players: Group["players"]): Map<string, Role> | undefined {
  const free = { ...seats };
  const roleOf = new Map<string, Role>();
  const seat = (i: number): boolean => {
    const player = players[i];
    if (!player) return true;
    for (const role of player.roles) {
      if (free[role] === 0) continue;
      free[role]--;
      roleOf.set(player.userId, role);
      if (seat(i + 1)) return true;
      free[role]++;
    }
    return false;
  };
  return seat(0) ? roleOf : undefined;
}

/** Groups of the same kind can take each other's place. */
const kindOf = ({ players }: Group): string =>
  players
    .map((player) => roles.filter((role) => player.roles.includes(role)).join("/"))
    .sort()
    .join(" ");
