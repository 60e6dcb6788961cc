import { type ConnectRouter, createRouterTransport, type Interceptor, type Transport } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import { reportErrors } from "#kit/interceptors.ts";
import { createLog, type Log } from "#kit/log.ts";

/** What the edge says of a caller. What is left out or empty is not sent. */
export interface Identity {
  userId?: string;
  username?: string;
  sessionId?: string;
  /** When the token expires, in seconds of the epoch. */
  expires?: number;
  zone?: string;
}

// One for all: it compiles the rules of each message when it first meets it.
const validate = createValidateInterceptor();

/**
 * Calls handlers in this process as they are called behind the edge: by somebody who was let in, validated, failures turned into answers.
 *
 * @param interceptors run after validation, before the handler.
 * @param log silent unless given.
 */
export function createInProcessTransport(
  routes: (router: ConnectRouter) => unknown,
  who: Identity = {},
  { interceptors = [], log = silent() }: { interceptors?: Interceptor[]; log?: Log } = {},
): Transport {
  const headers = {
    "x-user-id": who.userId,
    "x-user-name": who.username,
    "x-session-id": who.sessionId,
    "x-session-expires": who.expires,
    "x-zone-id": who.zone,
  };
  const identify: Interceptor = (next) => (request) => {
    for (const [name, value] of Object.entries(headers)) if (value) request.header.set(name, String(value));
    return next(request);
  };
  return createRouterTransport((router) => void routes(router), {
    router: { interceptors: [reportErrors(log), validate, ...interceptors] },
    transport: { interceptors: [identify] },
  });
}

function silent(): Log {
  const log = createLog("test");
  log.level = "silent";
  return log;
}
