import { isAway } from "#kit/errors.ts";

interface Waiting<T, R> {
  item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Writes items of one key one group after another: those that arrive while a group is being written make up the next one. A busy
 * channel so pays for one lock and one commit per group and not per message, and a quiet one waits for nobody.
 *
 * @param write stores a group, in its order, wholly or not at all; returns a result for each item.
 * @param maxSize items in one group.
 * @returns stores one item, and resolves with its result.
 */
export function createGroupCommit<T, R>(
  write: (key: string, items: T[]) => Promise<R[]>,
  maxSize = 200,
): (key: string, item: T) => Promise<R> {
  const lanes = new Map<string, Waiting<T, R>[]>();

  async function drain(key: string, lane: Waiting<T, R>[]): Promise<void> {
    while (lane.length > 0) await writeGroup(key, lane.splice(0, maxSize));
    lanes.delete(key);
  }

  async function writeGroup(key: string, group: Waiting<T, R>[]): Promise<void> {
    try {
      const results = await write(
        key,
        group.map(({ item }) => item),
      );
      group.forEach(({ resolve }, i) => {
        resolve(results[i]!);
      });
    } catch (error) {
      // One item that can't be stored must not take its neighbours along.
      if (group.length > 1 && !isAway(error)) for (const one of group) await writeGroup(key, [one]);
      else for (const { reject } of group) reject(error);
    }
  }

  return (key, item) =>
    new Promise((resolve, reject) => {
      const lane = lanes.get(key);
      if (lane) {
        lane.push({ item, resolve, reject });
        return;
      }
      const first = [{ item, resolve, reject }];
      lanes.set(key, first);
      void drain(key, first);
    });
}
