import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writePrivate } from "../private-file.ts";

/** Somebody to try the platform with, logged in. */
export interface Player {
  username: string;
  accessToken: string;
}

interface Credentials {
  username: string;
  password: string;
}

/**
 * Logs two players in through the edge. They are those of the last start if auth still knows them, else new ones with names that
 * nobody has. Throws while the edge or auth does not answer.
 */
export async function loginPlayers(edge: string, stateDir: string): Promise<[Player, Player]> {
  const path = join(stateDir, "secrets/players.json");
  const known = readCredentials(path);
  if (known) {
    try {
      return [await login(edge, known[0]), await login(edge, known[1])];
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
    }
  }
  const made: [Credentials, Credentials] = [await register(edge, "ann"), await register(edge, "bob")];
  writePrivate(path, JSON.stringify(made));
  return [await login(edge, made[0]), await login(edge, made[1])];
}

/** The service answered, and said no. */
class RefusedError extends Error {}

async function register(edge: string, name: string): Promise<Credentials> {
  const credentials = {
    username: `${name}-${randomBytes(3).toString("hex")}`,
    password: randomBytes(15).toString("base64url"),
  };
  await call(edge, "auth/Register", credentials);
  return credentials;
}

async function login(edge: string, credentials: Credentials): Promise<Player> {
  const { accessToken } = await call<{ accessToken: string }>(edge, "auth/Authenticate", credentials);
  return { username: credentials.username, accessToken };
}

/** One call by plain JSON. */
export async function call<T>(edge: string, path: string, body: unknown, token?: string): Promise<T> {
  const response = await fetch(`${edge}/api/v1/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });
  if (response.ok) return (await response.json()) as T;
  const text = await response.text();
  if (response.status === 401 || response.status === 404) throw new RefusedError(text);
  throw new Error(`${path} answers ${response.status} ${text}`);
}

function readCredentials(path: string): [Credentials, Credentials] | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
