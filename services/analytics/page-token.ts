import { refuse } from "./refusals.ts";
import type { SagaCursor } from "./saga-store.ts";

/** Above every entry's id. */
const newest = 2n ** 62n;

const encode = (text: string) => Buffer.from(text).toString("base64url");
const decode = (token: string) => Buffer.from(token, "base64url").toString();
const invalid = () => refuse("page_token_invalid", "page_token is none of ours");

/** A page of the purchase log ends before this entry. */
export const purchaseToken = (beforeId: bigint): string => encode(`purchases:${beforeId}`);

/** @throws ConnectError INVALID_ARGUMENT. */
export function parsePurchaseToken(token: string): bigint {
  if (token === "") return newest;
  const found = /^purchases:(\d{1,18})$/.exec(decode(token));
  if (!found) throw invalid();
  return BigInt(found[1]!);
}

/** A page of sagas goes on after this one. */
export const sagaToken = ({ startTime, sagaId }: SagaCursor): string =>
  encode(`sagas:${startTime.getTime()}:${sagaId}`);

/** @throws ConnectError INVALID_ARGUMENT. */
export function parseSagaToken(token: string): SagaCursor | undefined {
  if (token === "") return undefined;
  const found = /^sagas:(\d{1,15}):([!-~]{1,160})$/.exec(decode(token));
  if (!found) throw invalid();
  return { startTime: new Date(Number(found[1])), sagaId: found[2]! };
}
