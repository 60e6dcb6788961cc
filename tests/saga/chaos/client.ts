import { setTimeout as pause } from "node:timers/promises";
import { type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { AuthService } from "#gen/game/auth/v1/auth_service_pb.ts";
import { InventoryService } from "#gen/game/inventory/v1/inventory_service_pb.ts";
import { SocialService } from "#gen/game/social/v1/social_service_pb.ts";
import { createEdgeTransport } from "../../support/clients.ts";
import { joinGame, nextAddress } from "../../support/players.ts";

/** What a player calls, through the edge. */
export interface Services {
  account: Client<typeof AccountService>;
  inventory: Client<typeof InventoryService>;
  social: Client<typeof SocialService>;
}

/** A player's client that does not give up: what was not answered is asked again, by the same request id. */
export interface PatientClient {
  userId: string;
  /** @throws ConnectError of a refusal, or of a code in `notAgain`; of other trouble only when it has lasted for two minutes. */
  ask<T>(call: (services: Services) => Promise<T>, notAgain?: Code[]): Promise<T>;
}

/** Codes by which a service says no, for good. */
const refusals: readonly Code[] = [
  Code.NotFound,
  Code.FailedPrecondition,
  Code.InvalidArgument,
  Code.PermissionDenied,
  Code.OutOfRange,
];

export const isRefusal = (error: unknown): boolean => refusals.includes(ConnectError.from(error).code);

const giveUpMs = 120_000;
const tokenLifeMs = 10 * 60_000;

/**
 * Registers a player and logs them in, again whenever their token has grown old.
 *
 * @param answered told the code of every call that failed.
 */
export async function join(edge: string, answered: (code: Code) => void): Promise<PatientClient> {
  const from = nextAddress(edge);
  const { userId, username, password, accessToken } = await joinGame(edge, { from });
  let services = servicesOf(createEdgeTransport(edge, { from, token: accessToken }));
  let renewed = Date.now();
  const auth = createClient(AuthService, createEdgeTransport(edge, { from }));
  async function renew(): Promise<void> {
    renewed = Date.now();
    const { accessToken: token } = await auth.authenticate({ username, password, clientVersion: "test" });
    services = servicesOf(createEdgeTransport(edge, { from, token }));
  }
  return {
    userId,
    async ask(call, notAgain = []) {
      const end = Date.now() + giveUpMs;
      for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
        try {
          if (Date.now() - renewed > tokenLifeMs) await renew();
          return await call(services);
        } catch (error) {
          const { code } = ConnectError.from(error);
          answered(code);
          if (isRefusal(error) || notAgain.includes(code) || Date.now() > end) throw error;
        }
        await pause(waitMs);
      }
    },
  };
}

const servicesOf = (transport: Transport): Services => ({
  account: createClient(AccountService, transport),
  inventory: createClient(InventoryService, transport),
  social: createClient(SocialService, transport),
});
