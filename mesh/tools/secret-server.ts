import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { createAuthority } from "../local/authority.ts";
import { type Address, format } from "../local/topology.ts";

interface Request {
  resourceNames: string[];
  responseNonce: string;
}

const typeUrl = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";

/**
 * Answers every secret that an Envoy asks for with one throw-away certificate: while compiling, a listener or cluster only has to
 * become active, and the frozen files name the real certificates.
 */
export async function startSecretServer(at: Address): Promise<AsyncDisposable> {
  const authority = await createAuthority();
  const leaf = await authority.issueWorkload("compile");
  const data = (pem: string) => ({ inlineBytes: Buffer.from(pem) });
  const secret = (name: string) =>
    name === "ROOTCA" || name.startsWith("file-root:")
      ? { name, validationContext: { trustedCa: data(authority.certificate) } }
      : { name, tlsCertificate: { certificateChain: data(leaf.certificate), privateKey: data(leaf.key) } };

  function streamSecrets(call: grpc.ServerDuplexStream<Request, unknown>) {
    let version = 0;
    call.on("data", ({ resourceNames, responseNonce }: Request) => {
      if (responseNonce !== "") return; // the acknowledgement of our only answer
      version += 1;
      const resources = resourceNames.map((name) => ({ typeUrl, value: secret(name) }));
      call.write({ versionInfo: String(version), nonce: String(version), typeUrl, resources });
    });
    call.on("end", () => call.end());
    call.on("error", () => call.destroy());
  }

  const definition = loadSync(fileURLToPath(new URL("./sds.proto", import.meta.url)), { defaults: true });
  const service = definition["envoy.service.secret.v3.SecretDiscoveryService"] as grpc.ServiceDefinition;
  const server = new grpc.Server();
  server.addService(service, { streamSecrets });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(format(at), grpc.ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return {
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}
