/** The floor: a bare node:http server that answers a profile as JSON. usage: node bare-http.ts HOST PORT */
import http from "node:http";

const [host, port] = process.argv.slice(2);
const body = JSON.stringify({
  profile: { userId: crypto.randomUUID(), username: "ada", displayName: "Ada", revision: "1" },
});
http
  .createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(body);
    });
  })
  .listen(Number(port), host);
