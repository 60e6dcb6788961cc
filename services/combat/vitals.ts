import { Code, ConnectError } from "@connectrpc/connect";
import type { Log } from "#kit/log.ts";
import { pause } from "#kit/pause.ts";
import type { WorldLink } from "./world-link.ts";

/** Who died, or may live again. */
export interface Fate {
  id: string;
  isPlayer: boolean;
  alive: boolean;
  /** The life that ended. */
  life: number;
}

/** Tells the world who died and who may live again, one after another. It tries on until the world has heard. */
export interface Vitals {
  tell(fate: Fate): void;
  stop(): void;
}

const retryMs = 500;

/** @param told is called when the world has heard. */
export function createVitals(options: {
  world: WorldLink;
  zoneId: string;
  told: (fate: Fate) => void;
  log: Log;
}): Vitals {
  const { world, zoneId, told, log } = options;
  const waiting: Fate[] = [];
  const stopping = new AbortController();
  let telling = false;

  async function tellAll(): Promise<void> {
    telling = true;
    for (let fate = waiting[0]; fate && !stopping.signal.aborted; fate = waiting[0])
      if (await isTold(fate)) waiting.shift();
      else await pause(retryMs, stopping.signal);
    telling = false;
  }

  async function isTold(fate: Fate): Promise<boolean> {
    const { id, alive, life } = fate;
    try {
      await world.setVitals({ zoneId, id, alive, respawn: alive, life });
      told(fate);
      return true;
    } catch (error) {
      const { code, rawMessage } = ConnectError.from(error);
      log.debug({ err: rawMessage, zone: zoneId }, "the world does not take a death or a revival");
      // Who has left the zone comes back as the world knows them.
      return code === Code.NotFound;
    }
  }

  return {
    tell(fate) {
      waiting.push(fate);
      if (!telling) void tellAll();
    },
    stop: () => stopping.abort(),
  };
}
