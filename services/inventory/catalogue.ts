import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What can be owned. */
export interface CatalogueItem {
  itemId: string;
  name: string;
  /** Whole gold; 0: it is not for sale. */
  price: number;
  /** How many of it fit into one bag. */
  stack: number;
}

/** Items by their ids, in the order of the file. */
export type Catalogue = ReadonlyMap<string, CatalogueItem>;

const fields: Record<keyof CatalogueItem, (value: unknown) => boolean> = {
  itemId: (value) => typeof value === "string" && /^[a-z][a-z0-9_]{0,47}$/.test(value),
  name: (value) => typeof value === "string" && value.length >= 1 && value.length <= 60,
  // 100 of it, the most that one purchase may name, must not cost more than one operation may move.
  price: (value) => isWhole(value, 0, 10_000_000_000),
  stack: (value) => isWhole(value, 1, 1_000_000),
};

const isWhole = (value: unknown, min: number, max: number) =>
  Number.isInteger(value) && (value as number) >= min && (value as number) <= max;

/**
 * The catalogue of a JSON text, a list of {@link CatalogueItem}.
 *
 * @throws Error that names each item and field that is malformed, and each item that is there twice.
 */
export function parseCatalogue(text: string): Catalogue {
  const list: unknown = JSON.parse(text);
  if (!Array.isArray(list)) throw new Error("the catalogue is a list of items");
  const faults = list.flatMap((item, i) => faultsOf(item ?? {}, i));
  const ids = list.map((item) => item?.itemId);
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `${id} is there twice`);
  if (faults.length + twice.length > 0) throw new Error(`the catalogue: ${[...faults, ...twice].join("; ")}`);
  return new Map(list.map((item: CatalogueItem) => [item.itemId, item]));
}

function faultsOf(item: Record<string, unknown>, i: number): string[] {
  const where = typeof item.itemId === "string" ? item.itemId : `item ${i}`;
  const malformed = Object.entries(fields).filter(([name, isGood]) => !isGood(item[name]));
  const unknown = Object.keys(item).filter((name) => !Object.hasOwn(fields, name));
  return [
    ...malformed.map(([name]) => `${where}: ${name} is malformed`),
    ...unknown.map((n) => `${where}: ${n} is unknown`),
  ];
}

/** Reads the catalogue. Without a file, the one beside this code. */
export const loadCatalogue = (file: string | undefined): Catalogue =>
  parseCatalogue(readFileSync(file ?? join(import.meta.dirname, "catalogue.json"), "utf8"));
