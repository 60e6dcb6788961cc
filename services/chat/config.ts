import { integer, loadVariables, optionalText, processVariables } from "#kit/config.ts";

const variables = {
  ...processVariables,
  /** A JSON file of the spam filter's rules, see spam-rules.ts. Absent: the defaults there. */
  spamRulesFile: optionalText("CHAT_SPAM_RULES_FILE"),
  /** Members of a party. */
  maxPartySize: integer("CHAT_PARTY_SIZE", 5, 2, 100),
  /** Seconds that an invite to a party is good for. */
  inviteSeconds: integer("CHAT_INVITE_SECONDS", 300, 1, 86_400),
  /** Seconds of silence on a stream before a heartbeat. */
  heartbeatSeconds: integer("CHAT_HEARTBEAT_SECONDS", 15, 1, 3_600),
  /** Milliseconds between two looks in Postgres for messages that Redis has lost. */
  checkMs: integer("CHAT_CHECK_MS", 2_000, 100, 60_000),
};

/** The only reader of the environment in this service. */
export function loadConfig(env: NodeJS.ProcessEnv) {
  return loadVariables(variables, env);
}
