import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { GoldEntrySchema } from "#gen/game/account/v1/gold_pb.ts";
import { UserProfileSchema } from "#gen/game/account/v1/user_profile_pb.ts";
import { callerOf } from "#kit/identity.ts";
import type { Gold } from "./gold.ts";
import type { GoldEntry, GoldStore } from "./gold-store.ts";
import { changeOf, newProfile, type Profile, type ProfileChange } from "./profile.ts";
import { refuse } from "./refusals.ts";
import type { ProfileStore } from "./store.ts";

const defaultPageSize = 50;

/** Answers for game.account.v1.AccountService. */
export function createAccountService(parts: {
  store: ProfileStore;
  gold: Gold;
  statement: Pick<GoldStore, "list">;
}): ServiceImpl<typeof AccountService> {
  const { store, gold, statement } = parts;
  return {
    async getUserProfile(request, context) {
      // Another service names the user; a player may leave it out.
      const caller = request.userId === "" ? callerOf(context.requestHeader) : ownIdentity(context.requestHeader);
      const userId = request.userId || caller!.userId;
      const profile = await store.find(userId);
      if (profile) return { profile: toMessage(profile) };
      // A new player's registration may still be on its way; to themselves they are known already.
      if (caller?.userId === userId) return { profile: toMessage(newProfile(userId, caller.username)) };
      throw refuse("user_unknown", "there is no such user");
    },

    async updateUserProfile(request, context) {
      const caller = callerOf(context.requestHeader);
      const wanted = request.profile!;
      if (wanted.userId !== "" && wanted.userId !== caller.userId)
        throw refuse("profile_not_yours", "only one's own profile can be changed");
      const fresh = newProfile(caller.userId, caller.username);
      const profile = await store.change(fresh, wanted.revision, checkedChange(wanted, request.updateMask!.paths));
      if (!profile) throw refuse("profile_changed", "the profile has another revision by now: read it again");
      return { profile: toMessage(profile) };
    },

    async getBalance(_, context) {
      return { balance: await gold.balance(callerOf(context.requestHeader).userId) };
    },

    async listGoldEntries(request, context) {
      const { userId } = callerOf(context.requestHeader);
      // So that a new player's statement says from the first look what they began with.
      await gold.balance(userId);
      const entries = await statement.list(
        userId,
        parsePageToken(request.pageToken),
        request.pageSize || defaultPageSize,
      );
      const oldest = entries.at(-1)?.entryId ?? 1n;
      return { entries: entries.map(toEntry), nextPageToken: oldest > 1n ? pageTokenOf(oldest) : "" };
    },

    async transferGold(request, context) {
      const { userId } = callerOf(context.requestHeader);
      const operationId = `transfer/${userId}/${request.requestId}`;
      return { balance: await gold.transfer(operationId, userId, request.toUserId, request.amount) };
    },

    async grantGold(request, context) {
      const { userId } = callerOf(context.requestHeader);
      const operationId = `grant/${userId}/${request.requestId}`;
      return { balance: await gold.grant(operationId, request.userId, request.amount) };
    },
  };
}

/** Above every entry's id. */
const newest = 2n ** 62n;

const pageTokenOf = (beforeId: bigint): string => Buffer.from(`before:${beforeId}`).toString("base64url");

function parsePageToken(token: string): bigint {
  if (token === "") return newest;
  const found = /^before:(\d{1,18})$/.exec(Buffer.from(token, "base64url").toString());
  if (!found) throw refuse("page_token_invalid", "page_token is none of ours");
  return BigInt(found[1]!);
}

const toEntry = ({ createTime, ...entry }: GoldEntry) =>
  create(GoldEntrySchema, { ...entry, createTime: timestampFromDate(createTime) });

const ownIdentity = (header: Headers) => (header.has("x-user-id") ? callerOf(header) : undefined);

function checkedChange(wanted: Parameters<typeof changeOf>[0], paths: string[]): ProfileChange {
  try {
    return changeOf(wanted, paths);
  } catch (error) {
    throw refuse("profile_invalid", (error as Error).message);
  }
}

function toMessage(profile: Profile) {
  const { createTime, updateTime, lastLoginTime, ...fields } = profile;
  return create(UserProfileSchema, {
    ...fields,
    ...(createTime && { createTime: timestampFromDate(createTime) }),
    ...(updateTime && { updateTime: timestampFromDate(updateTime) }),
    ...(lastLoginTime && { lastLoginTime: timestampFromDate(lastLoginTime) }),
  });
}
