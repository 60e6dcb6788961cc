/** Whether a process takes calls: not before its first set-up is done, and not while it ends. */
export interface Readiness {
  readonly ready: boolean;
  set(ready: boolean): void;
  /** Resolves at the next change, or when `signal` is aborted. */
  changed(signal: AbortSignal): Promise<void>;
}

export function createReadiness(): Readiness {
  let ready = false;
  let change = Promise.withResolvers<void>();
  return {
    get ready() {
      return ready;
    },
    set(value) {
      if (ready === value) return;
      ready = value;
      change.resolve();
      change = Promise.withResolvers<void>();
    },
    async changed(signal) {
      const aborted = Promise.withResolvers<void>();
      const abort = () => aborted.resolve();
      if (signal.aborted) return;
      signal.addEventListener("abort", abort);
      await Promise.race([change.promise, aborted.promise]);
      signal.removeEventListener("abort", abort);
    },
  };
}
