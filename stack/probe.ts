import { get } from "node:http";
import http2 from "node:http2";
import { type Address, format } from "../mesh/local/topology.ts";

const timeoutMs = 2_000;

/** Throws unless `GET path` over HTTP/1.1 is answered by 200. */
export function expectOk({ host, port }: Address, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, agent: false, timeout: timeoutMs }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${path} answers ${response.statusCode}`));
    });
    request.on("timeout", () => request.destroy(new Error(`${path} does not answer`)));
    request.on("error", reject);
  });
}

/** Throws unless `GET path` over HTTP/2 without TLS, which is all that services speak, is answered by 200. */
export async function expectOkH2c(address: Address, path: string): Promise<void> {
  const session = http2.connect(`http://${format(address)}`);
  try {
    await new Promise<void>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":path": path });
      stream.setTimeout(timeoutMs, () => reject(new Error(`${path} does not answer`)));
      stream.on("error", reject);
      stream.on("response", ({ ":status": status }) => {
        if (status === 200) resolve();
        else reject(new Error(`${path} answers ${status}`));
      });
      stream.resume();
    });
  } finally {
    session.destroy();
  }
}
