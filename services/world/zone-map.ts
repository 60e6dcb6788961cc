/** A zone as its data file describes it. Lengths are whole centimetres; the file has metres. */
export interface ZoneMap {
  id: string;
  name: string;
  /** Where players come into the world. One zone has it. */
  start: boolean;
  width: number;
  height: number;
  /** The side of a cell of the grid: a player sees at least this far, and at most twice as far. */
  cellSize: number;
  obstacles: Rectangle[];
  portals: PortalRule[];
  spawnPoints: Point[];
  objects: ObjectRule[];
  npcs: NpcRule[];
  events: EventRule[];
}

export interface Point {
  x: number;
  y: number;
}

/** Its edges belong to it. */
export interface Rectangle {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

export interface PortalRule {
  id: string;
  at: Point;
  radius: number;
  toZone: string;
  /** Where in that zone one comes out. */
  toPoint: Point;
}

export interface ObjectRule {
  id: string;
  kind: "door" | "chest";
  area: Rectangle;
  /** Milliseconds after which an open chest closes by itself. */
  closesAfterMs: number;
}

/** NPCs of one kind that live in an area. */
export interface NpcRule {
  kind: string;
  name: string;
  level: number;
  count: number;
  area: Rectangle;
  /** Centimetres per second. */
  speed: number;
  /** Milliseconds from death to the next life. */
  respawnMs: number;
}

/** Happens by the clock: each `everyMs` of the epoch, for `lastsMs`. Meanwhile `more` NPCs of a kind live in the zone. */
export interface EventRule {
  id: string;
  name: string;
  everyMs: number;
  lastsMs: number;
  more: { kind: string; count: number };
}

/** @throws Error that says what is wrong in the file, and where. */
export function parseZoneMap(text: string): ZoneMap {
  const file = new Reader(JSON.parse(text), "zone");
  const width = file.length("width");
  const height = file.length("height");
  const map: ZoneMap = {
    id: file.text("id", /^[a-z][a-z0-9-]{0,31}$/),
    name: file.text("name"),
    start: file.flag("start"),
    width,
    height,
    cellSize: file.length("cellSize"),
    obstacles: file.list("obstacles").map((one) => one.rectangle()),
    spawnPoints: file.list("spawnPoints").map((one) => one.point()),
    portals: file.list("portals").map((one) => ({
      id: one.text("id"),
      at: one.at("at").point(),
      radius: one.length("radius"),
      toZone: one.text("toZone"),
      toPoint: one.at("toPoint").point(),
    })),
    objects: file.list("objects").map((one) => ({
      id: one.text("id"),
      kind: one.choice("kind", ["door", "chest"] as const),
      area: one.at("area").rectangle(),
      closesAfterMs: one.milliseconds("closesAfterS", 60),
    })),
    npcs: file.list("npcs").map((one) => ({
      kind: one.text("kind", /^[a-z][a-z0-9-]{0,31}$/),
      name: one.text("name"),
      level: one.number("level"),
      count: one.number("count"),
      area: one.at("area").rectangle(),
      speed: one.length("speed"),
      respawnMs: one.milliseconds("respawnS"),
    })),
    events: file.list("events").map((one) => ({
      id: one.text("id"),
      name: one.text("name"),
      everyMs: one.milliseconds("everyS"),
      lastsMs: one.milliseconds("lastsS"),
      more: { kind: one.at("more").text("kind"), count: one.at("more").number("count") },
    })),
  };
  checkPlaces(map);
  return map;
}

/** Everything lies inside the zone, and nobody comes to life inside a wall. */
function checkPlaces(map: ZoneMap): void {
  const inside = ({ x, y }: Point) => x >= 0 && y >= 0 && x <= map.width && y <= map.height;
  const fits = ({ minX, minY, maxX, maxY }: Rectangle) =>
    minX < maxX && minY < maxY && inside({ x: minX, y: minY }) && inside({ x: maxX, y: maxY });
  const solid = [...map.obstacles, ...map.objects.map(({ area }) => area)];
  const free = (point: Point) => inside(point) && !solid.some((area) => contains(area, point));
  const demand = (holds: boolean, what: string) => {
    if (!holds) throw new Error(`zone ${map.id}: ${what}`);
  };
  demand(map.spawnPoints.length > 0, "there is no spawn point");
  for (const [i, area] of solid.entries()) demand(fits(area), `obstacle or object ${i} lies outside, or has no area`);
  for (const [i, point] of map.spawnPoints.entries()) demand(free(point), `spawn point ${i} lies outside or in a wall`);
  for (const { id, at } of map.portals) demand(free(at), `portal ${id} lies outside or in a wall`);
  for (const { kind, area } of map.npcs) demand(fits(area), `the area of ${kind} lies outside, or has no area`);
  for (const { id, more } of map.events)
    demand(
      map.npcs.some(({ kind }) => kind === more.kind),
      `event ${id} wants more of ${more.kind}, which does not live here`,
    );
  for (const { id, everyMs, lastsMs } of map.events) demand(lastsMs < everyMs, `event ${id} never ends`);
}

/** Whether the maps fit together. @throws Error that names the fault. */
export function checkWorld(maps: readonly ZoneMap[]): void {
  const byId = new Map(maps.map((map) => [map.id, map]));
  if (byId.size < maps.length) throw new Error("two zones have the same id");
  if (maps.filter(({ start }) => start).length !== 1) throw new Error("one zone, and only one, is the start");
  for (const { id, portals } of maps)
    for (const portal of portals) {
      const target = byId.get(portal.toZone);
      if (!target) throw new Error(`zone ${id}: portal ${portal.id} leads to ${portal.toZone}, which is no zone`);
      const { x, y } = portal.toPoint;
      if (x > target.width || y > target.height || target.obstacles.some((area) => contains(area, portal.toPoint)))
        throw new Error(`zone ${id}: portal ${portal.id} leads outside of ${portal.toZone} or into a wall`);
    }
}

export const contains = ({ minX, minY, maxX, maxY }: Rectangle, { x, y }: Point): boolean =>
  x >= minX && x <= maxX && y >= minY && y <= maxY;

/** How far a point is from a rectangle; 0 inside. */
export function distanceTo({ minX, minY, maxX, maxY }: Rectangle, x: number, y: number): number {
  return Math.hypot(Math.max(minX - x, 0, x - maxX), Math.max(minY - y, 0, y - maxY));
}

/** Reads JSON and knows where it is, for the message. */
class Reader {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  #fault(wants: string): Error {
    return new Error(`${this.#path} must be ${wants}`);
  }

  at(key: string | number): Reader {
    const value = (this.#value as Record<string, unknown> | undefined)?.[key];
    return new Reader(value, `${this.#path}.${key}`);
  }

  list(key: string): Reader[] {
    const found = this.at(key);
    if (found.#value === undefined) return [];
    if (!Array.isArray(found.#value)) throw found.#fault("a list");
    return found.#value.map((_, i) => found.at(i));
  }

  text(key: string, pattern = /^.{1,64}$/): string {
    const found = this.at(key);
    if (typeof found.#value !== "string" || !pattern.test(found.#value)) throw found.#fault(`a text like ${pattern}`);
    return found.#value;
  }

  choice<T extends string>(key: string, choices: readonly T[]): T {
    const found = this.at(key);
    if (!choices.includes(found.#value as T)) throw found.#fault(choices.join(" or "));
    return found.#value as T;
  }

  flag(key: string): boolean {
    return this.at(key).#value === true;
  }

  number(key: string | number): number {
    const found = this.at(key);
    if (typeof found.#value !== "number" || !(found.#value >= 0 && found.#value <= 1e6))
      throw found.#fault("a number from 0");
    return found.#value;
  }

  /** Metres to whole centimetres. */
  length(key: string | number): number {
    return Math.round(100 * this.number(key));
  }

  milliseconds(key: string, fallback?: number): number {
    return 1_000 * (fallback !== undefined && this.at(key).#value === undefined ? fallback : this.number(key));
  }

  point(): Point {
    return { x: this.length(0), y: this.length(1) };
  }

  rectangle(): Rectangle {
    return { minX: this.length(0), minY: this.length(1), maxX: this.length(2), maxY: this.length(3) };
  }
}
