import { envelopeHead, writeEnvelopeHead } from "#kit/envelope.ts";
import { ByteWriter } from "./byte-writer.ts";
import { updateFields, writeObjects, writeWorldEvents } from "./encoding.ts";
import type { Changes, EventChange } from "./entity.ts";
import { createGrid } from "./grid.ts";
import { createInterest } from "./interest.ts";
import type { Session } from "./session.ts";
import type { Zone } from "./zone.ts";

/** Milliseconds after which an update comes although nothing has happened. */
const heartbeatMs = 1_000;
const pageSize = 64 * 1024;

const varintSize = (value: number) => Math.max(1, Math.ceil((32 - Math.clz32(value)) / 7));

/** What the audience is told through. */
export interface AudienceEvents {
  /** An update was left out, because its reader is behind. */
  dropped(): void;
  /** A reader has been behind for too long. */
  tooSlow(session: Session): void;
}

/** Tells each player at each tick what happened around them. */
export interface Audience {
  /** @param now milliseconds of the epoch. */
  tell(sessions: Iterable<Session>, now: number): void;
}

/** @param patienceMs how long a reader may be behind. */
export function createAudience(zone: Zone, patienceMs: number, events: AudienceEvents): Audience {
  const { map, entities } = zone;
  const grid = createGrid(map.width, map.height, map.cellSize);
  const interest = createInterest(grid);
  const [head, news, whole] = [new ByteWriter(256), new ByteWriter(256), new ByteWriter(256)];

  function writeWide(
    to: ByteWriter,
    objects: readonly Changes["objects"][number][],
    worldEvents: readonly EventChange[],
  ): void {
    to.clear();
    writeObjects(to, updateFields.objects, objects);
    writeWorldEvents(to, updateFields.worldEvents, worldEvents);
  }

  function writeHead(session: Session, snapshot: boolean): void {
    const { player, refusals } = session;
    head.clear();
    head.uint32(1, ++session.seq);
    head.uint32(2, zone.tick);
    head.uint32(3, player.ackedSeq);
    if (session.correction) {
      const at = head.begin(4);
      head.sint32(1, player.entity.x);
      head.sint32(2, player.entity.y);
      head.uint32(3, session.correction);
      head.end(at);
    }
    head.bool(5, snapshot);
    for (const { seq, reason } of refusals) {
      const at = head.begin(12);
      head.uint32(1, seq);
      head.string(2, reason);
      head.end(at);
    }
  }

  /** Updates stand one behind the other in here, until it is full and another takes its place. */
  let page = Buffer.alloc(0);
  let used = 0;

  /** An update in its envelope: field 2 of PlayResponse and of WatchResponse. */
  function assemble(view: { start: number; end: number }, wide: ByteWriter): Buffer {
    const size = head.length + view.end - view.start + wide.length;
    const room = envelopeHead + 1 + varintSize(size) + size;
    if (used + room > page.length) {
      page = Buffer.allocUnsafeSlow(Math.max(pageSize, room));
      used = 0;
    }
    const start = used;
    let at = start + envelopeHead;
    writeEnvelopeHead(page, start, room - envelopeHead);
    page[at++] = (2 << 3) | 2;
    for (let rest = size; ; rest >>>= 7) {
      page[at++] = rest > 127 ? (rest & 127) | 128 : rest;
      if (rest <= 127) break;
    }
    at += head.buffer.copy(page, at, 0, head.length);
    at += interest.bytes.buffer.copy(page, at, view.start, view.end);
    at += wide.buffer.copy(page, at, 0, wide.length);
    used = at;
    return page.subarray(start, at);
  }

  function tellOne(session: Session, now: number): void {
    const { outlet, player } = session;
    if (!outlet) return;
    if (!outlet.ready) {
      events.dropped();
      session.seen = -1;
      session.behindSince ||= now;
      if (now - session.behindSince > patienceMs) events.tooSlow(session);
      return;
    }
    session.behindSince = 0;
    const home = grid.cellOf(player.entity.id);
    const snapshot = session.seen < 0;
    const view = interest.view(session.seen, home);
    const wide = snapshot ? whole : news;
    const quiet = view.start === view.end && wide.length === 0 && session.toldAck === player.ackedSeq;
    if (
      quiet &&
      !snapshot &&
      !session.correction &&
      session.refusals.length === 0 &&
      now - session.toldAt < heartbeatMs
    )
      return;
    writeHead(session, snapshot);
    outlet.push(assemble(view, wide));
    session.seen = home;
    session.toldAck = player.ackedSeq;
    session.toldAt = now;
    session.correction = 0;
    session.refusals.length = 0;
  }

  return {
    tell(sessions, now) {
      const { changes } = entities;
      interest.turn(changes);
      writeWide(news, changes.objects, changes.events);
      writeWide(whole, zone.objects.all, zone.activeEvents(now));
      for (const session of sessions) tellOne(session, now);
    },
  };
}
