import type { ServiceImpl } from "@connectrpc/connect";
import type { ChatService } from "#gen/game/chat/v1/chat_service_pb.ts";
import { callerOf } from "#kit/identity.ts";
import type { ChatParts } from "./parts.ts";
import { refuse } from "./refusals.ts";

type PartyMethods = Pick<
  ServiceImpl<typeof ChatService>,
  "createParty" | "inviteToParty" | "respondToPartyInvite" | "leaveParty"
>;

const messages = {
  not_a_member: "you are no member of this party",
  already_member: "that player is in the party already",
  party_full: "the party is full",
  invite_unknown: "there is no such invite for you",
  invite_answered: "the invite was answered already",
  invite_expired: "the invite has expired",
};

/** Answers for the methods of ChatService that deal with parties. */
export function createPartyMethods(parts: ChatParts): PartyMethods {
  const { parties, post, fanout, players, spamGuard, clock } = parts;
  const { maxPartySize, inviteSeconds } = parts.limits;
  return {
    async createParty(_request, context) {
      return { partyId: await parties.create(callerOf(context.requestHeader).userId) };
    },

    async inviteToParty(request, context) {
      const { userId, username } = callerOf(context.requestHeader);
      const inviteeId = request.userId.toLowerCase();
      const partyId = request.partyId.toLowerCase();
      if (inviteeId === userId) throw refuse("to_oneself", "nobody invites themselves");
      if (!(await players.exists(inviteeId))) throw refuse("player_unknown", "there is no such player");
      // Invites are a way into everybody's inbox: they count like messages.
      const takeBack = await spamGuard.admit(userId, `party invite ${inviteeId}`);
      const now = clock();
      const expireTime = new Date(now.getTime() + 1_000 * inviteSeconds);
      const invite = await parties.invite({ partyId, inviterId: userId, inviteeId, now, expireTime }, maxPartySize);
      if (typeof invite === "string") {
        takeBack();
        throw refuse(invite, messages[invite]);
      }
      // Should this fail, the same call again finds the invite and posts it: under this id only once.
      const requestId = `invite:${invite.inviteId}`;
      await post(`inbox/${inviteeId}`, { sender: { userId, username }, partyInvite: invite, requestId });
      return { inviteId: invite.inviteId };
    },

    async respondToPartyInvite(request, context) {
      const { userId } = callerOf(context.requestHeader);
      const { inviteId, accept: accepted } = request;
      const answer = await parties.answer({ inviteId, userId, accepted, now: clock() }, maxPartySize);
      if (typeof answer === "string") throw refuse(answer, messages[answer]);
      return { partyId: accepted ? answer.partyId : "" };
    },

    async leaveParty(request, context) {
      const { userId } = callerOf(context.requestHeader);
      const partyId = request.partyId.toLowerCase();
      if (!(await parties.leave(partyId, userId))) throw refuse("not_a_member", messages.not_a_member);
      fanout.touch(`party/${partyId}`);
      return {};
    },
  };
}
