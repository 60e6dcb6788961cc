import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { type Address, format } from "../mesh/local/topology.ts";
import { Fault } from "./fault.ts";

/** Throws a Fault that names the first of `wanted` that somebody else listens on and, if it can be found, who. */
export async function expectFree(wanted: ReadonlyMap<string, Address>): Promise<void> {
  for (const [name, address] of wanted) {
    if (await isFree(address)) continue;
    const holder = listenerOn(address.port);
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

/** A process that listens on a TCP port, as far as this user may see it. */
export function listenerOn(port: number): { pid: number; command: string } | undefined {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => listeningSockets(table, port)));
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
function listeningSockets(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync(`/proc/net/${table}`, "utf8")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${wanted}`) && state === "0A")
    .map((fields) => `socket:[${fields[9]}]`);
}
