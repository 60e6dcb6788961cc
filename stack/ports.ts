import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { type Address, format } from "../mesh/local/topology.ts";
import { Fault } from "./fault.ts";

/** Throws a Fault that names the first of `wanted` that somebody else listens on and, if it can be found, who. */
export async function expectFree(wanted: ReadonlyMap<string, Address>): Promise<void> {
  for (const [name, address] of wanted) {
    if (await isFree(address)) continue;
    const holder = listenerOn(address.port, address.host);
    const who = holder ? `${holder.command} (pid ${holder.pid})` : "another process";
    throw new Fault(`${name} needs ${format(address)}, which ${who} has: end it, then start again`);
  }
}

async function isFree(address: Address): Promise<boolean> {
  const server = createServer().listen({ ...address, exclusive: true });
  try {
    await once(server, "listening");
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return false;
    throw error;
  } finally {
    server.close();
  }
}

/** The process that listens on a TCP port of `host` or of the whole machine, as far as this user may see it. */
export function listenerOn(port: number, host: string): { pid: number; command: string } | undefined {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => listeningSockets(table, port, host)));
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        if (!sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`))) continue;
        return { pid: Number(pid), command: readFileSync(`/proc/${pid}/comm`, "utf8").trim() };
      }
    } catch {
      // Somebody else's process, or one that has just ended.
    }
  }
  return undefined;
}

/** The listening sockets of /proc/net/tcp, as the links in /proc/<pid>/fd name them. */
function listeningSockets(table: string, port: number, host: string): string[] {
  const hex = (n: number, digits: number) => n.toString(16).toUpperCase().padStart(digits, "0");
  // Addresses stand there with their bytes reversed.
  const address = host
    .split(".")
    .map(Number)
    .reverse()
    .map((byte) => hex(byte, 2))
    .join("");
  const listens = (local: string) => {
    const [at = "", on] = local.split(":");
    return on === hex(port, 4) && (at.endsWith(address) || /^0+$/.test(at));
  };
  return readFileSync(`/proc/net/${table}`, "utf8")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local && listens(local) && state === "0A")
    .map((fields) => `socket:[${fields[9]}]`);
}
