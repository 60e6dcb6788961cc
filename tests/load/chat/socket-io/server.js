// A chat room as Socket.IO's documentation makes it: what one says goes to all, and nothing is stored. node server.js <host> <port>
import { createServer } from "node:http";
import { Server } from "socket.io";

const [host, port] = process.argv.slice(2);
const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false });
let messageId = 0;
io.on("connection", (socket) => {
  socket.join("zone/bench");
  socket.on("say", (text, done) => {
    const message = {
      channel: "zone/bench",
      messageId: ++messageId,
      sender: { userId: socket.id, username: "ann" },
      createTime: Date.now(),
      text,
    };
    io.to("zone/bench").emit("message", message);
    done(messageId);
  });
});
http.listen(Number(port), host);
