import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import {
  CorrectionSchema,
  EntitySchema,
  RefusalSchema,
  type Update,
  UpdateSchema,
  VitalsSchema,
  WorldEventSchema,
} from "#gen/game/world/v1/update_pb.ts";
import { ObjectStateSchema } from "#gen/game/world/v1/zone_pb.ts";

const [varintType, lengthDelimited] = [0, 2];
/** PlayResponse.update. */
const updateTag = (2 << 3) | lengthDelimited;

/**
 * The Update of a PlayResponse, or undefined when it is something else. The same as fromBinary, whose way by descriptors costs a process
 * of many players most of its time: numbers are read by hand, what comes seldom is left to it.
 */
export function readUpdate(bytes: Uint8Array): Update | undefined {
  if (bytes[0] !== updateTag) return undefined;
  let at = 1;

  function varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  }
  const zigzag = () => {
    const value = varint();
    return (value >>> 1) ^ -(value & 1);
  };
  function packed(into: number[], read: () => number): void {
    const size = varint();
    for (const end = at + size; at < end; ) into.push(read());
  }
  function message<T extends DescMessage>(schema: T): MessageShape<T> {
    const size = varint();
    at += size;
    return fromBinary(schema, bytes.subarray(at - size, at));
  }

  varint();
  const update: Update = {
    $typeName: UpdateSchema.typeName,
    ...{ seq: 0, tick: 0, ackedSeq: 0, snapshot: false },
    ...{ despawns: [], spawns: [], moves: [], vitals: [], objects: [], worldEvents: [], refusals: [] },
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, type] = [tag >>> 3, tag & 7];
    if (field === 1) update.seq = varint() >>> 0;
    else if (field === 2) update.tick = varint() >>> 0;
    else if (field === 3) update.ackedSeq = varint() >>> 0;
    else if (field === 4) update.correction = message(CorrectionSchema);
    else if (field === 5) update.snapshot = varint() !== 0;
    else if (field === 6) packed(update.despawns, () => varint() >>> 0);
    else if (field === 7) update.spawns.push(message(EntitySchema));
    else if (field === 8) packed(update.moves, zigzag);
    else if (field === 9) update.vitals.push(message(VitalsSchema));
    else if (field === 10) update.objects.push(message(ObjectStateSchema));
    else if (field === 11) update.worldEvents.push(message(WorldEventSchema));
    else if (field === 12) update.refusals.push(message(RefusalSchema));
    else if (type === varintType) varint();
    else if (type === lengthDelimited) at += varint();
    else throw new Error(`a field of type ${type}`);
  }
  return update;
}
