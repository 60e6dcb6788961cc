/** Lets calls of the same key, while the first is under way, share its work. */
export function createJoin<T>(): (key: string, work: () => Promise<T>) => Promise<{ result: T; joined: boolean }> {
  const underWay = new Map<string, Promise<T>>();
  return async (key, work) => {
    const same = underWay.get(key);
    if (same) return { result: await same, joined: true };
    const working = work();
    underWay.set(key, working);
    try {
      return { result: await working, joined: false };
    } finally {
      underWay.delete(key);
    }
  };
}
