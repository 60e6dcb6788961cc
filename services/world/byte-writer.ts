/** Writes protobuf into one buffer that is used again and again: what is encoded every tick allocates nothing. */
export class ByteWriter {
  buffer: Buffer;
  length = 0;

  constructor(size = 4_096) {
    this.buffer = Buffer.allocUnsafe(size);
  }

  clear(): void {
    this.length = 0;
  }

  /** What was written; good until the next writing. */
  get written(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  #room(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const bigger = Buffer.allocUnsafe(2 * Math.max(this.buffer.length, this.length + bytes));
    this.buffer.copy(bigger, 0, 0, this.length);
    this.buffer = bigger;
  }

  /** An unsigned number of at most 32 bits. */
  varint(value: number): void {
    this.#room(5);
    let rest = value >>> 0;
    while (rest > 127) {
      this.buffer[this.length++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.buffer[this.length++] = rest;
  }

  /** A sint32. */
  zigzag(value: number): void {
    this.varint((value << 1) ^ (value >> 31));
  }

  bytes(source: Uint8Array, start = 0, end = source.length): void {
    const size = end - start;
    this.#room(size);
    this.buffer.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.length);
    this.length += size;
  }

  /** Copies a part of this buffer to its end. */
  repeat(start: number, end: number): void {
    this.#room(end - start);
    this.buffer.copyWithin(this.length, start, end);
    this.length += end - start;
  }

  /** A varint field; nothing when it is 0, as proto3 has it. */
  uint32(field: number, value: number): void {
    if (value === 0) return;
    this.varint(field << 3);
    this.varint(value);
  }

  sint32(field: number, value: number): void {
    if (value === 0) return;
    this.varint(field << 3);
    this.zigzag(value);
  }

  bool(field: number, value: boolean): void {
    this.uint32(field, value ? 1 : 0);
  }

  string(field: number, value: string): void {
    if (value === "") return;
    const size = Buffer.byteLength(value);
    this.varint((field << 3) | 2);
    this.varint(size);
    this.#room(size);
    this.length += this.buffer.write(value, this.length);
  }

  /** Begins a field with a length, such as a message or packed numbers. @returns what {@link end} needs. */
  begin(field: number): number {
    this.varint((field << 3) | 2);
    this.#room(1);
    return this.length++;
  }

  /** Ends the field: writes its length where it began, and makes room there when one byte is not enough. */
  end(at: number): void {
    const size = this.length - at - 1;
    let more = 0;
    for (let rest = size >>> 7; rest > 0; rest >>>= 7) more++;
    if (more > 0) {
      this.#room(more);
      this.buffer.copyWithin(at + 1 + more, at + 1, this.length);
    }
    this.length = at;
    this.varint(size);
    this.length = at + 1 + more + size;
  }
}
