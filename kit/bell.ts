/** One waiter sleeps until somebody rings; a ring while nobody waits is kept for the next wait. */
export interface Bell {
  ring(): void;
  /** @returns whether it was rung within `ms`. */
  wait(ms: number): Promise<boolean>;
}

export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(ms) {
      if (!rung)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      wake = undefined;
      const was = rung;
      rung = false;
      return was;
    },
  };
}
