import { readFileSync } from "node:fs";

/** What a player may say how often. Times are in seconds. */
export interface SpamRules {
  /** At most so many messages in so many seconds; each of these must hold. */
  floods: { messages: number; seconds: number }[];
  /** The same text at most so many times in so many seconds. */
  repeats: { times: number; seconds: number };
  links: {
    /** In one message. */
    perMessage: number;
    /** In all messages of so many seconds. */
    perWindow: number;
    seconds: number;
    /** Never, nor their subdomains. */
    blockedHosts: string[];
  };
}

/** A step above what the edge lets through in a burst, and well below what it lets through for long. */
export const defaultSpamRules: SpamRules = {
  floods: [
    { messages: 30, seconds: 10 },
    { messages: 90, seconds: 60 },
  ],
  repeats: { times: 3, seconds: 30 },
  links: { perMessage: 2, perWindow: 5, seconds: 60, blockedHosts: [] },
};

/**
 * The rules of a JSON file, with the defaults for what it leaves out; the defaults without a file.
 *
 * @throws Error that names the file and what is wrong in it.
 */
export function loadSpamRules(file: string | undefined): SpamRules {
  if (!file) return defaultSpamRules;
  try {
    return parseSpamRules(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    throw new Error(`the spam rules in ${file}: ${(error as Error).message}`);
  }
}

/** @throws Error that names the first field that is wrong. */
export function parseSpamRules(given: unknown): SpamRules {
  const { floods, repeats, links } = fieldsOf(given, "the rules", ["floods", "repeats", "links"]);
  if (floods !== undefined && !Array.isArray(floods)) throw new Error("floods must be a list");
  return {
    floods:
      floods?.map((flood, i) => counts(flood, `floods[${i}]`, { messages: 0, seconds: 0 })) ?? defaultSpamRules.floods,
    repeats: counts(repeats ?? {}, "repeats", defaultSpamRules.repeats),
    links: parseLinks(links ?? {}),
  };
}

function parseLinks(given: unknown): SpamRules["links"] {
  const { blockedHosts: fallback, ...defaults } = defaultSpamRules.links;
  const { blockedHosts = fallback, ...rest } = fieldsOf(given, "links", ["blockedHosts", ...Object.keys(defaults)]);
  if (
    !Array.isArray(blockedHosts) ||
    !blockedHosts.every((host) => typeof host === "string" && /^[a-z0-9.-]+$/.test(host))
  )
    throw new Error("links.blockedHosts must be a list of host names in lower case");
  return { ...counts(rest, "links", defaults), blockedHosts };
}

/** An object of whole numbers; `defaults` names the fields, and a default of 0 means that it must be there. */
function counts<T extends Record<string, number>>(given: unknown, path: string, defaults: T): T {
  const fields = fieldsOf(given, path, Object.keys(defaults));
  const read = ([name, fallback]: [string, number]) => {
    const value = fields[name] ?? fallback;
    const least = name.startsWith("per") ? 0 : 1;
    if (!Number.isInteger(value) || (value as number) < least || (value as number) > 86_400)
      throw new Error(`${path}.${name} must be a whole number from ${least} to 86400`);
    return [name, value];
  };
  return Object.fromEntries(Object.entries(defaults).map(read));
}

function fieldsOf(given: unknown, path: string, known: string[]): Record<string, unknown> {
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw new Error(`${path} must be an object`);
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`${path} has no field ${unknown}; there are ${known.join(", ")}`);
  return given as Record<string, unknown>;
}
