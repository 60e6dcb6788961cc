import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { addresses } from "../../mesh/local/topology.ts";
import { writePrivate } from "../private-file.ts";
import { provision } from "../provision/index.ts";
import type { CreateEngine, EngineContext } from "./engine.ts";

/** Redis with its append-only file on and one user a service, each held to the keys and channels that begin with its name. */
export const createRedis: CreateEngine = (context) => {
  const { host, port } = addresses(context.network).redis;
  return {
    name: "redis",
    async launch(tell) {
      const file = await provision("redis", tell);
      const dir = join(context.stateDir, "redis");
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      writePrivate(join(dir, "users.acl"), accessList(context));
      const settings = {
        bind: host,
        port: String(port),
        dir,
        aclfile: join(dir, "users.acl"),
        appendonly: "yes",
        // The append-only file holds everything; snapshots beside it would only cost.
        save: "",
        "maxmemory-policy": "noeviction",
        daemonize: "no",
      };
      return { file, args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), cwd: dir };
    },
    async probe() {
      const redis = new Redis(redisUrl(context, "platform"), {
        lazyConnect: true,
        retryStrategy: () => null,
        connectTimeout: 1_000,
        commandTimeout: 1_000,
      });
      redis.on("error", () => undefined);
      try {
        await redis.connect();
        await redis.ping();
      } finally {
        redis.disconnect();
      }
    },
  };
};

/** The connection of a service. */
export function redisUrl({ network, secrets }: EngineContext, service: string): string {
  const { host, port } = addresses(network).redis;
  return `redis://${service}:${secrets.get(`redis-${service}`)}@${host}:${port}`;
}

/** INFO is how a client learns that the data is loaded; the rest of the administrative commands is nobody's business. */
function accessList({ services, secrets }: EngineContext): string {
  const password = (user: string) =>
    `#${createHash("sha256")
      .update(secrets.get(`redis-${user}`))
      .digest("hex")}`;
  const lines = [
    // Nobody can be this user, but Redis itself: it reads the append-only file back as this one, and drops what the user may not do.
    "user default off resetpass ~* &* +@all",
    `user platform on ${password("platform")} resetkeys resetchannels -@all +ping +info +hello +auth +client|setinfo +client|setname`,
    ...services.map(
      (name) =>
        `user ${name} on ${password(name)} resetkeys ~${name}:* resetchannels &${name}:* +@all -@admin -@dangerous +info`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}
