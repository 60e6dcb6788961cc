import { spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addresses } from "../../mesh/local/topology.ts";
import { Fault } from "../fault.ts";
import { provision } from "../provision/index.ts";
import type { CreateEngine, EngineContext } from "./engine.ts";
import { ensureDatabases } from "./postgres-databases.ts";
import { reachable, reachableCopy, type User, unprivilegedUser } from "./unprivileged.ts";

/** Who may come: each role only to the database of its own name, by password, from this machine. */
const hostAccess = `
# type  database  user      address      method
host    all       postgres  127.0.0.0/8  scram-sha-256
host    sameuser  all       127.0.0.0/8  scram-sha-256
`;

/** PostgreSQL with one database and one role a service. Its data survives everything but `--fresh`. */
export const createPostgres: CreateEngine = (context) => {
  const { host, port } = addresses(context.network).postgres;
  let prepared = false;
  return {
    name: "postgres",
    // Fast shutdown: it would wait for its clients on SIGTERM.
    stopSignal: "SIGINT",
    async launch(tell) {
      prepared = false;
      const user = unprivilegedUser();
      const found = await provision("postgres", tell);
      const native = user ? reachableCopy(user, found, `postgres-${versionOf(found)}`) : found;
      const data = await ensureCluster(native, context, user);
      const settings = {
        listen_addresses: host,
        port,
        unix_socket_directories: "",
        hba_file: join(data, "pg_hba.conf"),
        password_encryption: "scram-sha-256",
        max_connections: 200,
        fsync: "on",
        log_min_messages: "warning",
        log_line_prefix: "%m [%p] %u@%d ",
      };
      return {
        file: join(native, "bin/postgres"),
        args: ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
        cwd: data,
        env: environment(native),
        ...(user && { user }),
      };
    },
    async probe() {
      if (!prepared) await ensureDatabases(adminUrl(context), context.services, context.secrets);
      prepared = true;
    },
  };
};

/** The connection of a service, to its own database. */
export function postgresUrl({ network, secrets }: EngineContext, service: string): string {
  const { host, port } = addresses(network).postgres;
  return `postgres://${service}:${secrets.get(`postgres-${service}`)}@${host}:${port}/${service}`;
}

/** The connection of the platform itself. */
export function adminUrl({ network, secrets }: EngineContext): string {
  const { host, port } = addresses(network).postgres;
  return `postgres://postgres:${secrets.get("postgres-admin")}@${host}:${port}/postgres`;
}

/** Makes the data folder at the first start and returns where it is. */
async function ensureCluster(
  native: string,
  { stateDir, secrets }: EngineContext,
  user: User | undefined,
): Promise<string> {
  const wanted = join(stateDir, "postgres");
  const data = user ? reachable(user, wanted) : wanted;
  if (existsSync(join(data, "PG_VERSION"))) return data;
  // It gets its name when it is complete.
  const partial = `${data}.new`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  const password = join(partial, "..", `${partial.split("/").at(-1)}.password`);
  writeFileSync(password, secrets.get("postgres-admin"), { mode: 0o600 });
  if (user) for (const path of [partial, password]) chownSync(path, user.uid, user.gid);
  try {
    const options = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--auth=scram-sha-256"];
    await initdb(native, ["-D", partial, "-U", "postgres", "--pwfile", password, ...options], user);
  } finally {
    rmSync(password, { force: true });
  }
  const hba = join(partial, "pg_hba.conf");
  writeFileSync(hba, hostAccess);
  chmodSync(hba, 0o600);
  rmSync(data, { recursive: true, force: true });
  renameSync(partial, data);
  return data;
}

async function initdb(native: string, args: string[], user: User | undefined): Promise<void> {
  const child = spawn(join(native, "bin/initdb"), args, {
    ...user,
    env: environment(native),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  const line = output.split("\n").find((text) => text.includes("error")) ?? output.trim().split("\n").at(-1);
  if (code !== 0) throw new Fault(`postgres: initdb failed: ${line}`);
}

/** Of the package that holds the folder; one that the person chose is known by its path. */
function versionOf(native: string): string {
  try {
    return JSON.parse(readFileSync(join(native, "../package.json"), "utf8")).version;
  } catch {
    return native.replaceAll("/", "-");
  }
}

/** The person's own PG* variables must not reach it. */
const environment = (native: string) => ({
  PATH: process.env.PATH,
  LD_LIBRARY_PATH: join(native, "lib"),
  LC_ALL: "C.UTF-8",
  TZ: "UTC",
});
