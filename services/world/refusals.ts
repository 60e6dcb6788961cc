import { Code, type ConnectError } from "@connectrpc/connect";
import { defineRefusals } from "#kit/errors.ts";

/** Why this service says no. */
export const refuse = defineRefusals("world", {
  join_expected: Code.InvalidArgument,
  zone_header_differs: Code.InvalidArgument,
  zone_unknown: Code.NotFound,
  zone_elsewhere: Code.FailedPrecondition,
  zone_moving: Code.Unavailable,
  zone_full: Code.ResourceExhausted,
  not_joined: Code.FailedPrecondition,
  joined_again: Code.Aborted,
  token_expired: Code.Unauthenticated,
  reader_too_slow: Code.ResourceExhausted,
  moves_flooded: Code.ResourceExhausted,
  seq_replayed: Code.Aborted,
  dead: Code.FailedPrecondition,
  object_unknown: Code.NotFound,
  portal_unknown: Code.NotFound,
  entity_unknown: Code.NotFound,
  out_of_reach: Code.FailedPrecondition,
  object_busy: Code.FailedPrecondition,
});

/** The headers that say where a zone is. */
export const zoneHeader = "x-zone-id";
export const instanceHeader = "x-world-instance";

/** Sends the caller to the instance that owns the zone, or to the zone that they are in. */
export function elsewhere(where: { instance: string } | { zoneId: string }): ConnectError {
  const error =
    "instance" in where
      ? refuse("zone_elsewhere", "another instance owns this zone: call it by the header x-world-instance")
      : refuse("zone_elsewhere", `your player is in the zone ${where.zoneId}`);
  if ("instance" in where) error.metadata.set(instanceHeader, where.instance);
  else error.metadata.set(zoneHeader, where.zoneId);
  return error;
}
