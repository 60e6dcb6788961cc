// The floor: a zone on plain WebSockets with binary frames and a grid, as little as it takes. node ws.js <host> <port> <scene>
// First it tells a player where they are: id, x, y. Up: seq, x, y (u32 each). Down each tick: tick, acknowledged seq, then id, x, y of all who are near.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { createMeter, openGround } from "./ground.js";

const [host, port, scene] = process.argv.slice(2);
const { grid, enter, step } = openGround(scene);
const meter = createMeter();
const players = [];
const free = [];

const http = createServer((_request, response) => response.end(meter.text()));
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
server.on("connection", (socket) => {
  const id = free.pop() ?? players.length;
  const player = { ...enter(), socket, seq: 0 };
  const hello = Buffer.alloc(12);
  hello.writeUInt32LE(id, 0);
  hello.writeUInt32LE(player.x, 4);
  hello.writeUInt32LE(player.y, 8);
  socket.send(hello);
  players[id] = player;
  grid.place(id, grid.cellAt(player.x, player.y));
  socket.on("message", (data) => {
    player.seq = data.readUInt32LE(0);
    if (!step(player, data.readUInt32LE(4), data.readUInt32LE(8))) return;
    meter.noteStep();
    grid.place(id, grid.cellAt(player.x, player.y));
  });
  socket.on("close", () => {
    grid.place(id, -1);
    players[id] = undefined;
    free.push(id);
  });
});

let tick = 0;
/** What stands in a cell, written once a tick for all who see it. */
const cells = Array.from({ length: grid.cells }, () => ({ tick: 0, bytes: Buffer.alloc(0) }));

function bytesOf(cell) {
  const entry = cells[cell];
  if (entry.tick === tick) return entry.bytes;
  entry.tick = tick;
  entry.bytes = Buffer.allocUnsafe(12 * grid.members(cell).length);
  let at = 0;
  for (const id of grid.members(cell)) {
    at = entry.bytes.writeUInt32LE(id, at);
    at = entry.bytes.writeUInt32LE(players[id].x, at);
    at = entry.bytes.writeUInt32LE(players[id].y, at);
  }
  return entry.bytes;
}

function tell() {
  tick++;
  for (const [id, player] of players.entries()) {
    if (!player) continue;
    const head = Buffer.allocUnsafe(8);
    head.writeUInt32LE(tick, 0);
    head.writeUInt32LE(player.seq, 4);
    player.socket.send(Buffer.concat([head, ...grid.near(grid.cellOf(id)).map(bytesOf)]));
  }
}

setInterval(() => meter.tick(tell), 50);
http.listen(Number(port), host);
