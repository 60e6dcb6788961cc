/**
 * A uniform grid: which entities are in which cell. Cells are numbered row by row. Entities are small whole numbers; the arrays
 * grow with them, and moving one allocates nothing.
 */
export interface Grid {
  readonly cells: number;
  /** The cell of a place; places outside belong to the nearest cell. */
  cellAt(x: number, y: number): number;
  /** The cell that an entity is in, or -1. */
  cellOf(id: number): number;
  /** Puts an entity into a cell, or with -1 takes it out. */
  place(id: number, cell: number): void;
  /** The entities of a cell, in no order. Not to be changed. */
  members(cell: number): readonly number[];
  /** The cells around a cell, itself among them, rising. */
  near(cell: number): readonly number[];
  /** Calls `visit` for each entity in the cells that a rectangle touches. */
  visit(minX: number, minY: number, maxX: number, maxY: number, visit: (id: number) => void): void;
}

export function createGrid(width: number, height: number, cellSize: number): Grid {
  const columns = Math.max(1, Math.ceil(width / cellSize));
  const rows = Math.max(1, Math.ceil(height / cellSize));
  const members: number[][] = Array.from({ length: columns * rows }, () => []);
  /** By entity: its cell, and its place among the cell's members. */
  let cellOf = new Int32Array(64).fill(-1);
  let slotOf = new Int32Array(64);

  const clamp = (value: number, end: number) => (value > 0 ? Math.min(Math.floor(value / cellSize), end - 1) : 0);
  const near = members.map((_, cell) => {
    const [column, row] = [cell % columns, Math.floor(cell / columns)];
    const around: number[] = [];
    for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r++)
      for (let c = Math.max(0, column - 1); c <= Math.min(columns - 1, column + 1); c++) around.push(r * columns + c);
    return around;
  });

  function makeRoom(id: number): void {
    const size = 2 ** Math.ceil(Math.log2(id + 1));
    const [cells, slots] = [new Int32Array(size).fill(-1), new Int32Array(size)];
    cells.set(cellOf);
    slots.set(slotOf);
    cellOf = cells;
    slotOf = slots;
  }

  return {
    cells: members.length,
    cellAt: (x, y) => clamp(y, rows) * columns + clamp(x, columns),
    cellOf: (id) => (id < cellOf.length ? cellOf[id]! : -1),
    place(id, cell) {
      if (id >= cellOf.length) makeRoom(id);
      const old = cellOf[id]!;
      if (old === cell) return;
      if (old >= 0) {
        const group = members[old]!;
        const last = group.pop()!;
        if (last !== id) {
          group[slotOf[id]!] = last;
          slotOf[last] = slotOf[id]!;
        }
      }
      cellOf[id] = cell;
      if (cell >= 0) slotOf[id] = members[cell]!.push(id) - 1;
    },
    members: (cell) => members[cell]!,
    near: (cell) => near[cell]!,
    visit(minX, minY, maxX, maxY, visit) {
      for (let row = clamp(minY, rows); row <= clamp(maxY, rows); row++)
        for (let column = clamp(minX, columns); column <= clamp(maxX, columns); column++)
          for (const id of members[row * columns + column]!) visit(id);
    },
  };
}
