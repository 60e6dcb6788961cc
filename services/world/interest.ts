import { ByteWriter } from "./byte-writer.ts";
import { updateFields, writeDespawns, writeMoves, writeSpawn, writeVitals } from "./encoding.ts";
import type { Changes, Entity } from "./entity.ts";
import type { Grid } from "./grid.ts";

/**
 * What each player sees: all that is in the cells around their own. Who stands in the same cell sees the same, so everything is encoded
 * once for a cell, and what one player gets is put together of what the cells have.
 */
export interface Interest {
  /** Takes over what has changed since the tick before, and encodes it. */
  turn(changes: Changes): void;
  /**
   * The lists of an Update for somebody who saw what is around cell `from` a tick ago, or nothing (-1), and is in cell `to` now. A part
   * of `bytes.buffer`, good until the next call.
   */
  view(from: number, to: number): { start: number; end: number };
  readonly bytes: ByteWriter;
}

/** A part of the buffer that was written at one tick. */
interface Piece {
  tick: number;
  start: number;
  end: number;
}

const fields = updateFields;

export function createInterest(grid: Grid): Interest {
  const bytes = new ByteWriter(65_536);
  let tick = 0;
  const pieces = (): Piece[] => Array.from({ length: grid.cells }, () => ({ tick: 0, start: 0, end: 0 }));
  /** For each cell: what changed in it, all that is in it, all that was in it a tick ago; and what changed around it. */
  const [changed, whole, former, around] = [pieces(), pieces(), pieces(), pieces()];
  const lists = <T>(): T[][] => Array.from({ length: grid.cells }, () => []);
  const [joined, moved, vitals] = [lists<Entity>(), lists<Entity>(), lists<Entity>()];
  const gone = lists<number>();
  const touched: number[] = [];
  const crossing: Entity[] = [];
  const byId: (Entity | undefined)[] = [];
  const result = { start: 0, end: 0 };

  function touch<T>(list: T[][], cell: number, value: T): void {
    if (changed[cell]!.tick !== tick) {
      changed[cell]!.tick = tick;
      touched.push(cell);
    }
    list[cell]!.push(value);
  }

  /** Writes a piece unless this tick has it already. */
  function once(piece: Piece, write: () => void): Piece {
    if (piece.tick === tick) return piece;
    piece.tick = tick;
    piece.start = bytes.length;
    write();
    piece.end = bytes.length;
    return piece;
  }

  const keepFormer = (cell: number) =>
    once(former[cell]!, () => writeDespawns(bytes, fields.despawns, grid.members(cell)));

  const wholeOf = (cell: number) =>
    once(whole[cell]!, () => {
      for (const id of grid.members(cell)) writeSpawn(bytes, fields.spawns, byId[id]!);
    });

  function writeChanged(cell: number): void {
    const piece = changed[cell]!;
    piece.start = bytes.length;
    writeDespawns(bytes, fields.despawns, gone[cell]!);
    for (const entity of joined[cell]!) writeSpawn(bytes, fields.spawns, entity);
    writeMoves(bytes, fields.moves, moved[cell]!);
    for (const entity of vitals[cell]!) writeVitals(bytes, fields.vitals, entity);
    piece.end = bytes.length;
    gone[cell]!.length = 0;
    for (const list of [joined, moved, vitals]) list[cell]!.length = 0;
  }

  function leaveCell(id: number): void {
    touch(gone, grid.cellOf(id), id);
    grid.place(id, -1);
  }

  function joinCell(entity: Entity, cell: number): void {
    grid.place(entity.id, cell);
    byId[entity.id] = entity;
    touch(joined, cell, entity);
  }

  function sortMoves(entities: readonly Entity[]): void {
    for (const entity of entities) {
      const from = grid.cellOf(entity.id);
      // Who came or went at this tick is told of as that.
      if (from < 0 || !entity.present) continue;
      const to = grid.cellAt(entity.x, entity.y);
      if (from === to) touch(moved, from, entity);
      else {
        crossing.push(entity);
        // Before anyone changes cells: a player who leaves a cell behind loses sight of who was in it.
        if (entity.kind === "") for (const cell of grid.near(from)) if (!grid.near(to).includes(cell)) keepFormer(cell);
      }
    }
  }

  /** Appends a piece to what is being put together. */
  const add = ({ tick: written, start, end }: Piece) => {
    if (written === tick && end > start) bytes.repeat(start, end);
  };

  function aroundOf(cell: number): Piece {
    return once(around[cell]!, () => {
      for (const near of grid.near(cell)) add(changed[near]!);
    });
  }

  return {
    bytes,
    turn(changes) {
      tick++;
      bytes.clear();
      sortMoves(changes.moved);
      for (const { id } of changes.left) if (grid.cellOf(id) >= 0) leaveCell(id);
      for (const entity of crossing) {
        leaveCell(entity.id);
        joinCell(entity, grid.cellAt(entity.x, entity.y));
      }
      crossing.length = 0;
      for (const entity of changes.entered) if (entity.present) joinCell(entity, grid.cellAt(entity.x, entity.y));
      for (const entity of changes.vitals)
        if (entity.present && grid.cellOf(entity.id) >= 0) touch(vitals, grid.cellOf(entity.id), entity);
      for (const cell of touched) writeChanged(cell);
      touched.length = 0;
    },
    view(from, to) {
      if (from === to) return aroundOf(to);
      const [before, after] = [from < 0 ? [] : grid.near(from), grid.near(to)];
      // Pieces that are written first are not in the middle of what is put together.
      for (const cell of after) if (!before.includes(cell)) wholeOf(cell);
      result.start = bytes.length;
      for (const cell of before) if (!after.includes(cell)) add(former[cell]!);
      for (const cell of after) add(before.includes(cell) ? changed[cell]! : whole[cell]!);
      result.end = bytes.length;
      return result;
    },
  };
}
