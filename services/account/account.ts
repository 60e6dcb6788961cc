import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { AccountService } from "#gen/game/account/v1/account_service_pb.ts";
import { UserProfileSchema } from "#gen/game/account/v1/user_profile_pb.ts";
import { defineRefusals } from "#kit/errors.ts";
import { callerOf } from "#kit/identity.ts";
import { changeOf, newProfile, type Profile, type ProfileChange } from "./profile.ts";
import type { ProfileStore } from "./store.ts";

const refuse = defineRefusals("account", {
  user_unknown: Code.NotFound,
  profile_not_yours: Code.PermissionDenied,
  profile_changed: Code.Aborted,
  profile_invalid: Code.InvalidArgument,
});

/** Answers for game.account.v1.AccountService. */
export function createAccountService({ store }: { store: ProfileStore }): ServiceImpl<typeof AccountService> {
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
  };
}

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
