// A zone on Colyseus in its usual way: a room with a schema, its clients' views filtered with StateView. node colyseus.js <host> <port> <scene>
import { Room, Server } from "@colyseus/core";
import { StateView, schema, t } from "@colyseus/schema";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { createMeter, openGround } from "./ground.js";

const [host, port, scene] = process.argv.slice(2);
const { grid, enter, step } = openGround(scene);
const meter = createMeter();

const Player = schema({ x: t.number(), y: t.number() }, "Player");
const Zone = schema({ players: t.map(Player).view() }, "Zone");

/** By number, as the grid knows them. */
const members = [];
const free = [];

class ZoneRoom extends Room {
  state = new Zone();
  patchRate = 50;
  messages = {
    move: (client, { x, y }) => {
      const { player, walker, id } = client.userData;
      if (!step(walker, x, y)) return;
      meter.noteStep();
      player.x = walker.x;
      player.y = walker.y;
      const [from, to] = [grid.cellOf(id), grid.cellAt(x, y)];
      if (from !== to) this.cross(client, from, to);
    },
  };

  onJoin(client) {
    const walker = enter();
    const id = free.pop() ?? members.length;
    const player = new Player({ x: walker.x, y: walker.y });
    client.userData = { player, walker, id };
    client.view = new StateView();
    members[id] = client;
    this.state.players.set(client.sessionId, player);
    client.view.add(player);
    this.cross(client, -1, grid.cellAt(walker.x, walker.y));
  }

  onLeave(client) {
    this.cross(client, grid.cellOf(client.userData.id), -1);
    this.state.players.delete(client.sessionId);
    free.push(client.userData.id);
    client.view.dispose();
  }

  /** Who comes into sight of whom, and out of it, as a player goes from cell to cell. */
  cross(client, from, to) {
    const { id, player } = client.userData;
    const [before, after] = [from < 0 ? [] : grid.near(from), to < 0 ? [] : grid.near(to)];
    const others = (cell, visit) => {
      for (const other of grid.members(cell)) if (other !== id) visit(members[other]);
    };
    for (const cell of before)
      if (!after.includes(cell))
        others(cell, (other) => {
          other.view.remove(player);
          client.view.remove(other.userData.player);
        });
    for (const cell of after)
      if (!before.includes(cell))
        others(cell, (other) => {
          other.view.add(player);
          client.view.add(other.userData.player);
        });
    grid.place(id, to);
  }

  broadcastPatch() {
    return meter.tick(() => super.broadcastPatch());
  }
}

const transport = new WebSocketTransport();
transport.getExpressApp().get("/metrics", (_request, response) => response.send(meter.text()));
const server = new Server({ transport, greet: false });
server.define("zone", ZoneRoom);
await server.listen(Number(port), host);
