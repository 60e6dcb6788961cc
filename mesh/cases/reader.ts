import { type Document, isCollection, isMap, isScalar, isSeq, type LineCounter, type Node } from "yaml";

/** What a field may hold: gives its value, or says what it should be. */
export type Kind = (node: Node) => { value: unknown } | string;
/** The fields that a map may have. */
export type Shape = Record<string, Kind>;

export const text: Kind = (node) => (isScalar(node) && node.value !== null ? { value: String(node.value) } : "a text");
/** Whatever it is. */
export const any: Kind = (node) => ({ value: node });
export const map: Kind = (node) => (isMap(node) ? { value: node } : "a map");
export const list: Kind = (node) => (isSeq(node) ? { value: node } : "a list");
export const oneOf =
  (values: readonly unknown[]): Kind =>
  (node) =>
    isScalar(node) && values.includes(node.value) ? { value: node.value } : `one of ${values.join(", ")}`;
export const number =
  (from: number, to: number): Kind =>
  (node) =>
    isScalar(node) && Number.isInteger(node.value) && Number(node.value) >= from && Number(node.value) <= to
      ? { value: node.value }
      : `a whole number from ${from} to ${to}`;

/** Reads YAML nodes by shape. Whatever does not fit is an Error that begins with `file:line`. */
export class Reader {
  readonly #file: string;
  readonly #lines: LineCounter;
  readonly #document: Document;

  constructor(file: string, lines: LineCounter, document: Document) {
    this.#file = file;
    this.#lines = lines;
    this.#document = document;
  }

  /** `file:line` of a node. */
  at(node: unknown): string {
    const offset = (node as Node | undefined)?.range?.[0] ?? 0;
    return `${this.#file}:${this.#lines.linePos(offset).line}`;
  }

  fail(node: unknown, message: string): never {
    throw new Error(`${this.at(node)}: ${message}`);
  }

  required(node: unknown, value: unknown, name: string): unknown {
    return value ?? this.fail(node, `${name} is missing`);
  }

  /** The fields of a map, each as its kind has it; none when there is no node. */
  map(node: unknown, shape: Shape): Record<string, unknown> {
    return Object.fromEntries(
      this.entries(node).map(([key, value]) => {
        const kind =
          shape[key] ?? this.fail(value, `there is no field ${key}: there are ${Object.keys(shape).join(", ")}`);
        const read = kind(value as Node);
        return [key, typeof read === "string" ? this.fail(value, `${key} must be ${read}`) : read.value];
      }),
    );
  }

  entries(node: unknown): [string, unknown][] {
    if (node === undefined || node === null) return [];
    if (!isMap(node)) return this.fail(node, "must be a map");
    const own = node.items.map(({ key, value }): [string, unknown] => [
      isScalar(key) ? String(key.value) : String(key),
      this.#resolved(value),
    ]);
    // `<<: *anchor`: what the anchor has and this map does not say itself
    const merged = own.filter(([key]) => key === "<<").flatMap(([, base]) => this.entries(base));
    return [...new Map([...merged, ...own.filter(([key]) => key !== "<<")])];
  }

  items(node: unknown): unknown[] {
    if (node === undefined) return [];
    return isSeq(node) ? node.items.map((item) => this.#resolved(item)) : this.fail(node, "must be a list");
  }

  /** A scalar as text; null stays null. */
  plain(node: unknown): string | null {
    if (!isScalar(node)) return this.fail(node, "must be a text");
    return node.value === null ? null : String(node.value);
  }

  texts(node: unknown): string[] {
    return this.items(node).map((item) => this.plain(item) ?? this.fail(item, "must be a text"));
  }

  /** `5`, or `5-9`, or `1.5-2.5`. */
  range(node: unknown): { from: number; to: number } {
    const value = isScalar(node) ? String(node.value) : String(node);
    const [, from, to] = /^(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?$/.exec(value) ?? this.fail(node, "must be 5, or 5-9");
    return { from: Number(from), to: Number(to ?? from) };
  }

  /** What an alias stands for. */
  #resolved(node: unknown): unknown {
    if (isScalar(node) || isCollection(node)) return node;
    const alias = node as { resolve?(document: Document): unknown } | null;
    return alias?.resolve?.(this.#document) ?? node;
  }
}
