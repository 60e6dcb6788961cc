import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";

/**
 * Runs `work` while no other process of this user on this machine runs work of the same name. The lock is an abstract Unix socket: the kernel gives it back when
 * its holder ends, however it ends, so there is no stale lock.
 *
 * @param onWait is called once when somebody else holds the lock.
 */
export async function withLock<T>(name: string, work: () => Promise<T>, onWait?: () => void): Promise<T> {
  const path = `\0game-mesh-${createHash("sha256").update(`${process.getuid?.()}:${name}`).digest("hex").slice(0, 32)}`;
  let waited = false;
  for (;;) {
    const server = createServer();
    server.listen(path);
    try {
      await once(server, "listening");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      if (!waited) onWait?.();
      waited = true;
      await holderEnds(path);
      continue;
    }
    const waiting = new Set<{ destroy(): void }>();
    server.on("connection", (socket) => {
      waiting.add(socket);
      socket.on("error", () => undefined).on("close", () => waiting.delete(socket));
    });
    try {
      return await work();
    } finally {
      server.close();
      for (const socket of waiting) socket.destroy();
    }
  }
}

/** The holder keeps connections open as long as it holds the lock. */
function holderEnds(path: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
    socket.resume();
  });
}
