import type { Arena } from "./arena.ts";
import type { CombatParts } from "./parts.ts";
import { refuse } from "./refusals.ts";

const zoneHeader = "x-zone-id";

/**
 * The zone that a call is about: the one that its header names, else the one that its caller is in.
 *
 * @throws ConnectError NOT_FOUND `zone_unknown`, ABORTED `zone_away`, FAILED_PRECONDITION `not_in_zone`.
 */
export async function arenaOf({ arenas }: CombatParts, header: Headers, userId: string): Promise<Arena> {
  const named = header.get(zoneHeader);
  if (named === null) {
    const found = arenas.around(userId);
    if (!found) throw refuse("not_in_zone", "you are in no zone; the header x-zone-id names the one to fight in");
    return found;
  }
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(named)) throw refuse("zone_unknown", "there is no such zone");
  return await arenas.require(named);
}

/** @throws ConnectError ABORTED `zone_away`. */
export function requireHere(arena: Arena): void {
  if (!arena.here) throw refuse("zone_away", "the world does not say who is where, try again", { retryAfterS: 1 });
}
