import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { refuse as refuseAnyway } from "#kit/errors.ts";
import { isUserId } from "./channel.ts";

/** Who there is, as the account service knows. */
export interface Players {
  /** @throws ConnectError UNAVAILABLE while the account service is away, unless the player was seen before. */
  exists(userId: string): Promise<boolean>;
}

/** @param maxKnown players remembered; once there, a player stays. */
export function createPlayers(
  accounts: Pick<Client<typeof AccountService>, "getUserProfile">,
  maxKnown = 10_000,
): Players {
  const known = new Set<string>();
  return {
    async exists(userId) {
      if (!isUserId(userId)) return false;
      if (known.has(userId)) return true;
      try {
        await accounts.getUserProfile({ userId });
      } catch (error) {
        if (ConnectError.from(error).code === Code.NotFound) return false;
        throw refuseAnyway("dependency_away", "players can't be looked up now, try again", {
          retryAfterS: 1,
          cause: error,
        });
      }
      known.add(userId);
      if (known.size > maxKnown) known.delete(known.values().next().value!);
      return true;
    },
  };
}
